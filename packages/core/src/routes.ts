/** Conditions on facts: which routes out of a node are open, whether a step is for the contact, and what was read. */
import { targetOf } from './campaign.ts'
import type { Condition, Route, ValueTest } from './definition.ts'
import type { Observation, Vars } from './events.ts'
import type { JsonValue } from './json.ts'
import type { Facts } from './ports/host.ts'
import { variableIn } from './variables.ts'

export interface RouteDecision {
  /** Every target once, in the order of the definition, with whether some route to it is open. */
  readonly routes: readonly { readonly to: string; readonly open: boolean }[]
  /** Every tag, field and variable that a condition read, once, in the order in which they were read (LOG-4, ROUTE-3). */
  readonly saw: readonly Observation[]
}

/**
 * All conditions are evaluated, open or not, so that the evidence does not depend on the order of tests.
 *
 * @param vars of the run, where the routes are those of a sequence (VAR-2)
 * @example
 * decideRoutes([{ to: 'vip', if: { field: 'spend', atLeast: 1000 } }, { to: 'rest', otherwise: true }],
 *   { fields: { spend: 20 } }, () => false)
 * // { routes: [{ to: 'vip', open: false }, { to: 'rest', open: true }], saw: [{ field: 'spend', value: 20 }] }
 */
export function decideRoutes(
  next: readonly Route[],
  facts: Facts,
  isPrivate: (field: string) => boolean,
  vars: Vars = {},
): RouteDecision {
  const read: Read = { facts, vars, isPrivate }
  const saw = new Map<string, Observation>()
  const see = (observation: Observation) => void saw.set(JSON.stringify(observation), observation)
  const holds = next.map((route) => {
    if (typeof route === 'string') return true
    return 'if' in route ? test(route.if, read, see) : null
  })
  const anyOpen = holds.includes(true)
  const open = new Map<string, boolean>()
  next.forEach((route, i) => {
    const to = targetOf(route)
    open.set(to, open.get(to) === true || (holds[i] ?? !anyOpen))
  })
  return { routes: [...open].map(([to, isOpen]) => ({ to, open: isOpen })), saw: [...saw.values()] }
}

/** Whether one condition holds, and every tag, field and variable that it read, once. Rules ROUTE-1, STEP-10, VAR-2. */
export function decideCondition(
  condition: Condition,
  facts: Facts,
  isPrivate: (field: string) => boolean,
  vars: Vars = {},
): { readonly holds: boolean; readonly saw: readonly Observation[] } {
  const saw = new Map<string, Observation>()
  const read: Read = { facts, vars, isPrivate }
  const holds = test(condition, read, (one) => void saw.set(JSON.stringify(one), one))
  return { holds, saw: [...saw.values()] }
}

/** What conditions read. */
interface Read {
  readonly facts: Facts
  readonly vars: Vars
  isPrivate(field: string): boolean
}

function test(condition: Condition, read: Read, see: (observation: Observation) => void): boolean {
  const { facts, vars, isPrivate } = read
  const inner = (conditions: readonly Condition[]) => conditions.map((c) => test(c, read, see))
  if ('all' in condition) return !inner(condition.all).includes(false)
  if ('any' in condition) return inner(condition.any).includes(true)
  if ('none' in condition) return !inner(condition.none).includes(true)
  if ('tag' in condition) {
    const present = facts.tags?.includes(condition.tag) === true
    see({ tag: condition.tag, present })
    return present
  }
  if ('var' in condition) {
    const value = variableIn(vars, condition.var)
    see({ var: condition.var, value })
    return holdsOf(condition, given(value))
  }
  const { field } = condition
  const value = fieldOf(facts, field)
  const holds = holdsOf(condition, value)
  if (isPrivate(field)) {
    const { field: _, ...rest } = condition
    see({ field, test: JSON.stringify(rest), holds })
  } else see({ field, value: value ?? null })
  return holds
}

/** The contact's field, `undefined` if it has none: `null` and the empty text count as none. */
export function fieldOf(facts: Facts, field: string): JsonValue | undefined {
  return given(facts.fields !== undefined && Object.hasOwn(facts.fields, field) ? facts.fields[field] : undefined)
}

function given(value: JsonValue | undefined): JsonValue | undefined {
  return value === null || value === '' ? undefined : value
}

function holdsOf(condition: ValueTest, value: JsonValue | undefined): boolean {
  if ('exists' in condition) return (value !== undefined) === condition.exists
  if (value === undefined) return false
  if ('equals' in condition) return value === condition.equals
  if ('in' in condition) return condition.in.some((one) => one === value)
  if ('atLeast' in condition) return typeof value === 'number' && value >= condition.atLeast
  return typeof value === 'number' && value <= condition.atMost
}
