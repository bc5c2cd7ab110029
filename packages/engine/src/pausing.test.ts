import { epochMsOf, type Store } from '@enfold/core'
import { verify } from '@enfold/core/log'
import { createMemoryStore } from '@enfold/store-memory'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { answerOf, eventsOf, MONDAY, onAnn, pool, rejectionOf, typesOf, until } from './engine.fixture.ts'
import type { Engine } from './engine.ts'
import { heldBack, lookingLate, severalEngines, slowToDispatch } from './several-engines.fixture.ts'
import { asHostsUseIt } from './store.fixture.ts'

const { stores, given } = severalEngines()
const BY = { actor: 'olga' }
const nurture = onAnn('nurture')

afterEach(() => void vi.restoreAllMocks())

describe.each(Object.entries(stores))('on %s', (name, makeStore) => {
  it('GATE-1: nothing of a paused campaign goes out, and nobody claims its contacts again and again', async () => {
    const { engine, engineOver, clock, called, store } = given(makeStore)
    await answerOf(engine.publish(pool))
    await answerOf(engine.startSequence(nurture))
    await engine.runDue()
    expect(await answerOf(engine.pauseCampaign('pool', BY))).toMatchObject({ outcome: 'paused', version: 1 })
    clock.advance('P1D')
    await engine.runDue()
    expect(called()).toEqual(['ann one'])
    const claims: number[] = []
    const counting: Store = {
      ...store,
      async claimDue(...asked) {
        const found = await store.claimDue(...asked)
        claims.push(found.length)
        return found
      },
    }
    expect((await engineOver(counting).runDue()).wakeAt).toBe(null)
    expect(claims).toEqual([0])
    expect(await answerOf(engine.resumeCampaign('pool', { ...BY, overdue: 'send' }))).toMatchObject({
      outcome: 'resumed',
    })
    await engine.runDue()
    expect(called()).toEqual(['ann one', 'ann two'])
  })

  it('GATE-1: what a pause holds is not late', async () => {
    const { engine, clock } = given(makeStore)
    await answerOf(engine.publish(pool))
    await answerOf(engine.startSequence(nurture))
    await answerOf(engine.pauseCampaign('pool', BY))
    await engine.runDue()
    clock.advance('P2D')
    expect(await engine.health()).toMatchObject({ ok: true, dueLagMs: 0 })
    await answerOf(engine.resumeCampaign('pool', BY))
    expect(await engine.health()).toMatchObject({ ok: false, dueLagMs: 172_800_000 })
    await engine.runDue()
    expect(await engine.health()).toMatchObject({ ok: true, dueLagMs: 0 })
  })

  it('GATE-3: after a shift each contact is woken when its wait is over, and not before', async () => {
    const { engine, clock, called } = given(makeStore)
    await answerOf(engine.publish(pool))
    for (const contactId of ['ann', 'bob']) await answerOf(engine.startSequence({ ...nurture, contactId }))
    await engine.runDue()
    clock.advance('PT12H')
    await answerOf(engine.pauseCampaign('pool', BY))
    // The one is looked at while it is paused, the other is not.
    clock.advance('PT13H')
    await engine.runDue({ limit: 1 })
    await answerOf(engine.resumeCampaign('pool', BY))
    expect((await engine.runDue()).dispatched).toBe(0)
    clock.advance('PT11H')
    expect((await engine.runDue()).dispatched).toBe(0)
    clock.advance('PT1H')
    await engine.runDue()
    expect(called().sort()).toEqual(['ann one', 'ann two', 'bob one', 'bob two'])
  })

  it('GATE-1: a start by hand and by a goal is refused while it is closed to entries, also by a late worker', async () => {
    const { engine, engineOver, store } = given(makeStore)
    const late = engineOver(store, { campaignRefreshMs: 86_400_000 })
    await answerOf(engine.publish(pool))
    await late.startSequence({ ...nurture, contactId: 'bob' })
    await answerOf(engine.pauseCampaign('pool', { ...BY, entries: 'closed' }))
    const refused = { type: 'CampaignPaused', campaignId: 'pool', sequenceId: 'nurture', since: MONDAY }
    expect(await rejectionOf(late.startSequence(nurture))).toEqual(refused)
    expect(await rejectionOf(engine.startSequence(nurture))).toEqual(refused)
    const signalled = await answerOf(
      engine.signal({ contactId: 'ann', kind: 'form-submitted', data: { form: 'guide' }, actor: null }),
    )
    expect(signalled.goals).toMatchObject([{ goalId: 'asked', outcome: 'satisfied', started: [] }])
    expect(await typesOf(engine)).toEqual(['GoalSatisfied'])
  })

  it('GATE-2: a worker that knows an old catalogue begins nothing', async () => {
    const { engine, engineOver, store, called } = given(makeStore)
    await answerOf(engine.publish(pool))
    const late = engineOver(store, { campaignRefreshMs: 86_400_000, gateMs: 2 })
    await answerOf(late.startSequence(nurture))
    await answerOf(engine.pauseCampaign('pool', BY))
    await late.runDue()
    expect(called()).toEqual([])
    expect(await typesOf(engine)).toEqual(['SequenceStarted'])
  })

  it('GATE-2: a dispatch that was decided before the pause and comes after its answer is not begun', async () => {
    const { engine, engineOver, store, called } = given(makeStore)
    await answerOf(engine.publish(pool))
    await answerOf(engine.startSequence(nurture))
    const { held, reached, letGo } = heldBack(store)
    const frozen = engineOver(held)
    const working = frozen.runDue()
    await reached
    await answerOf(engine.pauseCampaign('pool', BY))
    letGo()
    await working
    expect(called()).toEqual([])
    // A log that checks nothing has it, and the handler was not called all the same.
    if (name !== 'log, memory read model') expect(await typesOf(engine)).toEqual(['SequenceStarted'])
    await answerOf(engine.resumeCampaign('pool', BY))
  })

  it('GATE-2: a dispatch whose look at the campaign takes longer than the answer of the pause is not begun', async () => {
    const { engine, engineOver, store, called } = given(makeStore)
    await answerOf(engine.publish(pool))
    await answerOf(engine.startSequence(nurture))
    const append = heldBack(store)
    const look = lookingLate(append.held)
    const working = engineOver(look.late).runDue()
    await append.reached
    // Longer than a view is good: it looks again when the append is done, if the log has not checked it.
    const now = performance.now.bind(performance)
    vi.spyOn(performance, 'now').mockImplementation(() => now() + 60)
    look.arm()
    append.letGo()
    await Promise.race([look.reached, working])
    await answerOf(engine.pauseCampaign('pool', BY))
    const before = called()
    look.letGo()
    await working
    expect(called()).toEqual(before)
    expect(before).toEqual(name === 'log, memory read model' ? [] : ['ann one'])
  })

  it('GATE-1, ONCE-1: the same command id again has the same answer, and no effect on a later pause', async () => {
    const { engine } = given(makeStore)
    await answerOf(engine.publish(pool))
    const resume = { ...BY, commandId: 'r', overdue: 'skip' } as const
    expect(await answerOf(engine.resumeCampaign('pool', resume))).toMatchObject({ outcome: 'not_paused' })
    expect(await answerOf(engine.pauseCampaign('pool', { ...BY, commandId: 'p' }))).toMatchObject({ outcome: 'paused' })
    expect(await answerOf(engine.pauseCampaign('pool', { ...BY, commandId: 'p' }))).toMatchObject({ outcome: 'paused' })
    expect(await answerOf(engine.resumeCampaign('pool', resume))).toMatchObject({ outcome: 'not_paused' })
    expect(await answerOf(engine.pauseCampaign('pool', BY))).toMatchObject({ outcome: 'already_paused' })
    expect(await rejectionOf(engine.resumeCampaign('pool', { ...resume, overdue: 'send' }))).toMatchObject({
      type: 'CommandIdReused',
    })
    expect(await rejectionOf(engine.pauseCampaign('garden', BY))).toMatchObject({ type: 'CampaignUnknown' })
    await expect(engine.pauseCampaign('pool', { ...BY, sequences: [] })).rejects.toThrow('at least one sequence')
    await expect(engine.resumeCampaign('pool', { ...BY, pace: { most: 1, per: 'PT1M1' } })).rejects.toThrow('PT1H')
  })

  it('GATE-4: with a pace so many overdue steps begin in each span, by all workers; what is due on time is not held up', async () => {
    const { engine, engineOver, store, clock, called } = given(makeStore)
    await answerOf(engine.publish(pool))
    const MANY = 7
    for (let i = 0; i < MANY; i++) await answerOf(engine.startSequence({ ...nurture, contactId: `c${i}` }))
    await engine.runDue()
    await answerOf(engine.pauseCampaign('pool', BY))
    clock.advance('P2D')
    // Some are looked at meanwhile, the others are not.
    await engine.runDue({ limit: 3 })
    await answerOf(engine.resumeCampaign('pool', { ...BY, overdue: 'send', pace: { most: 3, per: 'PT1H' } }))
    clock.advance('PT1M')
    await answerOf(engine.startSequence(nurture))
    const other = asHostsUseIt(engineOver(store), store)
    const begun = () => called().filter((one) => one.endsWith('two')).length
    const { wakeAt } = await engine.runDue()
    await other.runDue()
    expect([begun(), called().includes('ann one')]).toEqual([3, true])
    expect(wakeAt).toBe('2026-03-04T10:00:00.000Z')
    clock.advance('PT58M')
    await other.runDue()
    expect(begun()).toBe(3)
    clock.advance('PT1M')
    await other.runDue()
    await engine.runDue()
    expect(begun()).toBe(6)
    clock.advance('PT1H')
    await engine.runDue()
    expect(begun()).toBe(MANY)
  })

  it('GATE-4: workers whose appends take time are each over the pace by one portion at most, and one alone keeps it', async () => {
    const MOST = 20
    for (const workers of [1, 3]) {
      const { engine, engineOver, clock, store, called } = given(() => slowToDispatch(makeStore()))
      await answerOf(engine.publish(pool))
      for (let i = 0; i < 3 * MOST; i++) await answerOf(engine.startSequence({ ...nurture, contactId: `c${i}` }))
      await answerOf(engine.pauseCampaign('pool', BY))
      clock.advance('P2D')
      await engine.runDue()
      await answerOf(engine.resumeCampaign('pool', { ...BY, overdue: 'send', pace: { most: MOST, per: 'PT1H' } }))
      const others = Array.from({ length: workers - 1 }, () => asHostsUseIt(engineOver(store), store))
      await Promise.all([engine, ...others].map((one) => one.runDue()))
      const over = called().length - MOST
      expect(over).toBeGreaterThanOrEqual(0)
      expect(over).toBeLessThanOrEqual((workers - 1) * (MOST / 10))
    }
  })

  it('GATE-4: after an outage overdue steps begin by a pace, and what is due on time is not held up', async () => {
    const { engine, clock } = given(makeStore)
    await answerOf(engine.publish(pool))
    // By due instant, and not by their ids.
    const overdue = ['c4', 'c3', 'c2', 'c1', 'c0']
    for (const contactId of overdue) {
      await answerOf(engine.startSequence({ ...nurture, contactId }))
      clock.advance('PT1M')
    }
    clock.advance('P2D')
    const since = epochMsOf(clock.now())
    const draining = engine.drain({ pace: { most: 2, per: 'PT1H' } })
    await expect(engine.drain({ pace: { most: 2, per: 'PT1H' } })).rejects.toThrow('one at a time')
    await expect(engine.drain({ pace: { most: 0, per: 'PT1H' } })).rejects.toThrow('drain.pace.most')
    clock.advance('PT1M')
    await answerOf(engine.startSequence(nurture))
    // Time stands still until she has her mail.
    await until(async () => (await eventsOf(engine, 'StepDispatched')).length > 0)
    const ticking = setInterval(() => clock.advance('PT1M'), 1)
    expect(await draining).toMatchObject({ dispatched: 6 })
    clearInterval(ticking)
    const hourOf = async (contactId: string) => {
      const [dispatched] = await eventsOf(engine, 'StepDispatched', contactId)
      return Math.floor((epochMsOf(dispatched?.at ?? '') - since) / 3_600_000)
    }
    const hours = await Promise.all(overdue.map(hourOf))
    for (const hour of hours) expect(hours.filter((other) => other === hour).length).toBeLessThanOrEqual(2)
    expect(hours).toEqual(hours.toSorted((a, b) => a - b))
    expect(await hourOf('ann')).toBe(0)
  })

  it('GATE-5: the engine tells before a resume how many are overdue per step, and when they would go', async () => {
    const { engine, clock } = given(makeStore)
    await answerOf(engine.publish(pool))
    await answerOf(engine.startSequence(nurture))
    await engine.runDue()
    clock.advance('PT12H')
    await answerOf(engine.startSequence({ ...nurture, contactId: 'bob' }))
    await engine.runDue()
    await answerOf(engine.pauseCampaign('pool', BY))
    await answerOf(engine.startSequence({ ...nurture, contactId: 'cem' }))
    expect(await engine.inspect.heldByPause('pool')).toMatchObject({
      since: '2026-03-02T21:00:00.000Z',
      steps: [{ stepId: 'one', overdue: 1 }],
    })
    clock.advance('P1D')
    await engine.runDue({ limit: 1 })
    const now = '2026-03-03T21:00:00.000Z'
    const later = (first: string, last: string) => ({ go: 2, skip: 0, first, last })
    const progress: number[] = []
    const held = await engine.inspect.heldByPause('pool', { onProgress: (contacts) => progress.push(contacts) })
    expect(held).toMatchObject({ at: now, complete: true, contacts: 3 })
    expect(held?.steps).toEqual([
      {
        sequenceId: 'nurture',
        stepId: 'one',
        overdue: 1,
        choices: {
          shift: { go: 1, skip: 0, first: now, last: now },
          send: { go: 1, skip: 0, first: now, last: now },
          skip: { go: 0, skip: 1, first: null, last: null },
        },
      },
      {
        sequenceId: 'nurture',
        stepId: 'two',
        overdue: 2,
        choices: {
          shift: later('2026-03-04T09:00:00.000Z', '2026-03-04T21:00:00.000Z'),
          send: later(now, now),
          // What is due at this very instant did not fall due before it.
          skip: { go: 1, skip: 1, first: now, last: now },
        },
      },
    ])
    expect(progress).toEqual([3])
    // By a pace what would go at once goes in turn, by due instant; what is due later is not held up.
    const paced = await engine.inspect.heldByPause('pool', { pace: { most: 1, per: 'PT1H' } })
    const once = (at: string) => ({ go: 1, first: at, last: at })
    expect(paced?.steps.map(({ choices }) => choices)).toMatchObject([
      { shift: once(now), send: once(now), skip: { go: 0, first: null } },
      {
        shift: later('2026-03-04T09:00:00.000Z', '2026-03-04T21:00:00.000Z'),
        send: later('2026-03-03T22:00:00.000Z', '2026-03-03T23:00:00.000Z'),
        skip: once(now),
      },
    ])
    await expect(engine.inspect.heldByPause('pool', { pace: { most: 0, per: 'PT1H' } })).rejects.toThrow('pace.most')
    expect(await engine.inspect.heldByPause('pool', { most: 1 })).toMatchObject({ contacts: 1, complete: false })
    expect(await engine.inspect.heldByPause('garden')).toBe(null)
    expect((await engine.inspect.campaign('pool'))?.paused).toEqual({
      since: '2026-03-02T21:00:00.000Z',
      sequences: null,
      entries: 'open',
    })
    expect((await engine.inspect.contact('ann')).enrollments[0]?.next).toMatchObject({
      stepId: 'two',
      campaignPausedSince: '2026-03-02T21:00:00.000Z',
    })
  })

  it('GATE-1, AUDIT-3: why a step did not go is told, while its campaign is paused and afterwards', async () => {
    const { engine, clock } = given(makeStore)
    await answerOf(engine.publish(pool))
    await answerOf(engine.startSequence(nurture))
    await engine.runDue()
    await answerOf(engine.pauseCampaign('pool', BY))
    clock.advance('P2D')
    const why = (stepId: string) =>
      engine.inspect.explain({ contactId: 'ann', campaignId: 'pool', sequenceId: 'nurture', stepId })
    expect((await why('two')).step).toMatchObject({ reason: 'campaign-paused', detail: `since ${MONDAY}` })
    await answerOf(engine.resumeCampaign('pool', BY))
    const from = `its campaign was paused from ${MONDAY} to 2026-03-04T09:00:00.000Z`
    expect((await why('two')).step).toMatchObject({ reason: 'not-yet-due', detail: from })
    await answerOf(engine.pauseCampaign('pool', BY))
    clock.advance('P2D')
    await answerOf(engine.resumeCampaign('pool', { ...BY, overdue: 'skip' }))
    await engine.runDue()
    expect((await why('two')).step).toMatchObject({
      reason: 'skipped',
      detail: 'its campaign was paused from 2026-03-04T09:00:00.000Z to 2026-03-06T09:00:00.000Z',
    })
    // At an instant of then the pause of then holds it.
    const then = await engine.inspect.contact('ann', { at: '2026-03-03T09:00:00.000Z' })
    expect(then.enrollments[0]?.next).toMatchObject({ stepId: 'two', campaignPausedSince: MONDAY })
  })
})

it('GATE-2, AUDIT-4: a log with a dispatch in the middle of a pause is at fault', async () => {
  const { engine, clock, store } = given(stores.memory as () => Store)
  await answerOf(engine.publish(pool))
  await answerOf(engine.startSequence(nurture))
  await answerOf(engine.pauseCampaign('pool', BY))
  clock.advance('PT2M')
  await answerOf(engine.resumeCampaign('pool', BY))
  await engine.runDue()
  expect((await verify(store.readAll())).faults).toEqual([])
  async function* withoutTheResume() {
    for await (const event of store.readAll()) if (event.type !== 'CampaignResumed') yield event
  }
  expect((await verify(withoutTheResume())).faults).toMatchObject([{ rule: 'GATE-2' }])
})

it.each<['skip' | 'send', (engine: Engine) => Promise<unknown>]>([
  ['skip', async () => {}],
  ['send', (engine) => answerOf(engine.cancelStep({ ...nurture, stepId: 'two' }))],
  ['send', (engine) => answerOf(engine.skipStep({ ...nurture, stepId: 'two' }))],
])(
  'JUMP-1, GATE-3: a wait that a move has cut takes no time, whatever keeps its step from going out (%s)',
  async (overdue, order) => {
    const { engine, clock } = given(() => createMemoryStore())
    await answerOf(engine.publish(pool))
    await answerOf(engine.startSequence(nurture))
    await answerOf(engine.moveRun({ ...nurture, toStep: 'two', wait: 'none' }))
    await answerOf(engine.pauseCampaign('pool', BY))
    await order(engine)
    await clock.advance('PT12H')
    await answerOf(engine.resumeCampaign('pool', { ...BY, overdue }))
    await engine.runDue()
    const { enrollments } = await engine.inspect.contact('ann')
    expect(enrollments[0]?.next).toMatchObject({ stepId: 'three', dueAt: '2026-03-03T09:00:00.000Z' })
  },
)
