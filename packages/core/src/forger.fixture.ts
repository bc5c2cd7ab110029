/**
 * Forgeries: logs that somebody wrote who knows the format and can compute every id and every hash again, and who wants
 * something to have happened that did not, or the other way round. `verify` must name each with its line. What a seal alone
 * can find (a whole legal history instead of another) is none of these.
 */
import {
  type CampaignDefinition,
  campaignOf,
  contactOf,
  contactStream,
  eventIdOf,
  idempotencyKeyOf,
  instantOf,
  type RecordedEvent,
  type Route,
  type SendingRef,
  type StepDefinition,
} from '@enfold/core'
import { chainHash, digestOf } from '@enfold/core/log'

type Data = Record<string, unknown>
/** An event that is being forged: whatever its type. */
type Draft = Omit<RecordedEvent, 'data' | 'type' | 'cause'> & { type: string; data: Data; cause: Data }

/** A log that lies, and the first line that shows it: 1 for the first. */
export interface Forged {
  readonly log: readonly RecordedEvent[]
  readonly line: number
}

/** One of several places in a log; `undefined` where there is none. */
export type Pick = <T>(list: readonly T[]) => T | undefined

interface Forgery {
  readonly name: string
  /** @returns `null`: the log has no place for it */
  readonly forge: (log: readonly RecordedEvent[], pick: Pick) => Forged | null
}

/** Forgeries by what they claim. The names stand in the figures. */
export const FORGERIES: readonly Forgery[] = [
  // --- Publications -------------------------------------------------------------------------------------------------
  append('a version published twice', ofType('CampaignPublished'), (event) => [{ ...fresh(event), data: event.data }]),
  append('a version left out', ofType('CampaignPublished'), (event, log) => [
    { ...fresh(event), data: { ...event.data, campaignVersion: versionsOf(log, event.stream) + 2 } },
  ]),
  append('what is published, published again', lastPublication, (event) => [
    { ...fresh(event), data: { ...event.data, campaignVersion: (event.data.campaignVersion as number) + 1 } },
  ]),
  append("a publication in another campaign's stream", ofType('CampaignPublished'), (event) => [
    { ...fresh(event), stream: `${event.stream}-other` },
  ]),
  change('a definition with the id of another campaign', ofType('CampaignPublished'), (event) => ({
    ...event,
    data: { ...event.data, definition: { ...(event.data.definition as Data), id: 'another' } },
  })),
  change('a definition that is none', ofType('CampaignPublished'), (event) => ({
    ...event,
    data: { ...event.data, definition: { ...(event.data.definition as Data), sequences: [{ id: 's', steps: [] }] } },
  })),
  append('an unpublishing of what is not published', ofType('CampaignUnpublished'), (event, log) =>
    log.findLast(({ stream }) => stream === event.stream)?.type === 'CampaignUnpublished' ? [fresh(event)] : null,
  ),
  append('an order that left as it was what it says was not published', lastPublication, (event) => [
    {
      ...fresh(event),
      type: 'CampaignUnchanged',
      data: {
        campaignId: event.data.campaignId,
        campaignVersion: event.data.campaignVersion,
        outcome: 'not_published',
      },
    },
  ]),
  change('an order that left another version as it was', ofType('CampaignUnchanged'), (event) =>
    withData(event, { campaignVersion: (event.data.campaignVersion as number) + 1 }),
  ),
  append('an unpublishing of an older version', lastPublication, (event) =>
    event.data.campaignVersion === 1
      ? null
      : [
          {
            ...fresh(event),
            type: 'CampaignUnpublished',
            data: { campaignId: event.data.campaignId, campaignVersion: (event.data.campaignVersion as number) - 1 },
          },
        ],
  ),

  // --- Starts and goals ---------------------------------------------------------------------------------------------
  change('a start in a version that was never published', startByHand, (event) =>
    withData(event, { campaignVersion: 99 }),
  ),
  change('a start of a sequence that the version lacks', startByHand, (event) =>
    withData(event, { sequenceId: 'none' }),
  ),
  append('a start while the campaign is not published', startInUnpublished, (event) => [
    { ...fresh({ ...event, stream: contactStream('newcomer') }), data: { ...event.data, run: 1 } },
  ]),
  change('a run left out', startByHand, (event) => withData(event, { run: (event.data.run as number) + 1 })),
  append('a run opened while it is in progress', startByHand, (event, log) =>
    isOver(log, event) ? null : [withData(fresh(event), { run: newestRun(log, event) + 1 })],
  ),
  change('a goal that no version has', ofType('GoalSatisfied'), (event) => withData(event, { goalId: 'none' })),
  change('a goal by a signal of a kind that satisfies none', ofType('GoalSatisfied'), (event) => ({
    ...withData(event, { kind: 'none' }),
    cause: { ...event.cause, kind: 'none' },
  })),
  change('a goal by a pattern that it has not', ofType('GoalSatisfied'), (event) => withData(event, { pattern: 99 })),
  change('a goal caused by another signal', ofType('GoalSatisfied'), (event) => ({
    ...event,
    cause: { ...event.cause, signalId: 'another' },
  })),
  append('a signal counted twice', loneGoal, (event) => [withData(fresh(event), { routes: event.data.routes })]),
  change('a route that the goal has not', ofType('GoalSatisfied'), (event) =>
    withData(event, { routes: [...(event.data.routes as Data[]), { to: 'none', outcome: 'closed' }] }),
  ),
  drop('a stop by a goal left out', (event) => event.type === 'SequenceStopped' && event.cause.by === 'goal'),
  drop('a start by a goal left out', (event) => event.type === 'SequenceStarted' && event.cause.by === 'goal'),
  drop('a start by a finished sequence left out', (e) => e.type === 'SequenceStarted' && e.cause.by === 'sequence'),
  ...(['closed', 'already_active', 'not_published', 'brake', 'goal', 'too_many_runs'] as const).map(hideStart),

  // --- Keys and variables -------------------------------------------------------------------------------------------
  change('a start with another key than its variable', keyedStart, (event) => withData(event, { key: 'forged' })),
  change('a variable that its sequence does not have', keyedStart, (event) =>
    withData(event, { vars: { ...(event.data.vars as Data), forged: 1 } }),
  ),
  change('a key in a sequence that has none', plainStart, (event) => withData(event, { key: 'forged' })),
  change('an event of another key than was started', keyedStep, (event) => withData(event, { key: 'forged' })),
  change('the key of a goal that compares none', ofType('GoalSatisfied'), (event, log) =>
    definitionOf(log, event)?.goals.find(({ id }) => id === event.data.goalId)?.same === undefined
      ? withData(event, { same: 'forged' })
      : null,
  ),
  change('a variable that a condition did not see', sawVariable, (event) => ({
    ...event,
    data: {
      ...event.data,
      saw: (event.data.saw as Data[]).map((one) => ('var' in one ? { ...one, value: 'forged' } : one)),
    },
  })),

  // --- Causes and ids -----------------------------------------------------------------------------------------------
  change('a cause that is not in the log', byStep, (event) => ({
    ...event,
    causationId: eventIdOf(event.stream, 'never given', 0),
  })),
  change("a cause in another contact's stream", byStep, (event, log) => {
    const other = log.find(({ stream }) => contactOf(stream) !== null && stream !== event.stream)
    return other === undefined ? null : { ...event, causationId: other.id }
  }),
  change('a step that nothing led to', byStep, (event) => ({ ...event, causationId: event.commandId })),
  change('a step in the name of another', byStep, (event) => ({ ...event, cause: { by: 'step', stepId: 'another' } })),
  change('a cause of a kind that the event cannot have', startByHand, (event) => ({
    ...event,
    cause: { by: 'step', stepId: 'x' },
  })),
  change('an id that its command does not make', anyEvent, (event) => ({
    ...event,
    id: eventIdOf(event.stream, 'another', 0),
  })),
  append('an event id twice', startByHand, (event) => [{ ...fresh(event), id: event.id, commandId: event.commandId }]),
  append('a command id twice', ofType('SequencePaused', 'SequenceStopped'), (event) => [
    { ...fresh(event), commandId: event.commandId, causationId: event.commandId },
  ]),
  change('another correlation than that of its run', byStep, (event) => ({ ...event, correlationId: 'another' })),
  change('another actor within an append', followsInAppend, (event) => ({ ...event, actor: 'mallory' })),
  change('another instant within an append', followsInAppend, (event) => ({ ...event, at: later(event.at, 1) })),

  // --- Steps --------------------------------------------------------------------------------------------------------
  change('a dispatch before it was due', firstAttempt, (event) => {
    const timing = event.data.timing as { readonly dueAt: string }
    return withData(event, {
      timing: { ...timing, dueAt: later(event.at, 1) },
    })
  }),
  change('a dispatch without its timing', firstAttempt, (event) => withData(event, { timing: null })),
  change('a wait counted from before the run', firstAttempt, (event) => {
    const timing = event.data.timing as { readonly anchor: string; readonly dueAt: string }
    const back = (instant: string) => later(instant, -400 * 86_400_000)
    return withData(event, { timing: { ...timing, anchor: back(timing.anchor), dueAt: back(timing.dueAt) } })
  }),
  change('an idempotency key of another sending', ofType('StepDispatched'), (event) =>
    withData(event, {
      idempotencyKey: idempotencyKeyOf({ ...(event.data as unknown as SendingRef), contactId: 'another' }),
    }),
  ),
  change('an attempt left out', ofType('StepDispatched'), (event) =>
    withData(event, { attempt: (event.data.attempt as number) + 1 }),
  ),
  change('a step that the version lacks', ofType('StepDispatched'), (event) => {
    const data: unknown = { ...event.data, stepId: 'none' }
    const idempotencyKey = idempotencyKeyOf({ ...(data as SendingRef), contactId: contactOf(event.stream) ?? '' })
    return { ...withData(event, { stepId: 'none', idempotencyKey }), cause: { by: 'step', stepId: 'none' } }
  }),
  append('an outcome of what was never dispatched', ofType('StepSent'), (event) => [
    { ...afterwards(event), data: { ...event.data, attempt: (event.data.attempt as number) + 1 } },
  ]),
  append('a step sent twice', ofType('StepSent'), (event) => [afterwards(event)]),
  change('another attempt where none is left', ofType('StepFailed'), (event) =>
    event.data.consequence === 'retry' ? null : withData(event, { consequence: 'retry', retryAt: null }),
  ),
  append('a dispatch after a stop', ofType('SequenceStopped'), (event, log) => {
    const sent = log.find(
      (one) =>
        one.stream === event.stream &&
        one.type === 'StepDispatched' &&
        one.data.resend === 0 &&
        one.data.run === event.data.run &&
        one.data.key === event.data.key &&
        one.data.sequenceId === event.data.sequenceId,
    )
    if (sent === undefined || newestRun(log, event) !== event.data.run) return null
    return [afterwards(sent as unknown as Draft)]
  }),
  append('a step skipped before its turn', startByHand, (event, log) => {
    const steps = stepsOf(log, event)
    const isInProgress = steps.length > 1 && !isOver(log, event) && newestRun(log, event) === event.data.run
    const isTouched = ofSequence(log, event).some(
      ({ data }) => data.run === event.data.run && steps.slice(-2).some(({ id }) => id === data.stepId),
    )
    // A run that opened at a later step, or goes on where another stood, may have come to its last one.
    const isFromFirst = event.data.atStep === undefined && event.data.continues === undefined
    return isInProgress && isFromFirst && !isTouched ? [skipOf(event, steps.at(-1)?.id as string, 'draft')] : null
  }),
  change('a skip before it was due', skippedUnsent, (event) => {
    const timing = event.data.timing as Data & { readonly dueAt: string }
    return withData(event, { timing: { ...timing, dueAt: later(event.at, 1) } })
  }),
  change('a skip for a reason that its step does not have', skippedUnsent, (event) =>
    event.data.reason === 'draft'
      ? withData(event, { reason: 'contact-unknown' })
      : withData(event, { reason: 'draft' }),
  ),
  append('a step skipped by hand that was resolved', ofType('StepSent'), (event) =>
    event.data.resend === 0
      ? [byHand(event, 'StepSkipped', { ...stepOf(event), ...SKIP, attempt: event.data.attempt })]
      : null,
  ),
  append(
    'a step skipped by hand in a run that is over',
    ofType('SequenceStopped', 'SequenceCompleted'),
    (event, log) => {
      const [first] = stepsOf(log, event)
      return first === undefined ? null : [byHand(event, 'StepSkipped', { ...runOf(event), stepId: first.id, ...SKIP })]
    },
  ),
  change('a skip by hand that hides whether the run stood there', skippedByHand, ({ data, ...event }) => {
    const { ahead, ...rest } = data
    return { ...event, data: ahead === true ? rest : { ...rest, ahead: true } }
  }),
  change('an instant by hand that was past', ofType('StepRescheduled'), (event) =>
    event.data.dueAt === null ? null : withData(event, { dueAt: later(event.at, -1) }),
  ),
  append('an instant by hand for a step that was sent', ofType('StepSent'), (event) => [
    byHand(event, 'StepRescheduled', { ...stepOf(event), dueAt: later(event.at, 400 * 86_400_000) }),
  ]),
  change('a dispatch at an instant that no operator gave', firstAttempt, (event) => {
    const timing = event.data.timing as Data
    return timing.byHand === true ? null : withData(event, { timing: { ...timing, byHand: true } })
  }),
  change('a shift by nothing', ofType('RunShifted'), (event) => withData(event, { byMs: 0 })),
  append('a shift of a run that is over', ofType('SequenceStopped', 'SequenceCompleted'), (event) => [
    byHand(event, 'RunShifted', { ...runOf(event), byMs: 1 }),
  ]),
  change('a move from where the run did not stand', ofType('RunMoved'), (event) => withData(event, { from: 'none' })),
  change('a move that hides where the run stands then', ofType('RunMoved'), (event) =>
    withData(event, { standsAt: 'none' }),
  ),
  change('a move that does a step again that was not done', ofType('RunMoved'), (event) =>
    withData(event, { again: ['none'] }),
  ),
  change('an undo of an order that was not given', ofType('OrderUndone'), (event) =>
    withData(event, { undoes: eventIdOf(event.stream, 'never given', 0) }),
  ),
  change('an undo under the name of another order', ofType('OrderUndone'), (event) =>
    withData(event, { order: event.data.order === 'skip' ? 'cancel' : 'skip' }),
  ),
  append('an order undone twice', ofType('OrderUndone'), (event) => [fresh(event)]),
  append('a move of a run that is over', ofType('SequenceStopped', 'SequenceCompleted'), (event, log) => {
    const [first] = stepsOf(log, event)
    const moved = { from: first?.id ?? null, to: first?.id, standsAt: first?.id, wait: 'keep', again: [] }
    return first === undefined ? null : [byHand(event, 'RunMoved', { ...runOf(event), ...moved })]
  }),
  change('a step done again that nobody ordered again', ofType('StepSent'), (event) =>
    event.data.occurrence === undefined ? withData(event, { occurrence: 9 }) : null,
  ),
  change('a start at a step that the version lacks', startByHand, (event) => withData(event, { atStep: 'none' })),
  change('a run that waits where it is over, or is over where it waits', ofType('SequenceCompleted'), (event) =>
    withData(event, { waiting: event.data.waiting !== true }),
  ),
  append('a resend of a step that was never reached', startByHand, (event) => [
    { ...fresh(event), type: 'StepResent', data: { ...runOf(event), stepId: 'none', resend: 1 } },
  ]),
  append('a run over that is not in progress', ofType('SequenceCompleted'), (event) => [afterwards(event)]),
  append('a stop of what is over', ofType('SequenceStopped'), (event, log) =>
    newestRun(log, event) === event.data.run ? [{ ...fresh(event), cause: { by: 'operator' } }] : null,
  ),
  change('waits made longer by more than the pause', ofType('SequenceResumed'), (event) =>
    withData(event, { shiftMs: 10 ** 12 }),
  ),
  change('a wait given back that the start had not ended, or kept', ofType('RunUndone'), (event) =>
    withData(event, { waiting: event.data.waiting !== true }),
  ),
  append('a start undone of which something was sent', ofType('StepSent'), (event, log) =>
    newestRun(log, event) === event.data.run ? [byHand(event, 'RunUndone', { ...runOf(event), waiting: false })] : null,
  ),
  change('a run that continues one that was not stopped', goingOn, (event) =>
    withData(event, { continues: event.data.run }),
  ),
  change('a run that goes on as the one before did not stand', goingOn, (event) =>
    withData(event, { standing: event.data.standing === 'paused' ? 'waiting' : 'paused' }),
  ),
  change('waits made longer by more than the gap', goingOn, (event) => withData(event, { shiftMs: 10 ** 12 })),
  change('a run that goes on at a step that it names', goingOn, (event, log) =>
    withData(event, { atStep: stepsOf(log, event)[0]?.id }),
  ),
  change('a start that stands as no run before it did', startOfItsOwn, (event) =>
    withData(event, { standing: 'paused' }),
  ),
  change('a start whose waits are longer than their timers', startOfItsOwn, (event) =>
    withData(event, { shiftMs: 60_000 }),
  ),
  change('a start told as a run that goes on', startAgain, (event) =>
    withData(event, { continues: Math.max(1, (event.data.run as number) - 1) }),
  ),
  append('a signal retracted twice', ofType('SignalRetracted'), (event) => [
    { ...fresh(event), data: { ...event.data, results: [] } },
  ]),
  append('a signal retracted that had not come', ofType('SignalReceived', 'GoalSatisfied'), (event) => [
    byHand(event, 'SignalRetracted', { signalId: 'none', goals: [], results: [] }),
  ]),
  drop(
    'what the retraction of a signal undoes left out',
    ({ type, cause, causationId, commandId }) =>
      (type === 'RunUndone' || type === 'SequenceStarted') && cause.by === 'operator' && causationId !== commandId,
  ),
  append('an end of no ban', endOfLastBan, (event) => [fresh(event)]),
  append('an order to somebody who was erased', ofType('ContactErased'), (event) => [fresh(event)]),
]

// --- How a log is changed ---------------------------------------------------------------------------------------------

type Where = (event: Draft, log: readonly RecordedEvent[]) => boolean

/** One event of the log in another form. */
function change(
  name: string,
  where: Where,
  to: (event: Draft, log: readonly RecordedEvent[]) => Draft | null,
): Forgery {
  return {
    name,
    forge(log, pick) {
      const event = pick(placesIn(log, where))
      const changed = event === undefined ? null : to(draft(event), log)
      if (event === undefined || changed === null) return null
      return forged(log, log.with(log.indexOf(event), changed as unknown as RecordedEvent), log.indexOf(event))
    },
  }
}

/** Events at the end of the log, after the model of one that stands in it. The last of them is the lie. */
function append(
  name: string,
  where: Where,
  make: (event: Draft, log: readonly RecordedEvent[]) => readonly Draft[] | null,
): Forgery {
  return {
    name,
    forge(log, pick) {
      const event = pick(placesIn(log, where))
      const made = event === undefined ? null : make(draft(event), log)
      if (made === null) return null
      const at =
        log
          .map((one) => one.at)
          .toSorted()
          .at(-1) ?? ''
      const added = made.map((one) => ({ ...one, at }) as unknown as RecordedEvent)
      return forged(log, [...log, ...added], log.length + added.length - 1)
    },
  }
}

/** An event less, and all after it made to fit: what shows it is the next of its stream in another append. */
function drop(name: string, where: Where): Forgery {
  return {
    name,
    forge(log, pick) {
      const event = pick(placesIn(log, where))
      if (event === undefined) return null
      const rest = log.filter((one) => one !== event)
      const shows = rest.findIndex(
        (one, i) => i >= log.indexOf(event) && one.stream === event.stream && one.commandId !== event.commandId,
      )
      // What follows in the same append is shown by its id, what follows the run by its order.
      const first = rest.findIndex((one, i) => i >= log.indexOf(event) && one.stream === event.stream)
      return shows < 0 ? null : forged(log, rest, first)
    },
  }
}

/** A start that a goal or a finished sequence led to, told as another outcome of its route, and left out. */
function hideStart(outcome: string): Forgery {
  return {
    name: `a start hidden as a route that is ${outcome}`,
    forge(log, pick) {
      const places = placesIn(log, (event) => startRoutesOf(event, log, outcome).length > 0)
      const event = pick(places)
      if (event === undefined) return null
      const [to] = startRoutesOf(draft(event), log, outcome)
      const routes = (draft(event).data.routes as Data[]).map((route) =>
        route.to === to ? toldAs(outcome, route) : route,
      )
      const start = log.find(
        (one) => one.type === 'SequenceStarted' && one.causationId === event.id && one.data.sequenceId === to,
      )
      const changed = log.with(log.indexOf(event), withData(draft(event), { routes }) as unknown as RecordedEvent)
      return forged(
        log,
        changed.filter((one) => one !== start),
        log.indexOf(event),
      )
    },
  }
}

/** The route with what that outcome has. */
function toldAs(outcome: string, { to, key, run }: Data): Data {
  const isKeyed = key !== undefined && ['already_active', 'brake', 'too_many_runs'].includes(outcome)
  return { to, outcome, ...(isKeyed ? { key } : {}), ...(outcome === 'already_active' ? { run } : {}) }
}

/** Where a route led to a start; with `closed`, only routes that have no condition. */
function startRoutesOf(event: Draft, log: readonly RecordedEvent[], outcome: string): readonly unknown[] {
  if (event.type !== 'GoalSatisfied' && event.type !== 'SequenceCompleted') return []
  const bare = nextOf(log, event).filter((route) => typeof route === 'string')
  return (event.data.routes as Data[])
    .filter((route) => route.outcome === 'started' && (outcome !== 'closed' || bare.includes(route.to as string)))
    .map(({ to }) => to)
}

/** Versions, positions, ids that the forger did not choose, and hashes: all computed again, so that only the forgery is left. */
function forged(before: readonly RecordedEvent[], log: readonly RecordedEvent[], index: number): Forged {
  const known = new Set(before.map(({ id }) => id))
  const heads = new Map<string, { version: number; hash: string | null }>()
  const counts = new Map<string, number>()
  const made = log.map((event, i) => {
    const { stream, commandId } = event
    const head = heads.get(stream) ?? { version: 0, hash: null }
    const key = JSON.stringify([stream, commandId])
    const count = counts.get(key) ?? 0
    counts.set(key, count + 1)
    const id =
      event.id === '' ? eventIdOf(stream, commandId, known.has(eventIdOf(stream, commandId, 0)) ? count : 0) : event.id
    const placed = { ...event, id, version: head.version + 1, position: i + 1 }
    const hash = chainHash(head.hash, digestOf(placed))
    heads.set(stream, { version: placed.version, hash })
    return { ...placed, hash }
  })
  return { log: made, line: index + 1 }
}

const draft = (event: RecordedEvent): Draft => event as unknown as Draft

function placesIn(log: readonly RecordedEvent[], where: Where): readonly RecordedEvent[] {
  return log.filter((event) => where(draft(event), log))
}

// --- What is forged ---------------------------------------------------------------------------------------------------

/** As an order of its own: with a command that nobody gave before, and the id that it makes. */
function fresh(event: Draft): Draft {
  const { order: _, ...rest } = event as Draft & { order?: string }
  const commandId = `forged ${event.id}`
  return { ...rest, id: '', commandId, causationId: commandId, correlationId: commandId, actor: 'mallory' } as Draft
}

/** As what a step led to: with a command of its own, and the cause that it had. */
function afterwards(event: Draft): Draft {
  const { order: _, ...rest } = event as Draft & { order?: string }
  return { ...rest, id: '', commandId: `forged ${event.id}`, causationId: event.id } as Draft
}

const withData = (event: Draft, data: Data): Draft => ({ ...event, data: { ...event.data, ...data } })
const later = (instant: string, ms: number): string => instantOf(Date.parse(instant) + ms)
const runOf = ({ data: { campaignId, sequenceId, key, run } }: Draft): Data =>
  key === undefined ? { campaignId, sequenceId, run } : { campaignId, sequenceId, key, run }

const stepOf = (event: Draft): Data => ({ ...runOf(event), stepId: event.data.stepId })

function ofType(...types: readonly string[]): Where {
  return ({ type }) => types.includes(type)
}
function startByHand({ type, cause }: Draft): boolean {
  return type === 'SequenceStarted' && cause.by === 'operator'
}
function goingOn({ type, data }: Draft): boolean {
  return type === 'SequenceStarted' && data.continues !== undefined
}
function startOfItsOwn(event: Draft): boolean {
  return startByHand(event) && !goingOn(event)
}
/** By hand, in an enrollment that had a run before which nobody stopped. */
function startAgain(event: Draft, log: readonly RecordedEvent[]): boolean {
  if (!startOfItsOwn(event)) return false
  const before = (event.data.run as number) - 1
  return !log
    .map(draft)
    .some(
      ({ type, stream, data }) =>
        (type === 'SequenceStopped' || type === 'RunUndone') && stream === event.stream && data.run === before,
    )
}
function keyedStart(event: Draft): boolean {
  return startByHand(event) && event.data.key !== undefined
}
function plainStart(event: Draft): boolean {
  return startByHand(event) && event.data.key === undefined
}
function keyedStep({ type, data }: Draft): boolean {
  return type === 'StepSent' && data.key !== undefined
}
function sawVariable({ type, data }: Draft): boolean {
  const saw = type === 'StepDispatched' || type === 'StepSkipped' || type === 'SequenceCompleted' ? data.saw : undefined
  return ((saw ?? []) as Data[]).some((one) => 'var' in one)
}
function startInUnpublished(event: Draft, log: readonly RecordedEvent[]): boolean {
  if (!startByHand(event)) return false
  return log.findLast(({ stream }) => campaignOf(stream) === event.data.campaignId)?.type === 'CampaignUnpublished'
}
function endOfLastBan(event: Draft, log: readonly RecordedEvent[]): boolean {
  const isBan = ({ type }: RecordedEvent) => type === 'ContactSuppressed' || type === 'ContactUnsuppressed'
  const last = log.findLast((one) => one.stream === event.stream && isBan(one))
  const isErased = log.some(({ stream, type }) => stream === event.stream && type === 'ContactErased')
  return event.type === 'ContactUnsuppressed' && last?.id === event.id && !isErased
}
function byStep({ type }: Draft): boolean {
  return type === 'StepDispatched' || type === 'StepSent'
}
function firstAttempt({ type, data }: Draft): boolean {
  return type === 'StepDispatched' && data.resend === 0 && data.attempt === 1
}
function anyEvent(): boolean {
  return true
}
function lastPublication(event: Draft, log: readonly RecordedEvent[]): boolean {
  return event.type === 'CampaignPublished' && log.findLast(({ stream }) => stream === event.stream)?.id === event.id
}
/** A goal that led to nothing and that anyone may reach again, so that only its signal is the lie. */
function loneGoal(event: Draft, log: readonly RecordedEvent[]): boolean {
  if (event.type !== 'GoalSatisfied' || (event.data.routes as Data[]).some(({ outcome }) => outcome === 'started'))
    return false
  return log.filter(({ stream, commandId }) => stream === event.stream && commandId === event.commandId).length === 1
}
function followsInAppend(event: Draft, log: readonly RecordedEvent[]): boolean {
  const before = log.find(({ stream, version }) => stream === event.stream && version === event.version - 1)
  return before?.commandId === event.commandId
}

/** A step that the engine passed over without an attempt. */
function skippedUnsent({ type, data }: Draft): boolean {
  return type === 'StepSkipped' && data.resend === 0 && data.attempt === 0
}

function skippedByHand({ type, cause }: Draft): boolean {
  return type === 'StepSkipped' && cause.by !== 'step'
}
const SKIP = { resend: 0, attempt: 0, reason: 'operator', timing: null }

/** As the engine tells an order of an operator's. */
function byHand(model: Draft, type: string, data: Data): Draft {
  return { ...fresh(model), type, data, cause: { by: 'operator' } }
}

/** The definition that the event's run, or the goal, is of. */
function definitionOf(log: readonly RecordedEvent[], event: Draft): CampaignDefinition | undefined {
  const { campaignId, sequenceId, key, run } = event.data
  const started = log.find(
    (one) =>
      one.type === 'SequenceStarted' &&
      one.stream === event.stream &&
      one.data.campaignId === campaignId &&
      one.data.sequenceId === sequenceId &&
      one.data.key === key &&
      one.data.run === run,
  )
  const version =
    event.data.campaignVersion ?? (started === undefined ? undefined : draft(started).data.campaignVersion)
  for (const one of log)
    if (one.type === 'CampaignPublished' && one.data.campaignId === campaignId && one.data.campaignVersion === version)
      return one.data.definition
  return undefined
}
function stepsOf(log: readonly RecordedEvent[], event: Draft): readonly StepDefinition[] {
  return definitionOf(log, event)?.sequences.find(({ id }) => id === event.data.sequenceId)?.steps ?? []
}
function nextOf(log: readonly RecordedEvent[], event: Draft): readonly Route[] {
  const { goals = [], sequences = [] } = definitionOf(log, event) ?? {}
  const node =
    event.type === 'GoalSatisfied'
      ? goals.find(({ id }) => id === event.data.goalId)
      : sequences.find(({ id }) => id === event.data.sequenceId)
  return node?.next ?? []
}
/** As the engine tells a skip of this run's step. */
function skipOf(start: Draft, stepId: string, reason: string): Draft {
  return {
    ...afterwards(start),
    type: 'StepSkipped',
    data: {
      ...runOf(start),
      ...{ stepId, resend: 0, attempt: 0, reason, timing: { anchor: start.at, dueAt: start.at } },
    },
    cause: { by: 'step', stepId },
  }
}

function ofSequence(log: readonly RecordedEvent[], event: Draft): readonly Draft[] {
  const { campaignId, sequenceId, key } = event.data
  return log
    .map(draft)
    .filter(
      ({ stream, data }) =>
        stream === event.stream && data.campaignId === campaignId && data.sequenceId === sequenceId && data.key === key,
    )
}
function newestRun(log: readonly RecordedEvent[], event: Draft): number {
  return Math.max(0, ...ofSequence(log, event).map(({ data }) => (data.run as number | undefined) ?? 0))
}
function isOver(log: readonly RecordedEvent[], event: Draft): boolean {
  const run = newestRun(log, event)
  const ends = ['SequenceStopped', 'SequenceCompleted', 'RunUndone', 'ContactErased', 'ContactSuppressed']
  return log.map(draft).some(
    ({ type, stream, data }) =>
      stream === event.stream &&
      // A run that an undo gave back as it waited, at its end, is over from its start.
      (ends.includes(type) || data.standing === 'waiting') &&
      (data.run === undefined || (data.run === run && data.key === event.data.key)),
  )
}
function versionsOf(log: readonly RecordedEvent[], stream: string): number {
  return log.filter((event) => event.stream === stream && event.type === 'CampaignPublished').length
}
