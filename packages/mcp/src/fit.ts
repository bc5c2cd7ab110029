/** Keeps an answer to a size that an assistant can read, and says what was left out. */

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** A list of the answer that was cut. */
export interface Cut {
  /** Where it stands: "/enrollments/0/steps". */
  readonly path: string
  readonly shown: number
  readonly of: number
}

export interface Fitted {
  readonly answer: unknown
  readonly cuts: readonly Cut[]
}

interface List {
  readonly path: string
  readonly items: readonly Json[]
  readonly size: number
}

export const sizeOf = (value: unknown) => JSON.stringify(value)?.length ?? 0

/**
 * The answer with its longest lists cut at their ends, until it has so many characters as JSON.
 *
 * @returns `null` where that cannot be: one value alone is too long
 */
export function fitted(answer: unknown, most: number): Fitted | null {
  // As it goes out: without what JSON has no form for.
  let json: Json = JSON.parse(JSON.stringify(answer))
  const cuts = new Map<string, Cut>()
  for (let size = sizeOf(json); size > most; size = sizeOf(json)) {
    const list = longest(json, '')
    if (list === null) return null
    const { items, path } = list
    const share = Math.max(0, 1 - (size - most) / list.size)
    const shown = Math.min(items.length - 1, Math.max(1, Math.floor(items.length * share)))
    json = withList(json, path, items.slice(0, shown))
    cuts.set(path, { path, shown, of: cuts.get(path)?.of ?? items.length })
  }
  return { answer: json, cuts: [...cuts.values()] }
}

/** The largest list that can be shorter; where one within it makes up most of it, that one. */
function longest(json: Json, path: string): List | null {
  if (json === null || typeof json !== 'object') return null
  const inside = Object.entries(json).flatMap(([name, value]) => longest(value, `${path}/${segment(name)}`) ?? [])
  const within = inside.reduce<List | null>((best, one) => (best === null || one.size > best.size ? one : best), null)
  if (!isList(json) || json.length < 2) return within
  const size = sizeOf(json)
  return within !== null && within.size > 0.7 * size ? within : { path, items: json, size }
}

const isList = (json: Json): json is readonly Json[] => Array.isArray(json)
const segment = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1')

function withList(json: Json, path: string, items: readonly Json[]): Json {
  if (path === '') return items
  const [, first = ''] = path.split('/', 2)
  const rest = path.slice(first.length + 1)
  if (isList(json)) return json.map((one, i) => (String(i) === first ? withList(one, rest, items) : one))
  if (json === null || typeof json !== 'object') return json
  return Object.fromEntries(
    Object.entries(json).map(([name, one]) => [name, segment(name) === first ? withList(one, rest, items) : one]),
  )
}
