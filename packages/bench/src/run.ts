/**
 * `pnpm bench [name…] [--rounds=3] [--quick] [--docs]`: measures, prints the tables, and writes each result into
 * `results/`. Sizes and rounds are such that all of them end within twenty minutes; `bulk-million` runs only when it is named. `--docs` writes all that stands there into `docs/` and the README as well; with `--rounds=0` without measuring again.
 * `ENFOLD_POSTGRES_URL` uses your server (of a superuser) instead of one of its own.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startPostgres } from '@enfold/test-servers/postgres'
import { allBenchmarks, benchmarkNames, benchmarkOf, usualNames } from './benchmarks.ts'
import { chartOf } from './chart.ts'
import { circumstancesOf, overviewOf, shortTableOf, tableOf, trendOf } from './report.ts'
import { after, type BenchmarkResult, judgedAgain, runBenchmark } from './rounds.ts'

const results = join(import.meta.dirname, '../results')
const root = join(import.meta.dirname, '../../..')
const docs = join(root, 'docs')
/** Where all figures stand; `docs/benchmarks.md` has the drawing of the first of each, and what was wanted and reached. */
const FULL_PAGE = '0026-what-the-benchmarks-measured.md'
const print = (text: string) => process.stdout.write(`${text}\n`)

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    docs: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const usage = `pnpm bench [NAME…] [--rounds=3] [--quick] [--docs]. There are: ${benchmarkNames.join(', ')}.`
const rounds = Number(values.rounds)
const unknown = positionals.filter((name) => !benchmarkNames.includes(name))
if (values.help) print(usage)
else if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 0) {
  print(`${usage} Rounds are a whole number.`)
  process.exitCode = 2
} else {
  if (rounds > 0) await measure()
  if (values.docs) await writeDocs()
}

async function measure(): Promise<void> {
  const beganAt = performance.now()
  const names = positionals.length === 0 ? usualNames : benchmarkNames.filter((name) => positionals.includes(name))
  const chosen = await Promise.all(names.map(benchmarkOf))
  const needsServer = chosen.some(({ contenders }) =>
    Object.values(contenders).some(({ needs }) => needs === 'postgres'),
  )
  const yours = process.env.ENFOLD_POSTGRES_URL
  // Durable as a server is by default, with room for the connections of all workers.
  const server =
    needsServer && yours === undefined
      ? await startPostgres({ settings: ['max_connections=200'] })
      : { url: yours ?? '', stop() {} }
  const shared = mkdtempSync(join(tmpdir(), 'enfold-bench-'))
  try {
    for (const benchmark of chosen) {
      const { quick } = values
      const options = { rounds: quick ? 1 : rounds, quick, postgres: server.url, shared, onProgress: print }
      let result: BenchmarkResult
      try {
        result = await runBenchmark(benchmark, options)
      } catch (error) {
        // The others are measured all the same.
        print(`\n${benchmark.name} failed. ${error instanceof Error ? error.stack : error}\n`)
        process.exitCode = 1
        continue
      }
      print(`\n${tableOf(result)}\n`)
      if (quick) continue
      mkdirSync(results, { recursive: true })
      writeFileSync(fileOf(result.name), `${JSON.stringify(after(keptOf(result.name), result), null, 2)}\n`)
    }
    print(`All took ${((performance.now() - beganAt) / 60_000).toFixed(1)} minutes.`)
  } finally {
    await server.stop()
    rmSync(shared, { recursive: true, force: true })
  }
}

function fileOf(name: string): string {
  return join(results, `${name}.json`)
}

/** The last result that is kept; `null`: none is. */
function keptOf(name: string): BenchmarkResult | null {
  return existsSync(fileOf(name)) ? (JSON.parse(readFileSync(fileOf(name), 'utf8')) as BenchmarkResult) : null
}

async function writeDocs(): Promise<void> {
  const all = (await allBenchmarks()).flatMap((benchmark) => {
    const kept = keptOf(benchmark.name)
    return kept === null ? [] : judgedAgain(benchmark, kept)
  })
  const short = [
    '# Benchmarks',
    '',
    `The first figure of each benchmark, next to peers and to the least that any program must do for the same result, in the same run. [Decision ${FULL_PAGE.slice(0, 4)}](decisions/${FULL_PAGE}) has all figures, their spread and the machine; [decision 0016](decisions/0016-where-the-time-goes.md) says where the time goes, and why some figures are missed. \`pnpm bench\` measures again.`,
    '',
    '![The first figure of each benchmark](images/benchmarks.svg)',
    '',
    '## Wanted and reached',
    '',
    'What was wanted, what the last run came to, and the runs of the same size before it, the oldest first. What is "of" something is a ratio.',
    '',
    trendOf(all),
    '',
  ]
  writeFileSync(join(docs, 'benchmarks.md'), short.join('\n'))
  const whole = [
    `# ${Number(FULL_PAGE.slice(0, 4))}. What the benchmarks measured`,
    '',
    'Written by `pnpm bench --docs`. Median of the rounds, with minimum and maximum. Each contender runs in a fresh process, in turns with the others; ratios are made within a round. "Limit" is the least that any program must do for the same result. What is wanted is written down before it is measured, and what is missed is shown.',
    '',
    circumstancesOf(all),
    '',
    'The median of the first figure of each:',
    '',
    overviewOf(all),
    '',
    all.map(tableOf).join('\n\n'),
    '',
  ]
  writeFileSync(join(docs, 'decisions', FULL_PAGE), whole.join('\n'))
  const readme = join(root, 'README.md')
  const marks = /(<!-- benchmarks -->\n)[\s\S]*?(<!-- end of benchmarks -->)/
  writeFileSync(
    readme,
    readFileSync(readme, 'utf8').replace(marks, (_, before, after) => `${before}${shortTableOf(all)}\n${after}`),
  )
  writeFileSync(join(docs, 'images/benchmarks.svg'), chartOf(all))
}
