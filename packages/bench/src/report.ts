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

/** The first figure of each benchmark, of Enfold and of what it is compared with, and how much of what was wanted came. */
export function overviewOf(results: readonly BenchmarkResult[]): string {
  return table(
    ['', 'Enfold', 'compared with', 'wanted and reached'],
    results.map(({ name, figures, contenders, wanted }) => {
      const [key, figure] = Object.entries(figures)[0] ?? []
      const shown = contenders.filter((contender) => key !== undefined && contender.figures[key] !== undefined)
      const isOurs = ({ title }: ContenderResult) => title.startsWith('Enfold')
      const ours = shown.some(isOurs) ? shown.filter(isOurs) : shown
      const medians = (some: readonly ContenderResult[]) =>
        some
          .map(({ title, figures }) => `${numberText(figures[key ?? '']?.median ?? Number.NaN)} ${shortTitle(title)}`)
          .join('<br>')
      return [
        `${name}: ${figure?.title}, ${figure?.unit}`,
        medians(ours),
        medians(shown.filter((one) => !ours.includes(one))),
        `${wanted.filter(({ reached }) => reached === true).length} of ${wanted.length}`,
      ]
    }),
  )
}

/** All that was wanted, the result, and the results of the runs before. */
export function trendOf(results: readonly BenchmarkResult[]): string {
  return table(
    ['', 'wanted', 'before', 'now', 'reached'],
    results.flatMap(({ name, wanted, earlier = [] }) =>
      wanted.map((one) => {
        const [text, bound, came, reached] = wantedCells(one) as [string, string, string, string]
        const before = earlier.flatMap((run) => run.came[text] ?? []).map(numberText)
        return [`${name}: ${text}`, bound, before.join(', '), came, reached]
      }),
    ),
  )
}

/** What the README shows: contenders by their keys, and what they are called there. */
const IN_SHORT: readonly {
  readonly name: string
  readonly figure: string
  readonly what: string
  readonly ours: readonly [key: string, title: string]
  readonly others: readonly (readonly [key: string, title: string])[]
}[] = [
  {
    name: 'dispatch',
    figure: 'speed',
    what: 'due steps',
    ours: ['sqlite', 'SQLite, one process'],
    others: [
      ['graphile', 'graphile-worker'],
      ['graphileBatched', 'the same in batches'],
    ],
  },
  {
    name: 'command',
    figure: 'one',
    what: 'orders, one at a time',
    ours: ['postgres', 'PostgreSQL'],
    others: [
      ['emmettPostgres', 'emmett-postgresql'],
      ['postgresLimit', 'bare statements'],
    ],
  },
  {
    name: 'replay',
    figure: 'speed',
    what: 'log lines, replayed',
    ours: ['two', 'two cores'],
    others: [['limit', '`JSON.parse` alone']],
  },
]

/** Three lines; all else is on the pages of the benchmarks. */
export function shortTableOf(results: readonly BenchmarkResult[]): string {
  return table(
    ['a second', 'Enfold', 'compared with'],
    IN_SHORT.flatMap(({ name, figure, what, ours, others }) => {
      const result = results.find((one) => one.name === name)
      if (result === undefined) return []
      const medianOf = ([key, title]: readonly [key: string, title: string]) => {
        const spread = result.contenders.find((one) => one.key === key)?.figures[figure]
        return spread === undefined ? [] : [`${numberText(spread.median)} (${title})`]
      }
      return [[what, medianOf(ours).join(''), others.flatMap(medianOf).join('; ')]]
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

/** Without the name that stands in the head of the column, and without what is said about how it was measured. */
function shortTitle(title: string): string {
  return title.replace(/^Enfold,? ?/, '').replace(/[,;] (?:without|one round).*$| \((?!`).*$/, '')
}

function capitalised(text: string): string {
  return text.startsWith('`') ? text : text.charAt(0).toUpperCase() + text.slice(1)
}
