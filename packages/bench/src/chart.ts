/**
 * Results as one SVG: for each benchmark the bars of its first figure. Put together by hand: a bar is one rectangle, and
 * the chart libraries that run in Node without a DOM bring a megabyte for it.
 */
import { type BenchmarkResult, numberText } from './rounds.ts'

const WIDTH = 880
const LABEL = 400
const BAR = 300
const ROW = 20

export function chartOf(results: readonly BenchmarkResult[]): string {
  const parts: string[] = []
  let y = 10
  for (const result of results) {
    const [key, figure] = Object.entries(result.figures)[0] ?? []
    if (key === undefined || figure === undefined) continue
    const better = figure.better === 'more' ? 'longer is better' : 'shorter is better'
    parts.push(text(0, y + 14, `${result.name}: ${figure.title}, ${figure.unit} (${better})`, 'head'))
    y += ROW + 4
    const shown = result.contenders.flatMap(({ title, figures }) => {
      const spread = figures[key]
      return spread === undefined ? [] : [{ title, spread }]
    })
    const longest = Math.max(...shown.map(({ spread }) => spread.max))
    for (const { title, spread } of shown) {
      const length = (value: number) => Math.round((value / longest) * BAR * 10) / 10
      const kind = title.startsWith('Enfold') ? 'ours' : 'other'
      const middle = y + ROW / 2 - 2
      parts.push(
        text(LABEL - 8, y + 13, title.replaceAll('`', ''), 'label'),
        `<rect class="${kind}" x="${LABEL}" y="${y + 1}" width="${length(spread.median)}" height="${ROW - 6}"/>`,
        `<path class="spread" d="M${LABEL + length(spread.min)} ${middle}H${LABEL + length(spread.max)}"/>`,
        text(LABEL + length(spread.max) + 8, y + 13, numberText(spread.median), 'value'),
      )
      y += ROW
    }
    y += 16
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-labelledby="t" font-family="system-ui, sans-serif" font-size="12">`,
    '<title id="t">The first figure of each benchmark, contender by contender; the tables have the numbers</title>',
    '<style>text{fill:#333}.head{font-weight:600}.label{text-anchor:end}.ours{fill:#2563eb}.other{fill:#a8b0bd}.spread{stroke:#111;stroke-width:1.5}@media(prefers-color-scheme:dark){text{fill:#ddd}.spread{stroke:#eee}}</style>',
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

function text(x: number, y: number, content: string, kind: string): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text class="${kind}" x="${x}" y="${y}">${escaped}</text>`
}
