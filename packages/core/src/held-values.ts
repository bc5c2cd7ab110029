/**
 * How many values that the host put in stand in a contact's stream, by their kind: what remains of a person in the log
 * after an erasure, if the host put something personal there. Rule ERASE-1; what to do is in `docs/guides/erase.md`.
 */
import type { ContactEvent, Observation, Timing } from './events.ts'
import { ENGINE_ID_PREFIX } from './ids.ts'
import { canonicalJson, type JsonValue } from './json.ts'
import { ENGINE_REASONS } from './reasons.ts'

/** Every place of an event where a host's value can stand. The contact id itself stands in all of them, and is not counted. */
export const HELD_VALUES = [
  'reasons',
  'actors',
  'commandIds',
  'signalIds',
  'signalValues',
  'variables',
  'keys',
  'actionIds',
  'receipts',
  'deliverTo',
  'handlerReasons',
  'tags',
  'fields',
  'tests',
  'dates',
  'timeZones',
  'dataDigests',
  'traces',
  'extensions',
] as const

/**
 * How many different values of each kind. `reasons`: why, as an order says it. `commandIds`, `signalIds`, `actionIds`:
 * those that are no UUID, which is what the engine draws. `signalValues`: what campaigns keep of signals. `variables`, `keys`:
 * what runs began with, and what they are about. `receipts`, `handlerReasons`: what handlers answered.
 * `deliverTo`: addresses that took what was for the contact. `tags`,
 * `fields`, `dates`: what conditions and timers read; `tests`: of private fields, the test and its outcome. `timeZones`:
 * that a timer was computed in. `dataDigests`: of the data of signals, four digits each. `traces`: W3C trace contexts.
 * `extensions`: what another program added before an import.
 */
export type HeldValues = { readonly [Kind in (typeof HELD_VALUES)[number]]: number }

/**
 * @param events of one contact
 * @example
 * heldValues(await engine.inspect.history('c-81')) // { reasons: 1, actors: 2, commandIds: 0, … }
 */
export function heldValues(events: readonly ContactEvent[]): HeldValues {
  const found = new Map<keyof HeldValues, Set<string>>(HELD_VALUES.map((kind) => [kind, new Set()]))
  const hold = (kind: keyof HeldValues, value: string | null | undefined) => {
    if (value !== null && value !== undefined) found.get(kind)?.add(value)
  }
  const holdId = (kind: 'commandIds' | 'signalIds' | 'actionIds', id: string) => {
    if (!id.startsWith(ENGINE_ID_PREFIX) && !UUID.test(id)) hold(kind, id)
  }
  for (const event of events) {
    const { actor, cause, commandId, correlationId, extensions, order, trace } = event
    hold('actors', actor)
    holdId('commandIds', commandId)
    holdId('commandIds', correlationId)
    if ('reason' in cause) hold('reasons', cause.reason)
    if (cause.by === 'bulk') holdId('actionIds', cause.actionId)
    if (cause.by === 'signal') holdId('signalIds', cause.signalId)
    if (order?.includes('-')) hold('dataDigests', order)
    hold('traces', trace)
    for (const [name, value] of Object.entries(extensions ?? {})) hold('extensions', canonicalJson([name, value]))
    if (event.type === 'SignalRetracted') holdId('signalIds', event.data.signalId)
    if ('key' in event.data) hold('keys', event.data.key)
    holdData(event, hold)
  }
  return Object.fromEntries([...found].map(([kind, values]) => [kind, values.size])) as HeldValues
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i

type Hold = (kind: keyof HeldValues, value: string | null | undefined) => void

function holdData(event: ContactEvent, hold: Hold): void {
  switch (event.type) {
    case 'SignalReceived':
      for (const [name, value] of Object.entries(event.data.data)) hold('signalValues', canonicalJson([name, value]))
      for (const one of event.data.tests) holdSeen(one, hold)
      return
    case 'SignalRetracted':
      for (const one of event.data.results) hold('keys', one.key)
      return
    case 'GoalSatisfied':
      hold('keys', event.data.same)
      for (const one of event.data.saw) holdSeen(one, hold)
      return
    case 'SequenceCompleted':
      for (const one of event.data.saw) holdSeen(one, hold)
      return
    case 'StepDispatched':
      for (const one of event.data.saw ?? []) holdSeen(one, hold)
      holdTiming(event.data.timing, hold)
      return
    case 'StepSent':
      hold('receipts', event.data.receipt)
      hold('deliverTo', event.data.deliverTo)
      return
    case 'StepFailed':
      hold('deliverTo', event.data.deliverTo)
      if (!ENGINE_REASONS.has(event.data.reason)) hold('handlerReasons', event.data.reason)
      return
    case 'StepSkipped':
      if (!ENGINE_REASONS.has(event.data.reason)) hold('handlerReasons', event.data.reason)
      for (const one of event.data.saw ?? []) holdSeen(one, hold)
      holdTiming(event.data.timing, hold)
      return
    case 'SequenceStarted':
      for (const [name, value] of Object.entries(event.data.vars ?? {})) hold('variables', canonicalJson([name, value]))
      return
    // Ids of the campaign, numbers and instants only. A new type of event has to be put somewhere here.
    case 'SignalsDropped':
    case 'SequenceStopped':
    case 'RunUndone':
    case 'SequencePaused':
    case 'SequenceResumed':
    case 'StepResent':
    case 'StepCancelled':
    case 'StepRescheduled':
    case 'RunShifted':
    case 'RunMoved':
    case 'OrderUndone':
    case 'ContactSuppressed':
    case 'ContactUnsuppressed':
    case 'ContactErased':
      return
    default:
      event satisfies never
  }
}

function holdSeen(one: Observation, hold: Hold): void {
  if ('tag' in one) hold('tags', one.tag)
  else if ('test' in one) hold('tests', canonicalJson([one.field, one.test, one.holds]))
  else if ('var' in one) hold('variables', canonicalJson([one.var, one.value]))
  else if (one.value !== null) hold('fields', canonicalJson([one.field, one.value]))
}

function holdTiming(timing: Timing | null, hold: Hold): void {
  if (timing === null) return
  hold('timeZones', timing.timeZone)
  hold('timeZones', timing.invalidTimeZone)
  if (timing.var !== undefined) hold('variables', canonicalJson([timing.var.name, timing.var.value]))
  const { name, value } = timing.field ?? {}
  if (value !== undefined && value !== null) hold('dates', canonicalJson([name, value] as JsonValue))
}

/**
 * The kinds that are there at all, with how many, for people: "2 actors, 1 reason". Empty: there is none.
 *
 * @example
 * heldInWords({ ...counts, actors: 2, handlerReasons: 1 }) // '2 actors, 1 reason of a handler'
 */
export function heldInWords(held: HeldValues): string {
  return HELD_VALUES.filter((kind) => held[kind] > 0)
    .map((kind) => `${held[kind]} ${WORDS[kind][held[kind] === 1 ? 0 : 1]}`)
    .join(', ')
}

const WORDS: { readonly [Kind in keyof HeldValues]: readonly [one: string, many: string] } = {
  reasons: ['reason', 'reasons'],
  actors: ['actor', 'actors'],
  commandIds: ['command id', 'command ids'],
  signalIds: ['signal id', 'signal ids'],
  signalValues: ['kept value of a signal', 'kept values of signals'],
  variables: ['variable of a run', 'variables of runs'],
  keys: ['key of a run', 'keys of runs'],
  actionIds: ['action id', 'action ids'],
  receipts: ['receipt', 'receipts'],
  deliverTo: ['address instead of the contact', 'addresses instead of the contact'],
  handlerReasons: ['reason of a handler', 'reasons of handlers'],
  tags: ['tag that was read', 'tags that were read'],
  fields: ['value of a field', 'values of fields'],
  tests: ['outcome of a test of a private field', 'outcomes of tests of private fields'],
  dates: ['date of a timer', 'dates of timers'],
  timeZones: ['time zone', 'time zones'],
  dataDigests: ['short digest of signal data', 'short digests of signal data'],
  traces: ['trace context', 'trace contexts'],
  extensions: ['added attribute', 'added attributes'],
}
