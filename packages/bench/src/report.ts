/** Results as text: the tables that are printed and those that stand in the documentation. */
import { type BenchmarkResult, type ContenderResult, numberText, type Spread, type WantedResult } from './rounds.ts'

/** Everything of one benchmark: figures of all contenders, and what was wanted of them. */
export function tableOf(result: BenchmarkResult): string {
  const shown = Object.entries(result.figures).filter(([key]) =>
    result.contenders.some(({ figures }) => figures[key] !== undefined),
  )
  const loads = result.contenders.flatMap(({ runs }) => runs.map(({ load }) => load))
  const [lowest, highest] = [Math.min(...loads), Math.max(...loads)].map((load) => load.toFixed(1))
  return [
    `### ${result.name}`,
    '',
    `${capitalised(result.what)}. ${result.rounds === 1 ? 'One round' : `${result.rounds} rounds`}, load average ${lowest} to ${highest}.`,
    '',
    table(
      ['', ...shown.map(([, { title, unit }]) => `${title}, ${unit}`)],
      result.contenders.map((contender) => [
        contender.title,
        ...cellsOf(
          contender,
          shown.map(([key]) => key),
        ),
      ]),
    ),
    '',
    table(['wanted', '', 'came', ''], result.wanted.map(wantedCells)),
  ].join('\n')
}

/** What the README shows: figures of ours, and of a peer. Contenders by the start of their titles. */
const IN_SHORT = [
  {
    name: 'dispatch',
    figure: 'speed',
    what: 'Due steps, dispatched',
    ours: 'Enfold on SQLite',
    peer: 'graphile-worker',
  },
  {
    name: 'command',
    figure: 'one',
    what: 'Orders, one at a time',
    ours: 'Enfold on PostgreSQL',
    peer: 'emmett-postgresql',
  },
  { name: 'replay', figure: 'speed', what: 'Log lines, replayed', ours: 'Enfold, both cores', peer: 'reading lines' },
] as const

/** Three lines; all else is in `docs/benchmarks.md`. */
export function shortTableOf(results: readonly BenchmarkResult[]): string {
  return table(
    ['', 'Enfold', 'Next to it'],
    IN_SHORT.flatMap(({ name, figure, what, ours, peer }) => {
      const result = results.find((one) => one.name === name)
      const unit = result?.figures[figure]?.unit
      if (result === undefined || unit === undefined) return []
      const mediansOf = (start: string) =>
        result.contenders
          .filter(({ title }) => title.startsWith(start))
          .flatMap(({ title, figures }) => {
            const spread = figures[figure]
            return spread === undefined ? [] : [`${numberText(spread.median)} (${title})`]
          })
          .join('; ')
      return [[`${what}, ${unit}`, mediansOf(ours), mediansOf(peer)]]
    }),
  )
}

/** Where and with what it was measured. */
export function circumstancesOf(results: readonly BenchmarkResult[]): string {
  const [first] = results
  if (first === undefined) return ''
  const { cpus, memoryGb, platform, node, packages } = first.machine
  const days = [...new Set(results.map(({ at }) => at.slice(0, 10)))].join(', ')
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`)
  const minutes = Math.ceil(results.reduce((sum, { seconds }) => sum + seconds, 0) / 60)
  return `${days}: ${cpus}, ${memoryGb} GB, ${platform}, Node ${node}; ${versions.join(', ')}. All of it took ${minutes} minutes.`
}

function wantedCells({ text, atLeast, atMost, came, reached }: WantedResult): string[] {
  const bound = atLeast === undefined ? `≤ ${numberText(atMost ?? Number.NaN)}` : `≥ ${numberText(atLeast)}`
  return [
    text,
    bound,
    came === null ? '–' : spreadText(came),
    reached === null ? 'not measured' : reached ? 'yes' : '**no**',
  ]
}

function cellsOf({ figures, leftOut }: ContenderResult, keys: readonly string[]): string[] {
  return keys.map((key, i) => {
    const spread = figures[key]
    if (spread !== undefined) return spreadText(spread)
    return i === 0 && leftOut !== null ? `left out: ${leftOut}` : ''
  })
}

function spreadText({ median, min, max }: Spread): string {
  const text = numberText(median)
  return min === max ? text : `${text} (${numberText(min)}–${numberText(max)})`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n')
}

function capitalised(text: string): string {
  return text.startsWith('`') ? text : text.charAt(0).toUpperCase() + text.slice(1)
}
