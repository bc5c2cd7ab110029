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

/** One line for each benchmark, with its first figure: what a README has room for. */
export function shortTableOf(results: readonly BenchmarkResult[]): string {
  return table(
    ['', 'median', 'wanted, and reached'],
    results.map(({ name, figures, contenders, wanted }) => {
      const [first] = Object.entries(figures)
      if (first === undefined) throw new Error(`${name} has no figures.`)
      const [key, { title, unit }] = first
      const medians = contenders.flatMap((one) => {
        const spread = one.figures[key]
        return spread === undefined ? [] : [`${one.title.replace(/;? ?one round$/, '')}: ${numberText(spread.median)}`]
      })
      const measured = wanted.filter(({ reached }) => reached !== null)
      const reached = measured.filter((one) => one.reached).length
      return [`${name}: ${title}, ${unit}`, medians.join('<br>'), `${reached} of ${measured.length}`]
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
