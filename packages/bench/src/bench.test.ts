import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PostgresServer, startPostgres } from '@enfold/test-servers/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allBenchmarks } from './benchmarks.ts'
import { chartOf } from './chart.ts'
import { overviewOf, shortTableOf, tableOf, trendOf } from './report.ts'
import { after, type BenchmarkResult, numberText, runBenchmark } from './rounds.ts'

/** What each benchmark does at its tiny sizes, counted where it ended up. */
const WORK: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  fold: { events: 1_000, sent: 400, waiting: 100 },
  replay: { lines: 2_000 },
  command: { started: 60 },
  connections: { appended: 80 },
  bulk: { events: 700, memberships: 700, agenda: 700 },
  'bulk-million': { events: 1_400, memberships: 1_400, agenda: 1_400 },
  eventstoredb: { read: 600, appended: 56 },
  dispatch: { steps: 200 },
  latency: { steps: 200 },
  funnel: { sent: 12 },
  growth: { commands: 15, steps: 10 },
  contact: { times: 3 },
  'one-contact': {},
  'long-sequence': { steps: 20 },
  idle: {},
  require: {},
}

const benchmarks = await allBenchmarks()
let server: PostgresServer
const shared = mkdtempSync(join(tmpdir(), 'enfold-bench-'))
const results: BenchmarkResult[] = []

beforeAll(async () => {
  server = await startPostgres()
}, 120_000)
afterAll(async () => {
  rmSync(shared, { recursive: true, force: true })
  await server.stop()
}, 60_000)

describe('every contender', () => {
  for (const benchmark of benchmarks)
    it(`every contender of ${benchmark.name} does the same work and gives its figures`, {
      timeout: 300_000,
    }, async () => {
      const options = { rounds: 1, quick: true, postgres: server.url, shared, onProgress() {} }
      // Throws if two contenders did different work.
      const result = await runBenchmark(benchmark, options)
      for (const { key, leftOut, runs } of result.contenders) {
        if (leftOut !== null) {
          expect(benchmark.contenders[key]?.needs).toBe('sqlite3')
          continue
        }
        expect(runs).toHaveLength(1)
        if (benchmark.name in WORK) expect(runs[0]?.work).toEqual(WORK[benchmark.name])
        const figures = Object.entries(runs[0]?.figures ?? {})
        expect(figures.length).toBeGreaterThan(0)
        for (const [name, value] of figures) {
          expect(benchmark.figures).toHaveProperty([name])
          expect(value, `${key}, ${name}`).toSatisfy(Number.isFinite)
        }
      }
      // What is wanted names figures and contenders that there are.
      for (const { came, of, over = [] } of result.wanted) {
        const missing = [of, ...over].some((key) => result.contenders.find((one) => one.key === key)?.leftOut !== null)
        expect(came === null).toBe(missing && over.length < 2)
        if (came !== null) expect(came.median).toSatisfy(Number.isFinite)
      }
      results.push(result)
    })
})

describe('a report', () => {
  it('a report has a row for each contender and a bar for each first figure', () => {
    expect(results).toHaveLength(benchmarks.length)
    for (const result of results)
      for (const { title } of result.contenders) expect(tableOf(result)).toContain(`| ${title} |`)
    for (const { name } of results) expect(overviewOf(results)).toContain(`| ${name}: `)
    // Each line of the README has a figure of ours and one to compare it with.
    const lines = shortTableOf(results).split('\n').slice(2)
    expect(lines).toHaveLength(3)
    for (const line of lines) expect(line).toMatch(/^\| [^|]+ \| [\d.,]+ \([^|]+\) \| [\d.,]+ \([^|]+\) \|$/)
    const bars = results.flatMap(({ figures, contenders }) =>
      contenders.filter((one) => one.figures[Object.keys(figures)[0] as string] !== undefined),
    )
    expect(chartOf(results).match(/<rect /g)).toHaveLength(bars.length)
  })

  it('a report shows what the runs before came to, as far as they were of the same size', () => {
    const came = (median: number) => ({ median, min: median, max: median })
    const [first] = results as [BenchmarkResult]
    const run = (n: number, sizes = first.sizes): BenchmarkResult => ({
      ...first,
      sizes,
      at: `2026-11-${10 + n}T00:00:00.000Z`,
      wanted: [{ text: 'of the limit', figure: 'f', of: 'enfold', atLeast: 10, came: came(n), reached: n >= 10 }],
    })
    let last = run(1)
    for (let n = 2; n <= 7; n++) last = after(last, run(n))
    expect(trendOf([last]).split('\n').at(-1)).toBe(`| ${first.name}: of the limit | ≥ 10 | 3, 4, 5, 6 | 7 | **no** |`)
    expect(after(last, run(8, { other: 1 })).earlier).toBeUndefined()
    expect(after(null, run(1)).earlier).toBeUndefined()
  })

  it('a report shows three digits of a number', () => {
    expect([1234567.8, 123.4, 12.345, 1.2345, 0.12345].map(numberText)).toEqual([
      '1,234,568',
      '123',
      '12.3',
      '1.23',
      '0.12',
    ])
  })
})
