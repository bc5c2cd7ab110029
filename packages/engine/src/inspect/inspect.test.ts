import { type CampaignDefinition, type Store, tagOf, waitingTagOf } from '@enfold/core'
import { createEngine, type Engine, type EngineOptions } from '@enfold/engine'
import { createSimulatedClock, hostileIds, type SimulatedClock } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'
import { answerOf, MONDAY, onAnn, pool } from '../engine.fixture.ts'
import { asHostsUseIt, closingAfterEach, eachStore } from '../store.fixture.ts'

const closing = closingAfterEach()

interface Given {
  readonly engine: Engine
  readonly store: Store
  readonly clock: SimulatedClock
  another(more?: Partial<EngineOptions>): Engine
}

async function given(makeStore: () => Store, more: Partial<EngineOptions> = {}): Promise<Given> {
  const store = makeStore()
  closing(store)
  const clock = createSimulatedClock(MONDAY)
  const another = (options: Partial<EngineOptions> = {}) => {
    const made = createEngine({ store, clock, handlers: { email: () => ({ outcome: 'sent' }) }, ...options })
    const engine = asHostsUseIt(made, store)
    closing(engine)
    return engine
  }
  const engine = another(more)
  await answerOf(engine.publish(pool))
  return { engine, store, clock, another }
}

const nurture = { campaignId: 'pool', sequenceId: 'nurture' }
const vip = { campaignId: 'pool', sequenceId: 'vip' }
const by = { actor: 'olga' }
const letters = (count: number) => Array.from({ length: count }, (_, i) => `contact ${String(i).padStart(3, '0')}`)

/** Every page of an answer, up to the end. */
async function everyPage(
  ask: (after: string | null) => Promise<{ readonly contacts: readonly string[]; readonly next: string | null }>,
): Promise<string[][]> {
  const pages: string[][] = []
  for (let after: string | null = null; ; ) {
    const { contacts, next } = await ask(after)
    pages.push([...contacts])
    if (next === null) return pages
    after = next
  }
}

eachStore((makeStore) => {
  describe('campaigns', () => {
    it('VERSION-1: campaigns are all that ever were published, with each version of their definition', async () => {
      const { engine, another } = await given(makeStore)
      const named = { ...pool, name: 'Pool owners' }
      await answerOf(engine.publish(named))
      await answerOf(engine.publish({ ...pool, id: 'a/b' }))
      await answerOf(engine.unpublish('a/b', by))
      // Another process sees what this one published.
      const { inspect } = another({ campaignRefreshMs: 3_600_000 })
      expect(await inspect.campaigns()).toEqual([
        { campaignId: 'a/b', name: 'a/b', published: false, version: 1, publishedAt: MONDAY },
        { campaignId: 'pool', name: 'Pool owners', published: true, version: 2, publishedAt: MONDAY },
      ])
      const newest = await inspect.campaign('pool')
      expect(newest).toMatchObject({ version: 2, versions: [{ version: 1 }, { version: 2 }] })
      expect(newest?.definition).toEqual(named)
      expect((await inspect.campaign('pool', { version: 1 }))?.definition).toEqual(pool)
      expect(await inspect.campaign('pool', { version: 3 })).toBeNull()
      expect(await inspect.campaign('nothing')).toBeNull()
    })
  })

  describe('contact', () => {
    it('a contact without events is empty', async () => {
      const { engine } = await given(makeStore)
      expect(await engine.inspect.contact('nobody')).toEqual({
        contactId: 'nobody',
        version: 0,
        suppressed: null,
        erased: false,
        enrollments: [],
      })
    })

    it('AUDIT-2: the view of a contact names the events that a fast clock has dated after now, and counts them', async () => {
      const { engine, clock, another } = await given(makeStore)
      await engine.startSequence(onAnn('nurture'))
      const fast = another({ clock: createSimulatedClock('2026-03-02T12:00:00.000Z') })
      await answerOf(fast.stopSequence(onAnn('nurture')))
      await answerOf(fast.suppress({ contactId: 'ann', ...by }))
      expect(await engine.inspect.contact('ann')).toMatchObject({
        version: 3,
        ahead: [2, 3],
        suppressed: { until: null },
        enrollments: [{ status: 'stopped' }],
      })
      // As it was at an instant, only what stands in that view is named.
      expect(await engine.inspect.contact('ann', { at: MONDAY })).not.toHaveProperty('ahead')
      clock.advance('PT3H')
      expect(await engine.inspect.contact('ann')).not.toHaveProperty('ahead')
    })

    it('the view of a contact shows each enrollment with all its steps and what comes next', async () => {
      const { engine, clock } = await given(makeStore)
      await engine.startSequence(onAnn('nurture'))
      await engine.runDue()
      clock.advance('PT1H')
      await engine.startSequence(onAnn('vip'))
      expect(await engine.inspect.contact('ann')).toEqual({
        contactId: 'ann',
        version: 4,
        suppressed: null,
        erased: false,
        enrollments: [
          {
            ...nurture,
            run: 1,
            status: 'active',
            campaignVersion: 1,
            startedAt: MONDAY,
            endedAt: null,
            steps: [
              { stepId: 'one', status: 'sent', at: MONDAY },
              { stepId: 'two', status: 'pending', at: null },
              { stepId: 'three', status: 'pending', at: null },
            ],
            next: { stepId: 'two', dueAt: '2026-03-03T09:00:00.000Z' },
          },
          {
            ...vip,
            run: 1,
            status: 'active',
            campaignVersion: 1,
            startedAt: '2026-03-02T10:00:00.000Z',
            endedAt: null,
            steps: [{ stepId: 'call', status: 'pending', at: null }],
            next: { stepId: 'call', dueAt: '2026-03-02T11:00:00.000Z' },
          },
        ],
      })
    })

    it('the view of a contact shows a step in each of its states, with its reason and its resends', async () => {
      const steps = ['sent', 'skipped', 'failed', 'cancelled', 'held'].map((id) => ({
        id,
        kind: 'email',
        maxAttempts: 1,
        onFailure: id === 'held' ? ('hold' as const) : ('continue' as const),
      }))
      const { engine } = await given(makeStore, {
        handlers: {
          email: ({ step, resend }) => {
            if (step.id === 'skipped') return { outcome: 'skipped', reason: 'unsubscribed' }
            return step.id === 'sent' || resend > 0 ? { outcome: 'sent' } : { outcome: 'failed', reason: 'refused' }
          },
        },
      })
      await answerOf(engine.publish({ id: 'garden', goals: [], sequences: [{ id: 's', steps }] }))
      const order = { contactId: 'ann', campaignId: 'garden', sequenceId: 's', ...by }
      await engine.startSequence(order)
      await engine.cancelStep({ ...order, stepId: 'cancelled' })
      await engine.runDue()
      await engine.resendStep({ ...order, stepId: 'failed' })
      await engine.runDue()
      await engine.resendStep({ ...order, stepId: 'failed' })
      const [view] = (await engine.inspect.contact('ann')).enrollments
      expect(view?.steps).toEqual([
        { stepId: 'sent', status: 'sent', at: MONDAY },
        { stepId: 'skipped', status: 'skipped', at: MONDAY, reason: 'unsubscribed' },
        {
          stepId: 'failed',
          status: 'failed',
          at: MONDAY,
          reason: 'refused',
          resends: [
            { resend: 1, status: 'sent', at: MONDAY },
            { resend: 2, status: 'requested', at: MONDAY },
          ],
        },
        { stepId: 'cancelled', status: 'cancelled', at: MONDAY },
        { stepId: 'held', status: 'held', at: MONDAY, reason: 'refused' },
      ])
      expect(view?.next).toMatchObject({ stepId: 'held' })
    })

    it('the view of a contact shows a step between two attempts as pending, and when the next one is', async () => {
      const { engine } = await given(makeStore, {
        handlers: { email: () => ({ outcome: 'failed', reason: 'busy', retryAfterMs: 7_200_000 }) },
      })
      await engine.startSequence(onAnn('nurture'))
      await engine.runDue()
      const [view] = (await engine.inspect.contact('ann')).enrollments
      expect(view?.steps[0]).toEqual({ stepId: 'one', status: 'pending', at: MONDAY, reason: 'busy' })
      expect(view?.next).toEqual({ stepId: 'one', dueAt: '2026-03-02T11:00:00.000Z' })
    })

    it('the view of a contact shows the newest run, or all of them, oldest first, each in its own version', async () => {
      const { engine, clock } = await given(makeStore)
      await engine.startSequence(onAnn('nurture'))
      await engine.runDue()
      const shorter: CampaignDefinition = {
        ...pool,
        sequences: pool.sequences.map((sequence) => ({ ...sequence, steps: sequence.steps.slice(0, 1) })),
      }
      await answerOf(engine.publish(shorter))
      clock.advance('PT1H')
      await engine.restartSequence(onAnn('nurture'))
      const newest = await engine.inspect.contact('ann')
      expect(newest.enrollments.map(({ run }) => run)).toEqual([2])
      expect(await engine.inspect.contact('ann', { runs: 'newest' })).toEqual(newest)
      const { enrollments } = await engine.inspect.contact('ann', { runs: 'all' })
      expect(enrollments).toMatchObject([
        { run: 1, status: 'stopped', campaignVersion: 1, endedAt: '2026-03-02T10:00:00.000Z', next: null },
        { run: 2, status: 'active', campaignVersion: 2, endedAt: null, next: { stepId: 'one' } },
      ])
      expect(enrollments.map(({ steps }) => steps.length)).toEqual([3, 1])
    })

    it('the view of a contact shows a paused run with what would come next, and a waiting one without', async () => {
      const { engine, clock } = await given(makeStore)
      await engine.startSequence(onAnn('nurture'))
      for (const day of ['P1D', 'P1D', 'P1D']) {
        await engine.runDue()
        clock.advance(day)
      }
      await engine.startSequence(onAnn('vip'))
      await engine.pauseSequence(onAnn('vip'))
      expect((await engine.inspect.contact('ann')).enrollments).toMatchObject([
        { sequenceId: 'nurture', status: 'waiting', endedAt: '2026-03-04T09:00:00.000Z', next: null },
        {
          sequenceId: 'vip',
          status: 'paused',
          endedAt: null,
          next: { stepId: 'call', dueAt: '2026-03-05T10:00:00.000Z' },
        },
      ])
    })

    it('STOP-4: the view of a contact shows a ban while it is in force', async () => {
      const { engine, clock } = await given(makeStore)
      await engine.suppress({ contactId: 'ann', ...by, until: '2026-03-03T09:00:00.000Z' })
      await engine.suppress({ contactId: 'bob', ...by })
      expect((await engine.inspect.contact('ann')).suppressed).toEqual({ until: '2026-03-03T09:00:00.000Z' })
      expect((await engine.inspect.contact('bob')).suppressed).toEqual({ until: null })
      clock.advance('P1D')
      expect((await engine.inspect.contact('ann')).suppressed).toBeNull()
    })

    it('ERASE-1: the view of a contact shows that a contact was erased', async () => {
      const { engine } = await given(makeStore)
      await engine.startSequence(onAnn('nurture'))
      await engine.erase({ contactId: 'ann', ...by })
      expect(await engine.inspect.contact('ann')).toMatchObject({ erased: true, enrollments: [{ status: 'stopped' }] })
      expect(await engine.inspect.sequencesOf('ann')).toEqual([])
    })
  })

  it('history gives the recorded events in order, with their places', async () => {
    const { engine } = await given(makeStore)
    expect(await engine.inspect.history('ann')).toEqual([])
    await engine.startSequence(onAnn('nurture', { commandId: 'k' }))
    await engine.stopSequence(onAnn('nurture'))
    const history = await engine.inspect.history('ann')
    expect(history).toMatchObject([
      { type: 'SequenceStarted', stream: 'contact-ann', version: 1, position: 2, commandId: 'k', at: MONDAY },
      { type: 'SequenceStopped', stream: 'contact-ann', version: 2, position: 3 },
    ])
  })

  describe('INDEX-2', () => {
    /** Three wait at the end of nurture, seven are in it; of these, the first two and two others are in vip, too. */
    async function crowd(): Promise<Given> {
      const all = await given(makeStore, { contacts: { get: () => ({}), search: searchIn(letters(12)) } })
      const { engine, clock } = all
      const contacts = letters(12)
      for (const contactId of contacts.slice(0, 3)) await engine.startSequence({ contactId, ...nurture, ...by })
      for (const day of ['P1D', 'P1D', 'P1D']) {
        await engine.runDue()
        clock.advance(day)
      }
      for (const contactId of contacts.slice(3, 10)) await engine.startSequence({ contactId, ...nurture, ...by })
      for (const i of [3, 4, 10, 11]) await engine.startSequence({ contactId: contacts[i] as string, ...vip, ...by })
      return all
    }
    const named = (...numbers: readonly number[]) => numbers.map((i) => letters(12)[i] as string)

    it('contactsInSequence returns contacts in progress, waiting, or either, in pages that neither repeat nor skip', async () => {
      const { engine } = await crowd()
      const ask = async (status?: 'active' | 'waiting' | 'either') => {
        const query = { ...nurture, ...(status === undefined ? {} : { status }) }
        const pages = await everyPage((after) => engine.inspect.contactsInSequence({ ...query, after, limit: 2 }))
        expect(pages.slice(0, -1).every((page) => page.length === 2)).toBe(true)
        const whole = await engine.inspect.contactsInSequence(query)
        expect(whole).toEqual({ contacts: pages.flat(), total: pages.flat().length, next: null })
        return pages.flat().sort()
      }
      expect(await ask()).toEqual(named(3, 4, 5, 6, 7, 8, 9))
      expect(await ask('active')).toEqual(named(3, 4, 5, 6, 7, 8, 9))
      expect(await ask('waiting')).toEqual(named(0, 1, 2))
      expect(await ask('either')).toEqual(named(0, 1, 2, 3, 4, 5, 6, 7, 8, 9))
      expect(await engine.inspect.contactsInSequence({ ...nurture, sequenceId: 'nothing' })).toEqual({
        contacts: [],
        total: 0,
        next: null,
      })
    })

    it('sequencesOf answers what a contact is in, and at the end of which it waits', async () => {
      const { engine } = await crowd()
      expect(await engine.inspect.sequencesOf('contact 000')).toEqual([{ ...nurture, status: 'waiting' }])
      expect(await engine.inspect.sequencesOf('contact 003')).toEqual([
        { ...nurture, status: 'active' },
        { ...vip, status: 'active' },
      ])
      expect(await engine.inspect.sequencesOf('nobody')).toEqual([])
    })

    it('search finds all, any and none of sequences', async () => {
      const { engine } = await crowd()
      const found = async (query: Parameters<Engine['inspect']['search']>[0]) => {
        const pages = await everyPage((after) => engine.inspect.search({ ...query, after, limit: 3 }))
        expect((await engine.inspect.search(query)).total).toBe(pages.flat().length)
        return pages.flat().sort()
      }
      const waiting = { ...nurture, status: 'waiting' } as const
      expect(await found({ all: [nurture, vip] })).toEqual(named(3, 4))
      expect(await found({ any: [waiting, vip] })).toEqual(named(0, 1, 2, 3, 4, 10, 11))
      expect(await found({ any: [nurture, vip], none: [nurture] })).toEqual(named(10, 11))
      expect(await found({ all: [nurture], none: [vip] })).toEqual(named(5, 6, 7, 8, 9))
      expect(await found({ all: [{ ...nurture, status: 'active' }], any: [vip], none: [waiting] })).toEqual(named(3, 4))
      expect(await found({ none: [nurture] })).toEqual(named(0, 1, 2, 10, 11))
      expect(await found({})).toEqual(letters(12))
    })

    it("search with a text finds what the host's directory and the index both find, page by page", async () => {
      const { engine } = await crowd()
      const found = (text: string, query = {}) =>
        everyPage((after) => engine.inspect.search({ text, ...query, after, limit: 2 }))
      // The directory finds 010 and 011 by "t 01", and everyone by "contact".
      expect((await found('t 01')).flat()).toEqual(named(10, 11))
      expect((await found('t 01', { all: [nurture] })).flat()).toEqual([])
      const pages = await found('contact', { all: [nurture] })
      expect(pages.flat()).toEqual(named(3, 4, 5, 6, 7, 8, 9))
      expect(pages.every((page) => page.length <= 2)).toBe(true)
      expect(await engine.inspect.search({ text: 'contact', any: [vip] })).toEqual({
        contacts: named(3, 4, 10, 11),
        total: null,
        next: null,
      })
    })

    it('counts says how many are in each sequence, and wait at its end', async () => {
      const { engine } = await crowd()
      expect(await engine.inspect.counts({ campaignId: 'pool' })).toEqual([
        { sequenceId: 'nurture', active: 7, waiting: 3 },
        { sequenceId: 'onboarding', active: 0, waiting: 0 },
        { sequenceId: 'vip', active: 4, waiting: 0 },
      ])
      expect(await engine.inspect.counts({ campaignId: 'nowhere' })).toEqual([])
    })

    it('counts lists a sequence that the newest version no longer has, after those that it has', async () => {
      const { engine } = await crowd()
      const without: CampaignDefinition = {
        ...pool,
        goals: [],
        sequences: pool.sequences.filter(({ id }) => id !== 'nurture').map((one) => ({ ...one, next: [] })),
      }
      await answerOf(engine.publish(without))
      expect(await engine.inspect.counts({ campaignId: 'pool' })).toEqual([
        { sequenceId: 'onboarding', active: 0, waiting: 0 },
        { sequenceId: 'vip', active: 4, waiting: 0 },
        { sequenceId: 'nurture', active: 7, waiting: 3 },
      ])
    })

    it('upcoming answers the next steps of one contact, or of everyone until an instant, soonest first', async () => {
      const { engine, clock } = await crowd()
      expect(await engine.inspect.upcoming({ contactId: 'contact 003' })).toEqual([
        {
          contactId: 'contact 003',
          ...nurture,
          run: 1,
          stepId: 'one',
          dueAt: clock.now(),
          status: 'pending',
          paused: false,
        },
        {
          contactId: 'contact 003',
          ...vip,
          run: 1,
          stepId: 'call',
          dueAt: '2026-03-05T10:00:00.000Z',
          status: 'pending',
          paused: false,
        },
      ])
      const soon = await engine.inspect.upcoming({ until: clock.now() })
      expect(soon.map(({ contactId }) => contactId).sort()).toEqual(named(3, 4, 5, 6, 7, 8, 9))
      const all = await engine.inspect.upcoming({})
      expect(all).toHaveLength(11)
      expect(all.map(({ dueAt }) => dueAt)).toEqual(all.map(({ dueAt }) => dueAt).sort())
      expect(all.at(-1)).toMatchObject({ stepId: 'call' })
      expect(await engine.inspect.upcoming({ limit: 2 })).toHaveLength(4)
      expect(await engine.inspect.upcoming({ contactId: 'nobody' })).toEqual([])
    })
  })

  it('PAUSE-1: upcoming says of a paused run that nothing of it is dispatched', async () => {
    const { engine } = await given(makeStore)
    await engine.startSequence(onAnn('vip'))
    await engine.pauseSequence(onAnn('vip'))
    expect(await engine.inspect.upcoming({ contactId: 'ann' })).toMatchObject([{ stepId: 'call', paused: true }])
  })

  describe('explain', () => {
    const step = (stepId: string, sequenceId = 'nurture') => ({
      contactId: 'ann',
      campaignId: 'pool',
      sequenceId,
      stepId,
    })
    const typesIn = (links: readonly { readonly event: { readonly type: string } }[]) =>
      links.map(({ event }) => event.type)

    /** Ann asked, got the first mail, and bought: the condition read what she spent. */
    async function bought(spend: number, more: Partial<EngineOptions> = {}): Promise<Given> {
      const all = await given(makeStore, { contacts: { get: () => ({ fields: { spend } }) }, ...more })
      const { engine, clock } = all
      await engine.signal({ contactId: 'ann', kind: 'form-submitted', data: { form: 'guide' }, signalId: 'form-1' })
      await engine.runDue()
      clock.advance('PT1H')
      await engine.signal({ contactId: 'ann', kind: 'purchased', signalId: 'order-1' })
      return all
    }

    it('AUDIT-3: a dispatch has the chain of its causes up to the signal, with what each decision saw', async () => {
      const { engine, clock } = await bought(1200, {
        handlers: { email: () => ({ outcome: 'sent' }), task: () => ({ outcome: 'sent' }) },
      })
      clock.advance('PT1H')
      await engine.runDue()
      const history = await engine.inspect.history('ann')
      const dispatch = history.find(({ type, data }) => type === 'StepDispatched' && data.stepId === 'call')
      const eventId = dispatch?.id as string
      const { chain, ...rest } = await engine.inspect.explain({ contactId: 'ann', eventId })
      expect(rest).toEqual({ contactId: 'ann', step: null, evidence: [dispatch] })
      expect(typesIn(chain)).toEqual(['StepDispatched', 'SequenceStarted', 'GoalSatisfied'])
      expect(chain[0]).toEqual({
        event: dispatch,
        saw: [],
        routes: [],
        timing: expect.objectContaining({ anchor: '2026-03-02T10:00:00.000Z', dueAt: '2026-03-02T11:00:00.000Z' }),
      })
      expect(chain[2]).toMatchObject({
        event: { cause: { by: 'signal', signalId: 'order-1', kind: 'purchased' } },
        saw: [{ field: 'spend', value: 1200 }],
        routes: [
          { to: 'vip', outcome: 'started', run: 1 },
          { to: 'onboarding', outcome: 'closed' },
        ],
      })
      // The same dispatch, asked for as a step.
      const ofStep = await engine.inspect.explain(step('call', 'vip'))
      expect(ofStep.step).toEqual({ reason: 'sent', detail: null, dueAt: null })
      expect(typesIn(ofStep.chain)).toEqual(['StepSent', ...typesIn(chain)])
    })

    it('AUDIT-3: a chain may end at an operator, with the name and the reason', async () => {
      const { engine } = await given(makeStore)
      await engine.startSequence(onAnn('nurture'))
      await engine.stopSequence(onAnn('nurture', { reason: 'asked for it' }))
      const { step: why, chain } = await engine.inspect.explain(step('one'))
      expect(why).toEqual({ reason: 'stopped', detail: null, dueAt: null })
      expect(chain.at(-1)?.event).toMatchObject({ actor: 'olga', cause: { by: 'operator', reason: 'asked for it' } })
    })

    it('AUDIT-3: a step that a goal took away names the goal and the signal', async () => {
      const { engine } = await bought(20)
      const { step: why, evidence, chain } = await engine.inspect.explain(step('two'))
      expect(why).toMatchObject({ reason: 'stopped' })
      expect(evidence.map(({ type }) => type)).toEqual(['SequenceStopped'])
      expect(typesIn(chain)).toEqual(['SequenceStopped', 'GoalSatisfied'])
      expect(chain[1]?.event.cause).toMatchObject({ signalId: 'order-1' })
    })

    it('AUDIT-3: a resend is not why a step ran', async () => {
      const { engine } = await given(makeStore)
      await engine.startSequence(onAnn('nurture'))
      await engine.runDue()
      await engine.resendStep({ ...onAnn('nurture'), stepId: 'one' })
      await engine.runDue()
      const { evidence, chain } = await engine.inspect.explain(step('one'))
      expect(evidence.map(({ type }) => type)).toEqual(['StepDispatched', 'StepSent', 'StepDispatched', 'StepSent'])
      expect(typesIn(chain)).toEqual(['StepSent', 'StepDispatched', 'SequenceStarted'])
    })

    it('AUDIT-3: when a step will be due is computed with the zone that the directory has now', async () => {
      let timeZone = 'America/Chicago'
      const at8: CampaignDefinition = {
        id: 'mornings',
        goals: [],
        sequences: [{ id: 's', steps: [{ id: 'm', kind: 'email', timer: { afterDays: 1, at: '08:00' } }] }],
      }
      const { engine } = await given(makeStore, { contacts: { get: () => ({ timeZone }) } })
      await answerOf(engine.publish(at8))
      await engine.startSequence({ contactId: 'ann', campaignId: 'mornings', sequenceId: 's', ...by })
      const query = { contactId: 'ann', campaignId: 'mornings', sequenceId: 's', stepId: 'm' }
      const before = await engine.inspect.explain(query)
      expect(before.step).toEqual({ reason: 'not-yet-due', detail: null, dueAt: '2026-03-03T14:00:00.000Z' })
      expect(typesIn(before.chain)).toEqual(['SequenceStarted'])
      timeZone = 'Europe/Berlin'
      expect((await engine.inspect.explain(query)).step).toMatchObject({ dueAt: '2026-03-03T07:00:00.000Z' })
    })

    it('AUDIT-3: a step whose time has come is due, and what the directory will make of it is said', async () => {
      let known = true
      const { engine, clock } = await given(makeStore, {
        handlers: { task: () => ({ outcome: 'sent' }) },
        contacts: { get: () => (known ? {} : null) },
      })
      await engine.startSequence(onAnn('vip'))
      clock.advance('P1D')
      const dueAt = '2026-03-02T10:00:00.000Z'
      expect((await engine.inspect.explain(step('call', 'vip'))).step).toEqual({ reason: 'due', detail: null, dueAt })
      known = false
      const gone = await engine.inspect.explain(step('call', 'vip'))
      expect(gone.step).toEqual({ reason: 'due', detail: 'contact-unknown', dueAt })
      await engine.runDue()
      // Not before the directory was asked again for an hour (FACTS-3).
      clock.advance('PT1H')
      await engine.runDue()
      const after = await engine.inspect.explain(step('call', 'vip'))
      expect(after.step).toEqual({ reason: 'skipped', detail: 'contact-unknown', dueAt: null })
    })

    it('AUDIT-3: a step whose run was stopped by a process with a fast clock is stopped, and not due', async () => {
      const { engine, clock, another } = await given(makeStore)
      await engine.startSequence(onAnn('nurture'))
      const fast = createSimulatedClock('2026-03-02T12:00:00.000Z')
      await answerOf(another({ clock: fast }).stopSequence(onAnn('nurture')))
      clock.advance('PT1H')
      const { step: why, evidence } = await engine.inspect.explain(step('one'))
      expect(why).toEqual({ reason: 'stopped', detail: null, dueAt: null })
      expect(evidence).toMatchObject([{ type: 'SequenceStopped', at: '2026-03-02T12:00:00.000Z' }])
    })

    it('AUDIT-3: an earlier run is asked about by its number', async () => {
      const { engine } = await given(makeStore)
      await engine.startSequence(onAnn('nurture'))
      await engine.runDue()
      await engine.restartSequence(onAnn('nurture'))
      expect((await engine.inspect.explain({ ...step('one'), run: 1 })).step).toMatchObject({ reason: 'sent' })
      expect((await engine.inspect.explain(step('one'))).step).toMatchObject({ reason: 'due' })
    })

    it('AUDIT-3: explain shows nothing if nothing is recorded', async () => {
      const { engine } = await given(makeStore)
      const nothing = { contactId: 'ann', evidence: [], chain: [] }
      expect(await engine.inspect.explain({ contactId: 'ann', eventId: 'no-such-event' })).toEqual({
        ...nothing,
        step: null,
      })
      expect(await engine.inspect.explain(step('one'))).toEqual({
        ...nothing,
        step: { reason: 'never-started', detail: null, dueAt: null },
      })
    })

    it('AUDIT-3: an event is explained from the log alone, whatever the directory does', async () => {
      const { engine, another } = await given(makeStore)
      await engine.startSequence(onAnn('nurture'))
      const [started] = await engine.inspect.history('ann')
      const contacts = {
        get(): never {
          throw new Error('the CRM is down')
        },
      }
      const { inspect } = another({ contacts })
      const { chain } = await inspect.explain({ contactId: 'ann', eventId: started?.id as string })
      expect(typesIn(chain)).toEqual(['SequenceStarted'])
      // A step is explained without the contact's facts, and says so (FACTS-1).
      expect(await inspect.explain(step('one'))).toMatchObject({
        step: { reason: 'due' },
        factsFault: { code: 'DIRECTORY_FAILED' },
      })
    })
  })

  it('LOG-6: hostile ids are found again by every question', async () => {
    const { engine } = await given(makeStore)
    for (const id of hostileIds) {
      await answerOf(
        engine.publish({
          id,
          goals: [],
          sequences: [{ id, steps: [{ id, kind: 'email', timer: { after: 'PT1H' } }] }],
        }),
      )
      await answerOf(engine.startSequence({ contactId: id, campaignId: id, sequenceId: id, ...by }))
    }
    for (const id of hostileIds) {
      const ref = { campaignId: id, sequenceId: id }
      expect(await engine.inspect.contact(id)).toMatchObject({
        contactId: id,
        enrollments: [{ ...ref, next: { stepId: id } }],
      })
      expect(await engine.inspect.history(id)).toHaveLength(1)
      expect(await engine.inspect.contactsInSequence(ref)).toEqual({ contacts: [id], total: 1, next: null })
      expect(await engine.inspect.sequencesOf(id)).toEqual([{ ...ref, status: 'active' }])
      expect((await engine.inspect.search({ all: [ref] })).contacts).toEqual([id])
      expect(await engine.inspect.counts({ campaignId: id })).toEqual([{ sequenceId: id, active: 1, waiting: 0 }])
      expect(await engine.inspect.upcoming({ contactId: id })).toMatchObject([{ contactId: id, stepId: id }])
      expect(await engine.inspect.explain({ contactId: id, campaignId: id, sequenceId: id, stepId: id })).toMatchObject(
        {
          contactId: id,
          step: { reason: 'not-yet-due', dueAt: '2026-03-02T10:00:00.000Z' },
          chain: [{ event: { type: 'SequenceStarted', actor: 'olga' } }],
        },
      )
    }
    expect(await engine.inspect.upcoming({})).toHaveLength(hostileIds.length)
    const pages = await everyPage((after) => engine.inspect.search({ after, limit: 2 }))
    expect(pages.flat().sort()).toEqual([...hostileIds].sort())
  })

  const lone = '\ud800'
  it.each<readonly [string, (engine: Engine) => Promise<unknown>]>([
    ['inspect.contact', ({ inspect }) => inspect.contact('')],
    ['inspect.contact', ({ inspect }) => inspect.contact(lone)],
    ['inspect.contact', ({ inspect }) => inspect.contact('ann', null as never)],
    ['inspect.contact.runs', ({ inspect }) => inspect.contact('ann', { runs: 'every' as never })],
    ['inspect.contact.run', ({ inspect }) => inspect.contact('ann', { run: 'all' } as never)],
    ['inspect.history', ({ inspect }) => inspect.history(undefined as never)],
    ['inspect.explain', ({ inspect }) => inspect.explain(undefined as never)],
    ['inspect.explain.eventId', ({ inspect }) => inspect.explain({ contactId: 'ann', eventId: '' })],
    ['inspect.explain.stepId', ({ inspect }) => inspect.explain({ contactId: 'ann', ...nurture } as never)],
    ['inspect.explain.run', ({ inspect }) => inspect.explain({ contactId: 'ann', ...nurture, stepId: 'one', run: 0 })],
    [
      'inspect.explain.stepId',
      ({ inspect }) => inspect.explain({ contactId: 'ann', eventId: 'e', stepId: 'one' } as never),
    ],
    ['inspect.sequencesOf', ({ inspect }) => inspect.sequencesOf(5 as never)],
    ['inspect.contactsInSequence', ({ inspect }) => inspect.contactsInSequence(undefined as never)],
    [
      'inspect.contactsInSequence.campaignId',
      ({ inspect }) => inspect.contactsInSequence({ sequenceId: 's' } as never),
    ],
    [
      'inspect.contactsInSequence.status',
      ({ inspect }) => inspect.contactsInSequence({ ...nurture, status: 'paused' as never }),
    ],
    ['inspect.contactsInSequence.limit', ({ inspect }) => inspect.contactsInSequence({ ...nurture, limit: 0 })],
    ['inspect.contactsInSequence.limit', ({ inspect }) => inspect.contactsInSequence({ ...nurture, limit: 1001 })],
    ['inspect.contactsInSequence.after', ({ inspect }) => inspect.contactsInSequence({ ...nurture, after: '' })],
    ['inspect.contactsInSequence.page', ({ inspect }) => inspect.contactsInSequence({ ...nurture, page: 1 } as never)],
    ['inspect.search', ({ inspect }) => inspect.search(undefined as never)],
    ['inspect.search.all', ({ inspect }) => inspect.search({ all: nurture as never })],
    [
      'inspect.search.any[1].sequenceId',
      ({ inspect }) => inspect.search({ any: [nurture, { campaignId: 'pool' } as never] }),
    ],
    [
      'inspect.search.none[0].status',
      ({ inspect }) => inspect.search({ none: [{ ...nurture, status: 'either' as never }] }),
    ],
    ['inspect.search.text', ({ inspect }) => inspect.search({ text: '' })],
    // There is no directory to search in.
    ['inspect.search.text', ({ inspect }) => inspect.search({ text: 'ann' })],
    ['inspect.counts.campaignId', ({ inspect }) => inspect.counts({} as never)],
    ['inspect.upcoming', ({ inspect }) => inspect.upcoming(undefined as never)],
    ['inspect.upcoming.until', ({ inspect }) => inspect.upcoming({ until: 'tomorrow' })],
    ['inspect.upcoming.limit', ({ inspect }) => inspect.upcoming({ limit: 1.5 })],
  ])('a question that is wrong names what is: %s', async (path, wrong) => {
    const { engine } = await given(makeStore)
    await expect(wrong(engine)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { path, expected: expect.any(String) },
    })
  })

  // --- The index against the log ------------------------------------------------------------------------------------

  /** Ann is in nurture, Bob waits at its end; both are as they should be. */
  async function twoContacts(): Promise<Given> {
    const all = await given(makeStore)
    const { engine, clock } = all
    await engine.startSequence({ contactId: 'bob', ...nurture, ...by })
    for (const day of ['P1D', 'P1D', 'P1D']) {
      await engine.runDue()
      clock.advance(day)
    }
    await engine.startSequence(onAnn('nurture'))
    expect(await engine.verifyIndex()).toEqual({ contacts: 2, differences: [], counters: [], states: [] })
    return all
  }
  const active = tagOf('pool', 'nurture')
  const waiting = waitingTagOf('pool', 'nurture')

  it('INDEX-3: verifyIndex finds a tag that is missing, one too many, and a contact that the log does not have', async () => {
    const { engine, store } = await twoContacts()
    const changeOf = (contactId: string, change: 'add' | 'remove', tag: string) => ({
      contactId,
      // Newer than all that is known of the contact, or it would be taken for old news.
      version: 1000,
      derived: { tags: [{ change, contactId, tag }], wakeAt: null },
    })
    const changes = [
      changeOf('ann', 'remove', active),
      changeOf('bob', 'add', active),
      changeOf('ghost', 'add', active),
    ]
    await store.apply(changes, await store.checkpoint())
    const { contacts, differences } = await engine.verifyIndex()
    expect(contacts).toBe(3)
    expect([...differences].sort((a, b) => (a.contactId < b.contactId ? -1 : 1))).toEqual([
      { contactId: 'ann', expected: [active], found: [], byState: [active] },
      { contactId: 'bob', expected: [waiting], found: [active, waiting], byState: [waiting] },
      { contactId: 'ghost', expected: [], found: [active], byState: [] },
    ])
  })

  it('INDEX-3: rebuildIndex sets index and agenda to what the log says, and nothing is sent again', async () => {
    const { engine, store, clock } = await twoContacts()
    const before = await engine.inspect.history('bob')
    const damaged = ['ann', 'bob', 'ghost'].map((contactId) => ({
      contactId,
      // Newer than all that is known of the contact, or it would be taken for old news.
      version: 1000,
      derived: { tags: [{ change: 'add' as const, contactId, tag: tagOf('pool', 'vip') }], wakeAt: null },
    }))
    await store.apply(damaged, await store.checkpoint())
    // Ann's step is due, but the damaged agenda does not know.
    expect(await engine.runDue()).toMatchObject({ dispatched: 0, wakeAt: null })
    expect((await engine.verifyIndex()).differences).toHaveLength(3)
    expect(await engine.rebuildIndex()).toEqual({ contacts: 3 })
    expect((await engine.verifyIndex()).differences).toEqual([])
    expect(await engine.inspect.sequencesOf('ghost')).toEqual([])
    expect(await engine.runDue()).toMatchObject({ dispatched: 1, wakeAt: '2026-03-06T09:00:00.000Z' })
    expect(clock.now()).toBe('2026-03-05T09:00:00.000Z')
    expect(await engine.inspect.history('bob')).toEqual(before)
  })

  it('INDEX-3: verifyIndex asks the log and the index alone, whatever the directory does', async () => {
    const { another } = await twoContacts()
    const contacts = {
      get(): never {
        throw new Error('the CRM is down')
      },
    }
    expect(await another({ contacts }).verifyIndex()).toEqual({
      contacts: 2,
      differences: [],
      counters: [],
      states: [],
    })
  })

  it('INDEX-3: verifyIndex and rebuildIndex see more contacts than one page holds', async () => {
    const { engine } = await given(makeStore)
    const contacts = letters(501)
    await Promise.all(contacts.map((contactId) => engine.startSequence({ contactId, ...nurture, ...by })))
    expect(await engine.verifyIndex()).toEqual({ contacts: 501, differences: [], counters: [], states: [] })
    expect(await engine.rebuildIndex()).toEqual({ contacts: 501 })
    expect((await engine.inspect.counts({ campaignId: 'pool' }))[0]).toMatchObject({ active: 501 })
  })

  it('INDEX-3: a command that is given while verifyIndex reads the log is no difference', async () => {
    const { engine, store, another } = await twoContacts()
    let given = 0
    const busy: Store = {
      ...store,
      async *readAll(...asked) {
        yield* store.readAll(...asked)
        // What this changes was read already, and the index shows it.
        if (asked[1]?.streams !== 'contacts') return
        given += 1
        await answerOf(engine.stopSequence(onAnn('nurture')))
        await answerOf(engine.startSequence({ contactId: 'cid', ...nurture, ...by }))
      },
    }
    const { differences } = await another({ store: busy }).verifyIndex()
    expect(differences).toEqual([])
    expect(given).toBe(1)
  })
})

/** A directory's search: whose id contains the text, in the order of the ids. */
function searchIn(contacts: readonly string[]) {
  return async (text: string, page: { readonly after: string | null; readonly limit: number }) => {
    const found = contacts.filter((id) => id.includes(text) && (page.after === null || id > page.after))
    const slice = found.slice(0, page.limit)
    return { contacts: slice, next: found.length > slice.length ? (slice.at(-1) ?? null) : null }
  }
}
