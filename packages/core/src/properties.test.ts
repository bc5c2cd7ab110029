/**
 * Laws that hold for every history that can happen. `runs` says how many are tried of each.
 */
import {
  type ContactCommand,
  canonicalJson,
  createTagIndex,
  decide,
  decideOnce,
  defineCampaign,
  evolve,
  fold,
  freeWake,
  initialContact,
  instantOf,
  isInProgress,
  isLeft,
  isOpenRun,
  isRight,
  newestRun,
  plan,
  type RunRef,
  tagChanges,
  tagOf,
  VERBS,
  type VerbFacts,
  waitingTagOf,
} from '@enfold/core'
import { violationOf } from '@enfold/core/log'
import { campaignArbitrary, type History, historyArbitrary } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const numRuns = runs(300)
const TIMEOUT_MS = 600_000

const histories = historyArbitrary({ maxMoves: 40 })
const seed = Date.now() % 2 ** 31
/** To make a history takes longer than to hold it against a law, so all laws share some. */
const shared = fc.sample(histories, { numRuns: Math.min(numRuns, 300), seed })

function always(name: string, law: (history: History) => void) {
  it(
    name,
    () => {
      const breaking = shared.find((history) => !holds(law, history))
      // Makes them again, and looks for the shortest that breaks the law; the soak has more than can be kept.
      if (breaking !== undefined || numRuns > shared.length) fc.assert(fc.property(histories, law), { numRuns, seed })
      if (breaking !== undefined) law(breaking)
    },
    TIMEOUT_MS,
  )
}

function holds(law: (history: History) => void, history: History): boolean {
  try {
    law(history)
    return true
  } catch {
    return false
  }
}

const show = (history: History) =>
  history.played.map(({ command, decision }) => [command, decision?.events.map(({ type, data }) => [type, data])])

describe('laws', () => {
  it(
    'VERSION-2: every generated campaign is valid, and defining it does not change it',
    () =>
      fc.assert(
        fc.property(campaignArbitrary(), (definition) => {
          const defined = defineCampaign(definition)
          expect(isRight(defined)).toBe(true)
          if (isRight(defined)) expect(defined.right.definition).toEqual(definition)
        }),
        { numRuns },
      ),
    TIMEOUT_MS,
  )

  always('LOG-5: folding all events equals evolving event by event, from any point on', ({ events, state }) => {
    const stepwise = events.reduce(evolve, initialContact)
    expect(stepwise).toEqual(state)
    expect(fold(events)).toEqual(state)
    const middle = events.length >> 1
    expect(fold(events.slice(middle), fold(events.slice(0, middle)))).toEqual(state)
  })

  always('LOG-5: the state is plain JSON, counts its events, and is frozen to the ground', ({ events, state }) => {
    expect(JSON.parse(JSON.stringify(state))).toEqual(state)
    expect(state.version).toBe(events.length)
    expectFrozen(state)
    expectFrozen(fold(events))
  })

  always('a verb tells by its outcome whether it changed anything', ({ played }) => {
    for (const { command, decision } of played) {
      const verb = Object.values<VerbFacts>(VERBS).find((one) => one.command === command.type)
      if (verb === undefined || decision === null || verb.outcomes.length === 0) continue
      const { outcome } = decision.answer as { readonly outcome: string }
      expect([outcome, verb.unchanged.includes(outcome)]).toEqual([outcome, decision.events.length === 0])
    }
  })

  always('INDEX-3: the index says of the contact what the state says', ({ contactId, events, state }) => {
    const index = createTagIndex()
    for (const event of events) index.apply(tagChanges(contactId, event))
    const tags = state.enrollments.flatMap((enrollment) => {
      const { campaignId, sequenceId } = enrollment
      const run = newestRun(enrollment)
      if (isInProgress(run)) return [tagOf(campaignId, sequenceId)]
      return run?.status === 'waiting' ? [waitingTagOf(campaignId, sequenceId)] : []
    })
    expect([...index.tagsOf(contactId)].sort()).toEqual([...new Set(tags)].sort())
  })

  always('AUDIT-4: no decision breaks the order that histories keep', (history) => {
    let state = initialContact
    for (const event of history.events) {
      const violation = violationOf(history.contactId, state, event, history.campaigns)
      if (violation !== null) expect({ violation, event, played: show(history) }).toBeNull()
      state = evolve(state, event)
    }
  })

  always('ONCE-1: a command given again at any later time changes nothing and returns the same', (history) => {
    for (const { command, decision } of history.played) {
      if (decision === null || decision.events.length === 0) continue
      const context = { campaigns: history.campaigns, facts: history.facts, now: history.now }
      const again = decideOnce(command, history.events, context)
      expect(again).toMatchObject({ right: { events: [], answer: decision.answer } })
    }
  })

  always('LOG-5: the same command on the same state decides the same', ({ played }) => {
    for (const { command, before, context, decision } of played) {
      const again = decide(command, JSON.parse(JSON.stringify(before)), context)
      if (isLeft(again)) expect(decision).toBeNull()
      else expect({ events: again.right.events, answer: again.right.answer }).toEqual(decision)
    }
  })

  always('LOG-3: event ids are all different, instants never go back, causes stand before', ({ events, played }) => {
    expect(new Set(events.map((event) => event.id)).size).toBe(events.length)
    const known = new Set<string>(played.map(({ command }) => command.commandId))
    events.forEach((event, i) => {
      expect(event.at >= (events[i - 1]?.at ?? '')).toBe(true)
      expect(known.has(event.causationId)).toBe(true)
      known.add(event.id)
    })
  })

  always('LOG-4: no value of a private field stands in the log', ({ events, definition, facts }) => {
    if (definition.fields === undefined || facts?.fields?.spend === undefined) return
    for (const event of events) {
      const saw = 'saw' in event.data ? (event.data.saw ?? []) : []
      for (const observation of saw)
        if ('field' in observation && observation.field === 'spend') expect(observation).not.toHaveProperty('value')
      const timing = 'timing' in event.data ? event.data.timing : null
      if (timing?.field?.name === 'spend') expect(timing.field).not.toHaveProperty('value')
    }
  })

  always('STEP-1: the wake of a plan is honest: before it nothing is due, at it something is', (history) => {
    const { contactId, state, campaigns, facts } = history
    // No handler is at work: every dispatched step is one whose worker died.
    const inFlight: ReadonlySet<string> = new Set()
    const planned = plan(contactId, state, campaigns, facts, history.now, inFlight)
    // What a pause of the campaign holds is not due, however long it lasts (GATE-1).
    const { due } = planned
    const wakeAt = freeWake(planned)
    const dispatchAt = (now: string) => {
      const command: ContactCommand = {
        type: 'DispatchDue',
        contactId,
        commandId: 'x',
        actor: null,
        inFlight,
        limit: 99,
      }
      const decided = decide(command, state, { campaigns, facts, now })
      return isLeft(decided) ? decided : decided.right.events.length
    }
    if (wakeAt === null) {
      expect(due).toEqual([])
      expect(dispatchAt(history.now)).toBe(0)
      return
    }
    const isPast = wakeAt <= history.now
    expect(dispatchAt(isPast ? history.now : wakeAt)).toBeGreaterThan(0)
    const justBefore = instantOf(Date.parse(wakeAt) - 1)
    if (justBefore >= history.now) expect(dispatchAt(justBefore)).toBe(0)
    expect(due.length > 0).toBe(isPast)
  })

  always('STEP-4: a handler at work is never called a second time for the same sending', ({ played }) => {
    for (const { command, decision } of played)
      if (command.type === 'DispatchDue')
        for (const event of decision?.events ?? [])
          if (event.type === 'StepDispatched') expect(command.inFlight.has(event.data.idempotencyKey)).toBe(false)
  })

  always(
    'STOP-6: after a stop no scheduled step of the run is dispatched, and no resend that was ordered before',
    ({ events }) => {
      const stoppedAt = new Map<string, number>()
      const resentAt = new Map<string, number>()
      events.forEach(({ type, data }, i) => {
        if (type === 'SequenceStopped') stoppedAt.set(nameOf(data), i)
        if (type === 'StepResent') resentAt.set(JSON.stringify([nameOf(data), data.stepId, data.resend]), i)
        if (type === 'ContactErased') stoppedAt.set('all', i)
        if (type !== 'StepDispatched') return
        expect(stoppedAt.has('all')).toBe(false)
        const stop = stoppedAt.get(nameOf(data))
        const ordered = resentAt.get(JSON.stringify([nameOf(data), data.stepId, data.resend])) ?? -1
        if (stop !== undefined) expect(ordered).toBeGreaterThan(stop)
      })
    },
  )

  always('UNDO-3: what was sent is not dispatched again under its key, whatever was undone since', ({ events }) => {
    const keys = new Map<string, string>()
    const sent = new Set<string>()
    for (const { type, data } of events) {
      if (type === 'StepDispatched') {
        expect(sent.has(data.idempotencyKey)).toBe(false)
        keys.set(canonicalJson([nameOf(data), data.stepId, data.resend]), data.idempotencyKey)
      }
      if (type === 'StepSent') sent.add(keys.get(canonicalJson([nameOf(data), data.stepId, data.resend])) ?? '')
    }
  })

  always('UNDO-2: nothing is ever dispatched in a run that was undone', ({ events }) => {
    const touched = new Set<string>()
    for (const { type, data } of events) {
      if (type === 'StepDispatched') touched.add(nameOf(data))
      if (type === 'RunUndone') {
        expect(touched.has(nameOf(data))).toBe(false)
        touched.add(`undone ${nameOf(data)}`)
      }
      if (type === 'StepDispatched') expect(touched.has(`undone ${nameOf(data)}`)).toBe(false)
    }
  })

  always('START-1: runs of a sequence are counted 1, 2, 3, and at most one of them is open', ({ events, state }) => {
    const newest = new Map<string, number>()
    for (const { type, data } of events) {
      if (type !== 'SequenceStarted') continue
      const name = canonicalJson([data.campaignId, data.sequenceId, data.key ?? ''])
      expect(data.run).toBe((newest.get(name) ?? 0) + 1)
      newest.set(name, data.run)
    }
    for (const enrollment of state.enrollments)
      expect(enrollment.runs.every((run) => !isOpenRun(run) || run === newestRun(enrollment))).toBe(true)
  })
})

function nameOf({ campaignId, sequenceId, key, run }: RunRef): string {
  return JSON.stringify([campaignId, sequenceId, key ?? '', run])
}

function expectFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  expect(Object.isFrozen(value)).toBe(true)
  for (const inner of Object.values(value)) expectFrozen(inner)
}
