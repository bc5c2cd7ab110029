/** Charts as SVG, made on the server; with their numbers as a table, for readers who cannot see them. */
import type { Instant } from '@enfold/core'
import { epochMsOf } from '@enfold/core'
import { html } from 'hono/html'
import type { Html } from './call.ts'
import { table } from './page.ts'
import { dayOf, wallTime } from './when.ts'

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [640, 180, 44, 22, 8]

export interface Bar {
  readonly at: Instant
  /** Drawn upon each other, in this order. */
  readonly parts: readonly number[]
}

/** Bars over time; `names` are those of the parts, at most three. */
export function barChart(title: string, bars: readonly Bar[], names: readonly string[], timeZone: string): Html {
  const [first, last] = [bars[0], bars.at(-1)]
  if (first === undefined || last === undefined) return html`<p class="empty">${title}: nothing in what was read.</p>`
  const top = niceTop(Math.max(...bars.map(({ parts }) => sum(parts))))
  const [fromMs, toMs] = [epochMsOf(first.at), epochMsOf(last.at) + 3_600_000]
  const slot = Math.max(1, (toMs - fromMs) / 3_600_000)
  const width = Math.max(1, (WIDTH - LEFT) / slot - (slot > 200 ? 0 : 1))
  const x = (at: Instant) => LEFT + ((epochMsOf(at) - fromMs) / (toMs - fromMs)) * (WIDTH - LEFT)
  const drawn = bars.map(({ at, parts }) => {
    let below = 0
    return parts.map((part, i) => {
      if (part === 0) return ''
      const y = yOf(below + part, top)
      const height = yOf(below, top) - y
      below += part
      return html`<rect class="part-${i}" x="${round(x(at))}" y="${round(y)}" width="${round(width)}" height="${round(height)}"><title>${wallTime(at, timeZone)}: ${part} ${names[i]}</title></rect>`
    })
  })
  return figure(
    title,
    frame(top, [first.at, last.at], timeZone, drawn),
    html`<p class="legend">${names.map((name, i) => html`<span class="part-${i}">${name}</span> `)}</p>`,
    table(
      title,
      ['Hour', ...names],
      bars.slice(-48).map(
        ({ at, parts }) =>
          html`<tr>
<th scope="row">${wallTime(at, timeZone)}</th>${parts.map((part) => html`<td class="number">${part}</td>`)}</tr>`,
      ),
    ),
  )
}

export interface Line {
  readonly name: string
  readonly points: readonly { readonly at: Instant; readonly value: number }[]
}

/** Lines over time, at most six; all with the same instants. */
export function lineChart(title: string, lines: readonly Line[], timeZone: string): Html {
  const [first, last] = [lines[0]?.points[0], lines[0]?.points.at(-1)]
  if (first === undefined || last === undefined) return html`<p class="empty">${title}: nothing in what was read.</p>`
  const top = niceTop(Math.max(...lines.flatMap(({ points }) => points.map(({ value }) => value))))
  const spanMs = Math.max(1, epochMsOf(last.at) - epochMsOf(first.at))
  const x = (at: Instant) => LEFT + ((epochMsOf(at) - epochMsOf(first.at)) / spanMs) * (WIDTH - LEFT - 2)
  const drawn = lines.map(
    ({ name, points }, i) =>
      html`<polyline class="line-${i}" points="${points.map(({ at, value }) => `${round(x(at))},${round(yOf(value, top))}`).join(' ')}"><title>${name}</title></polyline>`,
  )
  return figure(
    title,
    frame(top, [first.at, last.at], timeZone, drawn),
    html`<p class="legend">${lines.map(({ name, points }, i) => html`<span class="line-${i}"><bdi>${name}</bdi> ${points.at(-1)?.value ?? 0}</span> `)}</p>`,
    table(
      title,
      ['Sequence', dayOf(first.at, timeZone), dayOf(last.at, timeZone)],
      lines.map(
        ({ name, points }) =>
          html`<tr>
<th scope="row"><bdi>${name}</bdi></th>
<td class="number">${points[0]?.value ?? 0}</td>
<td class="number">${points.at(-1)?.value ?? 0}</td>
</tr>`,
      ),
    ),
  )
}

function figure(title: string, chart: Html, legend: Html, numbers: Html): Html {
  return html`<figure class="chart"><figcaption>${title}</figcaption>
<div aria-hidden="true">${chart}</div>${legend}<details><summary>As numbers<span class="unseen">: ${title}</span></summary>${numbers}</details></figure>`
}

function frame(top: number, [from, to]: readonly [Instant, Instant], timeZone: string, drawn: unknown): Html {
  const line = (value: number) =>
    html`<line class="grid" x1="${LEFT}" x2="${WIDTH}" y1="${round(yOf(value, top))}" y2="${round(yOf(value, top))}"/><text class="axis" x="${LEFT - 6}" y="${round(yOf(value, top) + 4)}" text-anchor="end">${value.toLocaleString('en')}</text>`
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" xmlns="http://www.w3.org/2000/svg">${[0, top / 2, top].filter(Number.isInteger).map(line)}${drawn}
<text class="axis" x="${LEFT}" y="${HEIGHT - 5}">${dayOf(from, timeZone)}</text><text class="axis" x="${WIDTH}" y="${HEIGHT - 5}" text-anchor="end">${dayOf(to, timeZone)}</text></svg>`
}

const yOf = (value: number, top: number) => TOP + (1 - value / top) * (HEIGHT - BOTTOM - TOP)

/** 1, 2, 4, 10, 20, 40, 100 …: the first that is enough. */
function niceTop(most: number): number {
  for (let power = 1; ; power *= 10) for (const digit of [1, 2, 4]) if (digit * power >= most) return digit * power
}

const sum = (numbers: readonly number[]) => numbers.reduce((all, n) => all + n, 0)
const round = (n: number) => Math.round(n * 10) / 10
