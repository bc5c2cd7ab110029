/** Contacts as this process saw them last: what is spared by them, and that nobody is answered by what has become old. */
import { type ContactEvent, EnfoldFault, initialContact, type Store } from '@enfold/core'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { expect, it } from 'vitest'
import { answerOf, createRecorder, MONDAY, onAnn, pool, rejectionOf, typesOf } from './engine.fixture.ts'
import { createEngine } from './engine.ts'
import { createLastSeen } from './last-seen.ts'
import { combineStores } from './log.fixture.ts'
import type { ProjectedContact } from './logged-contact.ts'
import { counting } from './states.fixture.ts'
import { closingAfterEach } from './store.fixture.ts'

const closing = closingAfterEach()
const nurture = onAnn('nurture')
const onboarding = onAnn('onboarding')

/** Two processes with one log, each with a read model of its own: what the other writes, one sees when it projects. */
async function twoProcesses({ readModels = 2 } = {}) {
  const log = createMemoryStore()
  const readModel = createMemoryStore()
  const clock = createSimulatedClock(MONDAY)
  const { calls, handler } = createRecorder()
  const beforeDispatch: (() => Promise<unknown>)[] = []
  const faults: true[] = []
  const { store, looks, appends } = counting(combineStores(log, readModel))
  const interrupted: Store = {
    ...store,
    async apply(...given) {
      if (faults.pop() !== undefined) throw new EnfoldFault('STORE_UNAVAILABLE', 'The disk is gone. Mount it.')
      return store.apply(...given)
    },
    async appendMany(all) {
      if (all.some(({ events }) => events.some(({ type }) => type === 'StepDispatched'))) await beforeDispatch.pop()?.()
      return store.appendMany(all)
    },
  }
  const engineOver = (one: Store) =>
    closing(createEngine({ store: one, clock, handlers: { email: handler, task: handler }, log: false }))
  const here = engineOver(interrupted)
  const elsewhere = engineOver(combineStores(log, readModels === 1 ? readModel : createMemoryStore()))
  await answerOf(here.publish(pool))
  await answerOf(here.startSequence(onboarding))
  await here.runDue()
  calls.splice(0)
  looks()
  appends()
  return { here, elsewhere, clock, calls, looks, appends, beforeDispatch, faults }
}

it('STOP-6: a due step is not sent after a stop that another process was told of, whatever was seen before', async () => {
  const { here, elsewhere, clock, calls, looks, beforeDispatch } = await twoProcesses()
  await answerOf(here.startSequence(nurture))
  expect(await here.runDue()).toMatchObject({ sent: 1 })
  await clock.advance('P1D')
  looks()
  beforeDispatch.push(() => elsewhere.stopSequence(nurture))
  expect(await here.runDue()).toMatchObject({ sent: 0 })
  expect(looks()).toBeGreaterThan(0)
  expect(calls.map(({ step }) => step.id)).toEqual(['one'])
  expect((await typesOf(here)).slice(-3)).toEqual(['StepDispatched', 'StepSent', 'SequenceStopped'])
})

it('ONCE-3: a due step that another process sent meanwhile is not sent again', async () => {
  const { here, elsewhere, calls, beforeDispatch } = await twoProcesses()
  await answerOf(here.startSequence(nurture))
  beforeDispatch.push(() => elsewhere.runDue())
  expect(await here.runDue()).toMatchObject({ sent: 0 })
  expect(calls.map(({ step }) => step.id)).toEqual(['one'])
})

it('an order that would append nothing is decided on the log, not on what was seen', async () => {
  const { here, elsewhere } = await twoProcesses()
  await answerOf(elsewhere.startSequence(nurture))
  expect(await answerOf(here.stopSequence(nurture))).toMatchObject({ outcome: 'stopped', run: 1 })
  await answerOf(elsewhere.startSequence(nurture))
  const skipped = await answerOf(here.skipStep({ ...nurture, stepId: 'two', run: 2 }))
  expect(skipped).toMatchObject({ outcome: 'skipped', run: 2 })
})

it('an order that the log refuses, because the contact has moved on, is decided again', async () => {
  const { here, elsewhere, looks, appends } = await twoProcesses()
  expect(await answerOf(elsewhere.startSequence(nurture))).toMatchObject({ outcome: 'started', run: 1 })
  expect(await answerOf(here.startSequence(nurture))).toMatchObject({ outcome: 'already_active', run: 1 })
  expect({ looks: looks(), appends: appends() }).toEqual({ looks: 1, appends: 1 })
})

it('what another process has projected first is not decided on as it was before', async () => {
  const { here, elsewhere, looks, appends } = await twoProcesses({ readModels: 1 })
  await answerOf(elsewhere.startSequence(nurture))
  await elsewhere.runDue()
  await here.runDue()
  expect(await answerOf(here.stopSequence(nurture))).toMatchObject({ outcome: 'stopped', run: 1 })
  expect({ looks: looks(), appends: appends() }).toEqual({ looks: 1, appends: 1 })
})

it('ERASE-1: nothing is kept where another process projected what the log does not give here again', async () => {
  const { here, elsewhere, faults, looks, appends } = await twoProcesses({ readModels: 1 })
  await answerOf(elsewhere.erase({ contactId: 'ann', actor: 'olga' }))
  faults.push(true)
  await expect(here.runDue()).rejects.toThrow('The disk is gone')
  await elsewhere.runDue()
  await here.runDue()
  expect(await rejectionOf(here.startSequence(nurture))).toMatchObject({ type: 'ContactErased' })
  expect({ looks: looks(), appends: appends() }).toEqual({ looks: 1, appends: 0 })
})

it('ERASE-1: what was known of a contact is not kept when another process has projected that it was erased', async () => {
  const { here, elsewhere, looks, appends } = await twoProcesses({ readModels: 1 })
  await answerOf(elsewhere.erase({ contactId: 'ann', actor: 'olga' }))
  await elsewhere.runDue()
  await here.runDue()
  expect(await rejectionOf(here.startSequence(nurture))).toMatchObject({ type: 'ContactErased' })
  expect({ looks: looks(), appends: appends() }).toEqual({ looks: 1, appends: 0 })
})

it('ONCE-1: a command that another process was given has its answer, and another order with its id is refused', async () => {
  const { here, elsewhere } = await twoProcesses()
  const once = { ...nurture, commandId: 'start nurture' }
  const first = await answerOf(elsewhere.startSequence(once))
  expect(await answerOf(here.startSequence(once))).toEqual(first)
  const { version } = await answerOf(elsewhere.stopSequence({ ...nurture, commandId: 'stop nurture' }))
  expect(await rejectionOf(here.startSequence({ ...onboarding, commandId: 'stop nurture' }))).toMatchObject({
    type: 'CommandIdReused',
    commandId: 'stop nurture',
  })
  expect(await typesOf(here)).toHaveLength(version)
})

it('ONCE-1: a command of this process is given its answer again, though what it wrote was not projected', async () => {
  const { here } = await twoProcesses()
  const once = { ...nurture, commandId: 'start nurture' }
  const first = await answerOf(here.startSequence(once))
  await answerOf(here.stopSequence(nurture))
  expect(await answerOf(here.startSequence(once))).toEqual(first)
  expect(await answerOf(here.startSequence({ ...nurture, commandId: 'another' }))).toMatchObject({ run: 2 })
})

it('ONCE-1: a contact is not taken as it was seen for a command that may be recorded, since a log is told that none is', () => {
  const seen = createLastSeen(2)
  seen.saw('ann', seenAt(1))
  const event = {
    commandId: 'start 2',
    id: 'e2',
    at: MONDAY,
    type: 'ContactErased',
    data: {},
  } as unknown as ContactEvent
  seen.appended('ann', 1, [event], { version: 2, position: 7, state: { ...initialContact, version: 2 } })
  expect(seen.of('ann', ['start 2'])).toBeNull()
  expect(seen.of('ann', ['start 3'])).toMatchObject({ version: 2, position: 7, mayBeOld: true, history: [] })
})

it('what was seen grows with what is appended to it alone, never becomes older, and the oldest go first', () => {
  const seen = createLastSeen(2)
  const versionOf = (contactId: string) => seen.of(contactId, [])?.version
  const state = initialContact
  seen.saw('ann', seenAt(3))
  seen.appended('ann', 4, [], { version: 5, position: 5, state })
  expect(versionOf('ann')).toBe(3)
  seen.appended('ann', 3, [], { version: 4, position: 4, state })
  seen.saw('ann', seenAt(3))
  expect(versionOf('ann')).toBe(4)
  seen.appended('bob', 0, [], { version: 1, position: 6, state })
  expect(versionOf('bob')).toBeUndefined()
  seen.saw('bob', seenAt(1))
  seen.saw('cid', seenAt(1))
  expect(versionOf('ann')).toBeUndefined()
  seen.forget('bob')
  expect([versionOf('bob'), versionOf('cid')]).toEqual([undefined, 1])
})

it('ERASE-1: a contact that was erased is kept neither by the projection nor by an append', () => {
  const erased = { ...initialContact, version: 2, erased: true }
  const byProjection = createLastSeen(2)
  byProjection.saw('ann', seenAt(1))
  byProjection.saw('ann', { ...seenAt(2), state: erased })
  expect(byProjection.of('ann', [])).toBeNull()
  const byAppend = createLastSeen(2)
  byAppend.saw('ann', seenAt(1))
  byAppend.appended('ann', 1, [], { version: 2, position: 2, state: erased })
  expect(byAppend.of('ann', [])).toBeNull()
})

it('what was seen is kept until the log has more of the contact', () => {
  const seen = createLastSeen(2)
  seen.saw('ann', seenAt(3))
  seen.reached('bob', 9)
  seen.reached('ann', 3)
  expect(seen.of('ann', [])).toMatchObject({ version: 3 })
  seen.reached('ann', 4)
  expect(seen.of('ann', [])).toBeNull()
})

const seenAt = (version: number): ProjectedContact => ({
  version,
  position: version,
  lastEventId: `e${version}`,
  state: { ...initialContact, version },
  memberships: [],
  commands: '',
  storedAt: 0,
  latestAt: MONDAY,
})

it('a process that projects nothing asks the log for each order', async () => {
  const { elsewhere: _, ...all } = await twoProcesses()
  const log = createMemoryStore()
  const { store, looks } = counting(combineStores(log, createMemoryStore()))
  const engine = closing(createEngine({ store, clock: all.clock, handlers: {}, log: false }))
  await answerOf(engine.publish(pool))
  for (let order = 1; order <= 3; order++) {
    looks()
    await answerOf(engine.restartSequence(onboarding))
    expect(looks()).toBe(1)
  }
})
