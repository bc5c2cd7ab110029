/**
 * The order in which the members of an event's data stand in its line: that of the schema. With it an event has exactly
 * one line, and a line that is another spelling of the same event can be told (AUDIT-5).
 */
import { isObject } from './json.ts'
import type { Properties, Schema } from './schema.ts'

/** Gives the value itself where its members stand in order, otherwise a copy in which they do. */
export type Ordered = (value: unknown) => unknown

/**
 * What puts the values of a schema in order. What is JSON of the host (a definition, the value of a field, variables) keeps the
 * order that the host gave it; so do members that the schema does not know.
 */
export function orderedBy(schema: Schema<unknown>): Ordered {
  const known = made.get(schema)
  if (known !== undefined) return known
  const ordered = makeOrdered(schema)
  made.set(schema, ordered)
  return ordered
}

const made = new Map<Schema<unknown>, Ordered>()
const asItIs: Ordered = (value) => value

function makeOrdered(schema: Schema<unknown>): Ordered {
  const { properties, items, anyOf } = schema
  if (properties !== undefined) return objectIn(properties)
  if (items !== undefined) return listOf(orderedBy(items))
  return anyOf === undefined ? asItIs : oneOf(anyOf)
}

function objectIn(properties: Properties): Ordered {
  const places = new Map(
    Object.entries(properties).map(([key, inner], place) => [key, { place, ordered: orderedBy(inner) }]),
  )
  return (value) => {
    if (!isObject(value)) return value
    let last = -1
    let same = true
    for (const key of Object.keys(value)) {
      const known = places.get(key)
      if (known === undefined) return value
      if (known.place < last || known.ordered(value[key]) !== value[key]) same = false
      last = known.place
    }
    if (same) return value
    const copy: Record<string, unknown> = {}
    for (const [key, { ordered }] of places) if (Object.hasOwn(value, key)) copy[key] = ordered(value[key])
    return copy
  }
}

function listOf(ordered: Ordered): Ordered {
  if (ordered === asItIs) return asItIs
  return (value) =>
    Array.isArray(value) && value.some((item) => ordered(item) !== item) ? value.map((item) => ordered(item)) : value
}

/** Of several forms an object has the one that knows all its keys; every form puts the same keys in the same order. */
function oneOf(forms: readonly Schema<unknown>[]): Ordered {
  const objects = forms.flatMap((form) => {
    const { properties } = form
    return properties === undefined ? [] : [{ keys: new Set(Object.keys(properties)), ordered: orderedBy(form) }]
  })
  if (objects.length === 0) return asItIs
  return (value) => {
    if (!isObject(value)) return value
    const keys = Object.keys(value)
    const form = objects.find((one) => keys.every((key) => one.keys.has(key)))
    return form === undefined ? value : form.ordered(value)
  }
}
