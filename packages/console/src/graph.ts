/** A campaign's graph, drawn: layered by dagre, written as SVG on the server. Each node is a link. */
import dagre from '@dagrejs/dagre'
import type { CampaignDefinition, Condition, Route } from '@enfold/core'
import { html } from 'hono/html'
import type { Html } from './call.ts'

export interface NodeNumbers {
  readonly active: number
  readonly waiting: number
}

const [WIDTH, HEIGHT, MARGIN] = [210, 62, 12]
/** What fits into a box. */
const MAX_TITLE = 25
const MAX_LABEL = 30

interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

interface Point {
  readonly x: number
  readonly y: number
}

interface Edge {
  readonly points: readonly Point[]
  /** Of its label, if it has one. */
  readonly x?: number
  readonly y?: number
  readonly width?: number
  readonly height?: number
}

/**
 * @param numbers of each sequence, by its id
 * @param hrefOf where a click on a node leads
 */
export function campaignGraph(
  definition: CampaignDefinition,
  numbers: ReadonlyMap<string, NodeNumbers>,
  hrefOf: (nodeId: string) => string,
  selected: string | null,
): Html {
  // Nodes are known to dagre by numbers: ids are hostile keys.
  const nodes = [
    ...definition.goals.map((goal) => ({ ...goal, is: 'goal' as const })),
    ...definition.sequences.map((sequence) => ({ ...sequence, is: 'sequence' as const })),
  ]
  const numberOf = new Map(nodes.map(({ id }, i) => [id, String(i)]))
  const graph = new dagre.graphlib.Graph({ multigraph: true })
  graph.setGraph({ rankdir: 'TB', nodesep: 28, ranksep: 44, marginx: 0, marginy: 0 })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const i of nodes.keys()) graph.setNode(String(i), { width: WIDTH, height: HEIGHT })
  const routes = nodes.flatMap(({ id, next = [] }) =>
    next.map((route) => ({
      from: numberOf.get(id) as string,
      to: numberOf.get(targetOf(route)),
      label: labelOf(route),
    })),
  )
  for (const [i, { from, label, to }] of routes.entries())
    if (to !== undefined)
      graph.setEdge(
        from,
        to,
        {
          labelpos: 'c',
          width: label === '' ? 0 : Math.min(label.length, MAX_LABEL) * 6.6 + 8,
          height: label === '' ? 0 : 18,
        },
        String(i),
      )
  dagre.layout(graph)
  const box = (i: number) => graph.node(String(i)) as Box

  const edgeOf = (i: number) => {
    const { from, to } = routes[i] as (typeof routes)[number]
    return to === undefined ? null : (graph.edge(from, to, String(i)) as Edge)
  }
  const frame = frameOf(
    nodes.map((_, i) => box(i)),
    routes.flatMap((_, i) => edgeOf(i) ?? []),
  )

  const edges = routes.map(({ label }, i) => {
    const edge = edgeOf(i)
    if (edge === null) return ''
    const { points, x, y } = edge
    return html`<path class="edge" d="${pathOf(points)}" marker-end="url(#arrow)"/>${
      label === '' || x === undefined || y === undefined
        ? ''
        : html`<g class="edge-label"><title>${label}</title><text x="${round(x)}" y="${round(y + 4)}" text-anchor="middle">${cut(label, MAX_LABEL)}</text></g>`
    }`
  })
  const drawn = nodes.map((node, i) => {
    const { x, y } = box(i)
    const title = node.name ?? node.id
    const about =
      node.is === 'goal' ? goalText(node.achievableBy) : sequenceText(node.steps.length, numbers.get(node.id))
    return html`<a href="${hrefOf(node.id)}" class="node ${node.is}${node.id === selected ? ' selected' : ''}"><title>${title}: ${about}</title>
<rect x="${round(x - WIDTH / 2)}" y="${round(y - HEIGHT / 2)}" width="${WIDTH}" height="${HEIGHT}" rx="${node.is === 'goal' ? HEIGHT / 2 : 8}"/>
<text x="${round(x)}" y="${round(y - 5)}" text-anchor="middle" class="title">${cut(title, MAX_TITLE)}</text>
<text x="${round(x)}" y="${round(y + 16)}" text-anchor="middle" class="about">${about}</text></a>`
  })
  return html`<div class="scroll graph" role="region" aria-label="Graph of the campaign" tabindex="0"><svg viewBox="${frame.left} ${frame.top} ${frame.width} ${frame.height}" width="${frame.width}" height="${frame.height}" xmlns="http://www.w3.org/2000/svg" role="group" aria-label="Goals, sequences and the routes between them">
<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" class="arrow"/></marker></defs>
${edges}${drawn}</svg></div>`
}

/** What holds every box, line and label. The size that dagre tells leaves out the lines: those that lead back lie outside. */
function frameOf(boxes: readonly Box[], edges: readonly Edge[]) {
  const corners = [
    ...boxes,
    ...edges.flatMap(({ height = 0, width = 0, x, y }) =>
      x === undefined || y === undefined ? [] : [{ x, y, width, height }],
    ),
  ].flatMap(({ height, width, x, y }) => [
    { x: x - width / 2, y: y - height / 2 },
    { x: x + width / 2, y: y + height / 2 },
  ])
  const points = [...corners, ...edges.flatMap((edge) => edge.points)]
  // By rounds: a campaign may have more lines than a call takes arguments.
  const least = (of: (point: Point) => number) => points.reduce((low, point) => Math.min(low, of(point)), 0)
  const most = (of: (point: Point) => number) => points.reduce((high, point) => Math.max(high, of(point)), 0)
  const [left, top] = [Math.floor(least(({ x }) => x)) - MARGIN, Math.floor(least(({ y }) => y)) - MARGIN]
  return {
    left,
    top,
    width: Math.ceil(most(({ x }) => x)) + MARGIN - left,
    height: Math.ceil(most(({ y }) => y)) + MARGIN - top,
  }
}

const goalText = (by: string | undefined) => (by === 'members' ? 'goal, for members' : 'goal, for anyone')

function sequenceText(steps: number, numbers: NodeNumbers | undefined): string {
  const { active = 0, waiting = 0 } = numbers ?? {}
  return `${active.toLocaleString('en')} active${waiting === 0 ? '' : `, ${waiting.toLocaleString('en')} waiting`} · ${steps} step${steps === 1 ? '' : 's'}`
}

function targetOf(route: Route): string {
  return typeof route === 'string' ? route : route.to
}

/** "if spend ≥ 1000", "otherwise"; empty for a route without a condition. */
function labelOf(route: Route): string {
  if (typeof route === 'string') return ''
  return 'otherwise' in route ? 'otherwise' : `if ${conditionText(route.if)}`
}

export function conditionText(condition: Condition): string {
  if ('all' in condition) return condition.all.map(conditionText).join(' and ')
  if ('any' in condition) return condition.any.map(conditionText).join(' or ')
  if ('none' in condition) return `not (${condition.none.map(conditionText).join(' or ')})`
  if ('tag' in condition) return `tag ${condition.tag}`
  const name = 'field' in condition ? condition.field : condition.var
  if ('exists' in condition) return condition.exists ? `has ${name}` : `has no ${name}`
  if ('equals' in condition) return `${name} = ${JSON.stringify(condition.equals)}`
  if ('in' in condition) return `${name} in ${JSON.stringify(condition.in)}`
  return 'atLeast' in condition ? `${name} ≥ ${condition.atLeast}` : `${name} ≤ ${condition.atMost}`
}

/** Through the points of the layout, rounded at each. */
function pathOf(points: readonly { readonly x: number; readonly y: number }[]): string {
  const [first, ...rest] = points
  const last = rest.pop()
  if (first === undefined || last === undefined) return ''
  let path = `M${round(first.x)} ${round(first.y)}`
  for (const [i, point] of rest.entries()) {
    const after = rest[i + 1] ?? last
    const end = i === rest.length - 1 ? last : { x: (point.x + after.x) / 2, y: (point.y + after.y) / 2 }
    path += `Q${round(point.x)} ${round(point.y)} ${round(end.x)} ${round(end.y)}`
  }
  return rest.length === 0 ? `${path}L${round(last.x)} ${round(last.y)}` : path
}

function cut(text: string, length: number): string {
  const characters = [...text]
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`
}

const round = (n: number) => Math.round(n * 10) / 10
