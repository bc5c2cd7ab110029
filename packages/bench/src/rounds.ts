/** Runs benchmarks: each contender in a fresh process, in turns, and makes medians of the rounds. Prints nothing. */
import { fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, cpus, loadavg, platform, tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import type { Benchmark, Figure, Given, Measured, Sizes, Wanted } from './benchmark.ts'
import type { RunOrder } from './contender.ts'

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export interface ContenderResult {
  readonly key: string
  readonly title: string
  /** Why it did not run; then there are no runs. */
  readonly leftOut: string | null
  /** One for each round, with the load of the machine (one minute) before it. */
  readonly runs: readonly (Measured & { readonly load: number })[]
  readonly figures: Readonly<Record<string, Spread>>
}

export interface WantedResult extends Wanted {
  /** Of each round; `null`: a contender that it needs was left out. */
  readonly came: Spread | null
  readonly reached: boolean | null
}

/** What an earlier run came to. */
export interface EarlierRun {
  readonly at: string
  /** Medians, by the texts of what was wanted. */
  readonly came: Readonly<Record<string, number>>
}

export interface BenchmarkResult {
  readonly name: string
  readonly what: string
  readonly sizes: Sizes
  readonly rounds: number
  readonly at: string
  readonly seconds: number
  readonly machine: Machine
  readonly figures: Readonly<Record<string, Figure>>
  readonly contenders: readonly ContenderResult[]
  readonly wanted: readonly WantedResult[]
  /** The runs before this one, the oldest first. Left out: none is kept. */
  readonly earlier?: readonly EarlierRun[]
}

/** So many runs are kept: the last one and those before it. */
const RUNS_KEPT = 5

/** The result with those that it follows, as far as they were of the same size. */
export function after(before: BenchmarkResult | null, result: BenchmarkResult): BenchmarkResult {
  if (before === null || JSON.stringify(before.sizes) !== JSON.stringify(result.sizes)) return result
  const came = Object.fromEntries(
    before.wanted.flatMap((one) => (one.came === null ? [] : [[one.text, one.came.median] as const])),
  )
  return { ...result, earlier: [...(before.earlier ?? []), { at: before.at, came }].slice(1 - RUNS_KEPT) }
}

export interface Machine {
  readonly cpus: string
  readonly memoryGb: number
  readonly platform: string
  readonly node: string
  readonly packages: Readonly<Record<string, string>>
}

export interface RoundOptions {
  readonly rounds: number
  readonly quick: boolean
  /** Of a server with fsync on; "" where none is needed. */
  readonly postgres: string
  /** A folder that outlives this benchmark. */
  readonly shared: string
  readonly onProgress: (line: string) => void
}

const program = join(import.meta.dirname, 'contender.ts')

export async function runBenchmark(benchmark: Benchmark, options: RoundOptions): Promise<BenchmarkResult> {
  const { quick, postgres, shared, onProgress } = options
  const rounds = Math.min(options.rounds, benchmark.rounds ?? options.rounds)
  const sizes = quick ? benchmark.quick : benchmark.full
  const folder = mkdtempSync(join(tmpdir(), `enfold-bench-${benchmark.name}-`))
  const given: Given = { sizes, folder, shared, postgres }
  const beganAt = performance.now()
  const contenders = Object.entries(benchmark.contenders).map(([key, { title, needs }]) => ({
    key,
    title,
    leftOut: needs === 'sqlite3' ? missingSqlite3() : null,
    runs: [] as (Measured & { load: number })[],
  }))
  try {
    if (benchmark.prepare !== undefined) {
      onProgress(`${benchmark.name}: preparing`)
      await inFreshProcess({ benchmark: benchmark.name, contender: null, given })
    }
    for (let round = 1; round <= rounds; round++)
      for (const contender of contenders) {
        if (contender.leftOut !== null) continue
        if (round > 1 && benchmark.contenders[contender.key]?.once) continue
        const load = loadavg()[0] ?? 0
        const measured = await inFreshProcess({ benchmark: benchmark.name, contender: contender.key, given })
        if (measured === null) throw new Error(`${benchmark.name}, ${contender.key}: no result.`)
        contender.runs.push({ ...measured, load })
        const figures = Object.entries(measured.figures).map(([key, value]) => `${key} ${numberText(value)}`)
        onProgress(`${benchmark.name} ${round}/${rounds} ${contender.title}: ${figures.join(', ')}`)
      }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  refuseOtherWork(benchmark.name, contenders)
  const results = contenders.map((contender) => ({ ...contender, figures: spreadsOf(contender.runs) }))
  return {
    name: benchmark.name,
    what: benchmark.what.replace(/\{(\w+)\}/g, (_, name) => numberText(sizes[name] ?? Number.NaN)),
    sizes,
    rounds,
    at: new Date().toISOString(),
    seconds: Math.round((performance.now() - beganAt) / 1000),
    machine: machine(),
    figures: benchmark.figures,
    contenders: results,
    wanted: benchmark.wanted.map((wanted) => judge(wanted, benchmark.figures, results)),
  }
}

/** A result that is kept, held against what is wanted today. */
export function judgedAgain({ wanted, figures }: Benchmark, result: BenchmarkResult): BenchmarkResult {
  return { ...result, wanted: wanted.map((one) => judge(one, figures, result.contenders)) }
}

function inFreshProcess(order: RunOrder): Promise<Measured | null> {
  return new Promise((resolve, reject) => {
    const child = fork(program, [JSON.stringify(order)], {
      execArgv: ['--expose-gc', '--max-old-space-size=8192'],
      // Half a second less for each start; what is measured has been warmed up by then.
      env: { ...process.env, NODE_COMPILE_CACHE: join(order.given.shared, 'compiled') },
      // What a peer prints is none of the table.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let result: Measured | null | undefined
    let errors = ''
    child.stderr?.on('data', (chunk) => {
      errors = (errors + String(chunk)).slice(-10_000)
    })
    child.on('message', (message) => {
      result = message as Measured | null
    })
    child.on('close', (code) => {
      if (code === 0 && result !== undefined) resolve(result)
      else reject(new Error(`${order.benchmark}, ${order.contender ?? 'preparing'}, ended with ${code}:\n${errors}`))
    })
  })
}

/** Figures of different work are no comparison. */
function refuseOtherWork(name: string, contenders: readonly { key: string; runs: readonly Measured[] }[]): void {
  const runs = contenders.flatMap(({ key, runs }) => runs.map(({ work }) => ({ key, work: JSON.stringify(work) })))
  const other = runs.find(({ work }) => work !== runs[0]?.work)
  if (other !== undefined)
    throw new Error(`${name}: ${other.key} did ${other.work}, and ${runs[0]?.key} did ${runs[0]?.work}.`)
}

function spreadsOf(runs: readonly Measured[]): Record<string, Spread> {
  const keys = new Set(runs.flatMap(({ figures }) => Object.keys(figures)))
  return Object.fromEntries([...keys].map((key) => [key, spreadOf(runs.map(({ figures }) => figures[key] as number))]))
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const median = ((sorted[Math.ceil(middle) - 1] as number) + (sorted[Math.floor(middle)] as number)) / 2
  return { median, min: sorted[0] as number, max: sorted.at(-1) as number }
}

/** Round by round, because what else the machine does is most alike within one. */
function judge(
  wanted: Wanted,
  figures: Benchmark['figures'],
  contenders: readonly Pick<ContenderResult, 'key' | 'runs'>[],
): WantedResult {
  // Of results that are kept: a contender or a figure may be newer than they are.
  const valuesOf = (key: string, figure: string) =>
    contenders.find((one) => one.key === key)?.runs.flatMap((run) => run.figures[figure] ?? []) ?? []
  const mine = valuesOf(wanted.of, wanted.figure)
  const overFigure = wanted.overFigure ?? wanted.figure
  const others = wanted.over?.map((key) => valuesOf(key, overFigure)).filter((values) => values.length > 0)
  if (mine.length === 0 || others?.length === 0) return { ...wanted, came: null, reached: null }
  const best = figures[overFigure]?.better === 'more' ? Math.max : Math.min
  const came = spreadOf(
    mine.map((value, round) => {
      if (others === undefined) return value
      const other = best(...others.map((one) => one[round] as number))
      return wanted.by === 'difference' ? value - other : value / other
    }),
  )
  const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = wanted
  return { ...wanted, came, reached: came.median >= atLeast && came.median <= atMost }
}

const require = createRequire(import.meta.url)

/** It comes as source, and building it with every checkout would ask everyone for a compiler. */
function missingSqlite3(): string | null {
  try {
    require('sqlite3')
    return null
  } catch {
    return 'sqlite3 is not built here; `pnpm bench:peers` builds it'
  }
}

const PEERS = [
  '@castore/core',
  '@event-driven-io/emmett',
  '@event-driven-io/emmett-esdb',
  '@event-driven-io/emmett-postgresql',
  '@event-driven-io/emmett-sqlite',
  '@eventstore/db-client',
  'graphile-worker',
  'pg',
  'pg-boss',
  'sqlite3',
]

function machine(): Machine {
  const all = cpus()
  return {
    cpus: `${all.length} × ${all[0]?.model ?? 'unknown'}`,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    platform: `${platform()} ${arch()}`,
    node: process.version,
    packages: Object.fromEntries(PEERS.map((name) => [name, versionOf(name)])),
  }
}

/** Not every package exports its manifest: looked for above the file that it resolves to. */
function versionOf(name: string): string {
  for (let folder = dirname(require.resolve(name)); folder !== dirname(folder); folder = dirname(folder))
    try {
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>
      if (manifest.name === name && manifest.version !== undefined) return manifest.version
    } catch {
      // Not here: one further up.
    }
  return 'unknown'
}

/** Three digits that count, thousands apart. */
export function numberText(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(value < 1 ? 2 : 3)))
}
