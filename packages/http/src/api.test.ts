import { derivedCommandId, EnfoldFault, type Store } from '@enfold/core'
import { createEngine } from '@enfold/engine'
import { createApi, pathSegment } from '@enfold/http'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock, HOSTILE_IDS } from '@enfold/testkit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ACTORS, garden, givenApi, MONDAY, pool } from './api.fixture.ts'

const NURTURE = '/contacts/ann/sequences/pool/nurture'

describe('contacts', () => {
  it('START-1, STOP-1: contacts are started and stopped, and stand as the engine has them', async () => {
    const { send, engine } = await givenApi()
    const started = await send('POST', `${NURTURE}/start`, { body: { reason: 'asked on the phone' } })
    expect(started).toMatchObject({ status: 200, body: { outcome: 'started', run: 1, version: 1 } })
    expect((await send('POST', `${NURTURE}/start`)).body).toMatchObject({ outcome: 'already_active' })
    const { body } = await send('GET', '/contacts/ann')
    expect(body).toEqual(JSON.parse(JSON.stringify(await engine.inspect.contact('ann'))))
    expect((await send('POST', `${NURTURE}/stop`)).body).toMatchObject({ outcome: 'stopped', run: 1 })
    const history = (await send('GET', '/contacts/ann/history')).body
    expect(history.events).toMatchObject([
      { type: 'SequenceStarted', actor: 'wanda', cause: { by: 'operator', reason: 'asked on the phone' } },
      { type: 'SequenceStopped', actor: 'wanda' },
    ])
    expect((await send('GET', '/contacts/ann/history?after=1&limit=1')).body.events).toHaveLength(1)
    expect((await send('GET', '/contacts/ann/history?limit=1')).body.next).toBe(1)
  })

  it('AUDIT-2: contacts say which of their events a fast clock has dated after now', async () => {
    const { send, store } = await givenApi()
    await send('POST', `${NURTURE}/start`)
    for (const path of ['', '/history'])
      expect((await send('GET', `/contacts/ann${path}`)).body).not.toHaveProperty('ahead')
    const clock = createSimulatedClock('2026-03-02T12:00:00.000Z')
    const fast = createEngine({ store, clock, handlers: {} })
    await fast.stopAll({ contactId: 'ann', actor: 'olga' })
    await fast.close()
    expect(await send('GET', '/contacts/ann')).toMatchObject({ status: 200, body: { version: 2, ahead: [2] } })
    const { body } = await send('GET', '/contacts/ann/history')
    expect(body).toMatchObject({ events: [{ version: 1 }, { version: 2 }], ahead: [2] })
    expect((await send('GET', '/contacts/ann/history?limit=1')).body).not.toHaveProperty('ahead')
    expect((await send('GET', '/contacts/ann/history?after=1')).body).toMatchObject({ ahead: [2] })
  })

  it('PAUSE-1, RESEND-1, CANCEL-1: contacts are paused, resumed; steps are sent again and cancelled', async () => {
    const { send, engine } = await givenApi()
    await send('POST', `${NURTURE}/start`)
    await engine.runDue()
    expect((await send('POST', `${NURTURE}/steps/one/resend`)).body).toMatchObject({ outcome: 'resent', resend: 1 })
    expect((await send('POST', `${NURTURE}/steps/two/cancel`, { body: { run: 1 } })).body).toMatchObject({
      outcome: 'cancelled',
    })
    expect((await send('POST', `${NURTURE}/pause`)).body).toMatchObject({ outcome: 'paused' })
    expect((await send('POST', `${NURTURE}/resume`, { body: { shift: true } })).body).toMatchObject({
      outcome: 'resumed',
    })
    expect((await send('POST', `${NURTURE}/restart`)).body).toMatchObject({ outcome: 'restarted', run: 2 })
  })

  it('STOP-3, STOP-4, ERASE-1: contacts are taken out of everything, suppressed, freed, erased', async () => {
    const { send } = await givenApi()
    await send('POST', `${NURTURE}/start`)
    expect((await send('POST', '/contacts/ann/stop-all')).body).toMatchObject({
      outcome: 'stopped',
      stopped: [{ run: 1 }],
    })
    const until = '2026-04-01T00:00:00.000Z'
    expect((await send('POST', '/contacts/ann/suppress', { body: { until } })).body).toMatchObject({
      outcome: 'suppressed',
    })
    expect(await send('POST', `${NURTURE}/start`)).toMatchObject({
      status: 409,
      body: {
        type: 'urn:enfold:problem:ContactSuppressed',
        rejection: { type: 'ContactSuppressed', contactId: 'ann', until },
      },
    })
    expect((await send('POST', '/contacts/ann/unsuppress')).body).toMatchObject({ outcome: 'unsuppressed' })
    expect((await send('POST', '/contacts/ann/erase')).body).toMatchObject({
      outcome: 'erased',
      holds: { actors: 1, reasons: 0, receipts: 0 },
    })
    expect(await send('POST', `${NURTURE}/start`)).toMatchObject({
      status: 409,
      body: { rejection: { type: 'ContactErased' } },
    })
  })

  it('INDEX-2, FUNNEL-3: contacts are found by their sequences, in pages, and the runs of a campaign are counted', async () => {
    const { send } = await givenApi()
    for (const id of ['ann', 'bob', 'cem']) await send('POST', `/contacts/${id}/sequences/pool/nurture/start`)
    const all = [{ campaignId: 'pool', sequenceId: 'nurture' }]
    const first = await send('POST', '/contacts/search', { body: { all, limit: 2 } })
    expect(first.body).toMatchObject({ total: 3 })
    expect(first.body.contacts).toHaveLength(2)
    const second = await send('POST', '/contacts/search', { body: { all, limit: 2, after: first.body.next } })
    expect(second.body).toMatchObject({ next: null })
    expect([...first.body.contacts, ...second.body.contacts].toSorted()).toEqual(['ann', 'bob', 'cem'])
    const page = await send('GET', '/campaigns/pool/sequences/nurture/contacts?limit=2')
    expect(page.body).toEqual(first.body)
    expect((await send('GET', '/contacts/ann/sequences')).body.sequences).toEqual([
      { campaignId: 'pool', sequenceId: 'nurture', status: 'active' },
    ])
    expect((await send('GET', '/campaigns/pool/counts')).body.sequences).toEqual([
      { sequenceId: 'nurture', active: 3, waiting: 0 },
    ])
    const funnel = await send('GET', '/campaigns/pool/funnel?version=1')
    expect(funnel).toMatchObject({
      status: 200,
      body: {
        campaignId: 'pool',
        version: 1,
        complete: true,
        sequences: [{ sequenceId: 'nurture', started: 3, open: 3 }],
      },
    })
    const before = await send('GET', `/campaigns/pool/funnel?to=${MONDAY}`)
    expect(before.body).toMatchObject({ to: MONDAY, sequences: [{ sequenceId: 'nurture', started: 0 }] })
    expect(await send('GET', '/campaigns/none/funnel')).toMatchObject({ status: 404 })
    expect((await send('GET', '/contacts/ann/upcoming')).body.steps).toMatchObject([{ stepId: 'one', dueAt: MONDAY }])
    expect((await send('GET', '/upcoming?limit=2')).body.steps).toHaveLength(2)
    expect((await send('GET', '/overdue')).body).toMatchObject({ contacts: 3 })
  })

  it('SHIFT-2, SKIP-1: a preview says what an order would answer and change of the schedule, and nothing is written', async () => {
    const { send, engine } = await givenApi()
    const run = { campaignId: 'pool', sequenceId: 'nurture', run: 1 }
    const nurture = '/contacts/ann/sequences/pool/nurture'
    await send('POST', `${nurture}/start`)
    const before = await engine.inspect.history('ann')
    const skip = await send('POST', `${nurture}/steps/one/skip/preview`, { body: { reason: 'asked' } })
    expect(skip).toMatchObject({ status: 200 })
    expect(skip.body).toEqual({
      answer: { outcome: 'skipped', run: 1 },
      changes: [
        {
          ...run,
          before: { stepId: 'one', dueAt: MONDAY },
          after: { stepId: 'two', dueAt: '2026-03-03T09:00:00.000Z' },
        },
      ],
    })
    expect(await send('POST', `${nurture}/shift/preview`, { body: {} })).toMatchObject({ status: 400 })
    expect(await send('POST', `${nurture}/resume/preview`, { body: {} })).toMatchObject({
      body: { answer: { outcome: 'not_paused' }, changes: [] },
    })
    expect(await send('POST', `${nurture}/move/preview`, { body: { toStep: 'none' } })).toMatchObject({
      body: { type: expect.stringContaining('StepUnknown') },
    })
    const bought = { contactId: 'ann', kind: 'purchased' }
    expect((await send('POST', '/signals/preview', { body: bought })).body).toEqual({
      answer: { goals: [expect.objectContaining({ goalId: 'bought', outcome: 'satisfied' })] },
      changes: [{ ...run, before: { stepId: 'one', dueAt: MONDAY }, after: null }],
    })
    expect(await engine.inspect.history('ann')).toEqual(before)
  })

  it('AUDIT-2: a contact is told as it stood at an instant', async () => {
    const { send, clock } = await givenApi()
    await send('POST', '/contacts/ann/sequences/pool/nurture/start')
    clock.advance('PT1H')
    await send('POST', '/contacts/ann/sequences/pool/nurture/stop')
    const statusAt = async (query: string) =>
      (await send('GET', `/contacts/ann${query}`)).body.enrollments.map(({ status }: { status: string }) => status)
    expect([await statusAt(''), await statusAt(`?at=${MONDAY}`)]).toEqual([['stopped'], ['active']])
    expect(await statusAt('?at=2026-03-01T00:00:00.000Z')).toEqual([])
    expect((await send('GET', '/contacts/ann?at=2026-03-01')).status).toBe(400)
  })

  it('AUDIT-3: why something happened is told up to its root', async () => {
    const { send, engine } = await givenApi()
    await send('POST', '/signals', { body: { contactId: 'ann', kind: 'form-submitted', data: { form: 'guide' } } })
    await engine.runDue()
    const { events } = (await send('GET', '/contacts/ann/history')).body
    const sent = events.find(({ type }: { type: string }) => type === 'StepDispatched')
    const { chain } = (await send('GET', `/contacts/ann/history/${sent.id}/explain`)).body
    expect(chain.at(-1)).toMatchObject({ type: 'GoalSatisfied' })
    expect(await send('GET', '/contacts/ann/history/nothing/explain')).toMatchObject({ status: 404 })
  })

  it('AUDIT-3: why a step ran, or did not, is told with what its decision saw', async () => {
    const { send, engine } = await givenApi()
    const step = '/contacts/ann/sequences/pool/nurture/steps'
    const why = async (stepId: string, query = '') => (await send('GET', `${step}/${stepId}/explain${query}`)).body
    expect(await why('one')).toEqual({
      step: { reason: 'never-started', detail: null, dueAt: null },
      evidence: [],
      chain: [],
    })
    await send('POST', '/signals', { body: { contactId: 'ann', kind: 'form-submitted', data: { form: 'guide' } } })
    await engine.runDue()
    const ran = await why('one')
    expect(ran.step).toMatchObject({ reason: 'sent' })
    expect(ran.chain.at(0)).toMatchObject({ event: { type: 'StepSent' } })
    expect(ran.chain.at(-1)).toMatchObject({ event: { type: 'GoalSatisfied' }, routes: [{ outcome: 'started' }] })
    expect((await why('two')).step).toMatchObject({ reason: 'not-yet-due', dueAt: expect.any(String) })
    await send('POST', '/contacts/ann/sequences/pool/nurture/stop', { body: { reason: 'asked' } })
    expect(await why('two', '?run=1')).toMatchObject({
      step: { reason: 'stopped' },
      chain: [{ event: { type: 'SequenceStopped', cause: { by: 'operator', reason: 'asked' } } }],
    })
    expect(await send('GET', `${step}/two/explain?run=0`)).toMatchObject({ status: 400 })
  })

  it('LOG-6: contacts may have any id, in every place of a path', async () => {
    const { send, engine } = await givenApi()
    for (const id of [
      ...HOSTILE_IDS,
      '.',
      '..',
      '~',
      '~..',
      '%2e%2e',
      '%',
      '?',
      '#',
      'a?b#c',
      '//',
      '*',
      ':contactId',
    ]) {
      const contact = `/contacts/${pathSegment(id)}`
      expect((await send('POST', `${contact}/sequences/pool/nurture/start`)).body).toMatchObject({ outcome: 'started' })
      expect((await send('GET', contact)).body).toMatchObject({ contactId: id, version: 1 })
      const nowhere = `${contact}/sequences/${pathSegment(id)}/${pathSegment(id)}`
      expect(await send('POST', `${nowhere}/start`)).toMatchObject({
        status: 404,
        body: { rejection: { type: 'CampaignUnknown', campaignId: id } },
      })
      const step = `${contact}/sequences/pool/nurture/steps/${pathSegment(id)}`
      expect(await send('POST', `${step}/cancel`)).toMatchObject({ status: 404, body: { rejection: { stepId: id } } })
      expect(await send('GET', `/actions/${pathSegment(id)}`)).toMatchObject({ body: { rejection: { actionId: id } } })
      const page = await send('GET', `/campaigns/pool/sequences/nurture/contacts?after=${encodeURIComponent(id)}`)
      expect(page.status).toBe(200)
      expect((await engine.inspect.contact(id)).version).toBe(1)
    }
  })
})

describe('signals', () => {
  it('GOAL-1, GOAL-10: signals have their effect once, by their id or by the key', async () => {
    const { send } = await givenApi()
    const body = { contactId: 'ann', kind: 'form-submitted', data: { form: 'guide' } }
    const headers = { 'idempotency-key': 'form-1' }
    const first = await send('POST', '/signals', { body, headers })
    expect(first.body.goals).toMatchObject([{ campaignId: 'garden' }, { campaignId: 'pool', outcome: 'satisfied' }])
    expect((await send('POST', '/signals', { body, headers })).body).toEqual(first.body)
    expect((await send('POST', '/signals', { body: { ...body, signalId: 'form-1' } })).body).toEqual(first.body)
  })

  it('SIGNAL-5: why a signal did not satisfy a goal is told with what was recorded of it', async () => {
    const { send, engine } = await givenApi()
    await engine.publish({ ...pool, signals: { 'form-submitted': { keep: ['form'] } } })
    const signal = async (signalId: string, data: object) =>
      send('POST', '/signals', { body: { contactId: 'ann', kind: 'form-submitted', signalId, data } })
    await signal('other form', { form: 'contest' })
    await signal('the form', { form: 'guide' })
    const goal = '/contacts/ann/goals/pool'
    const why = (goalId: string, signalId: string, as = 'writer') =>
      send('GET', `${goal}/${goalId}/explain?signalId=${encodeURIComponent(signalId)}`, { as })
    const missed = await why('asked', 'other form')
    expect(missed).toMatchObject({ status: 200 })
    expect(missed.body).toEqual({
      reason: 'no-match',
      detail: 'form was "contest", expected "guide"',
      saw: [{ field: 'form', value: 'contest' }],
      evidence: [
        expect.objectContaining({
          type: 'SignalReceived',
          data: expect.objectContaining({ signalId: 'other form', data: { form: 'contest' } }),
        }),
        // The same signal satisfied the goal of another campaign.
        expect.objectContaining({ type: 'GoalSatisfied', data: expect.objectContaining({ campaignId: 'garden' }) }),
      ],
    })
    expect((await why('asked', 'the form')).body).toMatchObject({ reason: 'satisfied', detail: null })
    expect((await why('bought', 'the form')).body).toMatchObject({ reason: 'other-kind' })
    expect((await why('asked', 'never sent')).body).toMatchObject({ evidence: [] })
    expect(await send('GET', `${goal}/asked/explain`)).toMatchObject({
      status: 400,
      body: { problems: [{ path: 'query', message: expect.stringContaining('signalId') }] },
    })
    expect(await why('asked', 'other form', 'gardener')).toMatchObject({ status: 403 })
  })

  it('GOAL-1: an integer that a number cannot hold is refused with its place, and nothing of its request is done', async () => {
    const { send } = await givenApi()
    const signal = '{"contactId":"ann","kind":"form-submitted","data":{"form":"guide","ids":[1,9007199254740993]}}'
    const plain = '{"contactId":"ann","kind":"form-submitted","data":{"form":"guide","id":9007199254740991}}'
    expect(await send('POST', '/signals', { body: signal })).toMatchObject({
      status: 400,
      body: { problems: [{ path: 'body/data/ids/1', message: expect.stringContaining('use a string') }] },
    })
    expect(await send('POST', '/signals/batch', { body: `{"signals":[${plain},${signal}]}` })).toMatchObject({
      status: 400,
      body: { problems: [{ path: 'body/signals/1/data/ids/1' }] },
    })
    expect((await send('GET', '/contacts/ann/history')).body.events).toEqual([])
    expect(await send('POST', '/signals', { body: plain })).toMatchObject({ status: 200 })
  })

  it.each([['batch-1'], ['k'.repeat(200)]])(
    'ONCE-1, GOAL-10: a batch with the same Idempotency-Key counts once: %s',
    async (key) => {
      const { send } = await givenApi()
      const headers = { 'idempotency-key': key }
      const one = (contactId: string) => ({ contactId, kind: 'form-submitted', data: { form: 'guide' } })
      const body = { signals: [one('ann'), one('bob'), one('ann'), { ...one('cat'), signalId: 'own' }] }
      const first = await send('POST', '/signals/batch', { body, headers })
      const of = async (contactId: string) => (await send('GET', `/contacts/${contactId}/history`)).body.events
      const before = await of('ann')
      expect((await send('POST', '/signals/batch', { body, headers })).body).toEqual(first.body)
      expect(await of('ann')).toEqual(before)
      // Two signals of one contact in the batch are two, and an id of its own stays.
      expect(new Set(before.flatMap(({ data }: { data: { signalId?: string } }) => data.signalId ?? [])).size).toBe(2)
      expect((await of('cat'))[0]).toMatchObject({ data: { signalId: 'own' } })
      await send('POST', '/signals/batch', { body, headers: { 'idempotency-key': 'another' } })
      expect((await of('ann')).length).toBeGreaterThan(before.length)
      const other = { signals: [{ ...one('ann'), kind: 'purchased' }] }
      expect((await send('POST', '/signals/batch', { body: other, headers })).body.results).toMatchObject([
        { problem: { rejection: { type: 'CommandIdReused' } } },
      ])
    },
  )

  it('GOAL-1: each signal of a batch has its own answer, in their order', async () => {
    const contacts = { get: (id: string) => (id === 'nobody' ? null : {}) }
    const { send } = await givenApi({ contacts })
    const one = (contactId: string) => ({ contactId, kind: 'form-submitted' })
    const { status, body } = await send('POST', '/signals/batch', {
      body: { signals: [one('ann'), one('nobody'), one('ann'), one('bob')] },
    })
    expect(status).toBe(200)
    expect(body.results).toMatchObject([
      { answer: { version: 2 } },
      { problem: { status: 404, rejection: { type: 'ContactUnknown', contactId: 'nobody' } } },
      { answer: { version: 3 } },
      { answer: { version: 2 } },
    ])
    const limited = await givenApi({ maxBatch: 2 })
    const tooMany = { signals: [one('a'), one('b'), one('c')] }
    expect((await limited.send('POST', '/signals/batch', { body: tooMany })).status).toBe(413)
  })
})

describe('campaigns', () => {
  it('VERSION-1, VERSION-3: campaigns are published, listed, read in every version, unpublished', async () => {
    const { send } = await givenApi()
    const next = { ...pool, name: 'Pool' }
    expect((await send('PUT', '/campaigns/pool', { body: next })).body).toMatchObject({
      outcome: 'published',
      version: 2,
    })
    expect((await send('PUT', '/campaigns/pool', { body: next })).body).toMatchObject({ outcome: 'unchanged' })
    expect((await send('GET', '/campaigns')).body.campaigns).toMatchObject([
      { campaignId: 'garden', published: true, version: 1 },
      { campaignId: 'pool', name: 'Pool', version: 2 },
    ])
    expect((await send('GET', '/campaigns/pool')).body).toMatchObject({
      definition: next,
      versions: [{ version: 1 }, {}],
    })
    expect((await send('GET', '/campaigns/pool?version=1')).body.definition).toEqual(pool)
    expect(await send('GET', '/campaigns/pool?version=3')).toMatchObject({ status: 404 })
    await send('POST', `${NURTURE}/start`)
    expect((await send('POST', '/campaigns/pool/unpublish', { body: { stopRuns: true } })).body).toMatchObject({
      outcome: 'unpublished',
      stopped: 1,
    })
    expect((await send('GET', '/campaigns/pool')).body.published).toBe(false)
  })

  it('GATE-1, GATE-3, GATE-5: campaigns are paused and resumed, and what a pause holds is told', async () => {
    const { send } = await givenApi()
    expect((await send('GET', '/campaigns/pool')).body.paused).toBeUndefined()
    const paused = await send('POST', '/campaigns/pool/pause-campaign', { body: { entries: 'closed' } })
    expect(paused).toMatchObject({ status: 200, body: { outcome: 'paused', version: 1 } })
    expect((await send('GET', '/campaigns/pool')).body.paused).toMatchObject({ sequences: null, entries: 'closed' })
    expect(await send('POST', `${NURTURE}/start`)).toMatchObject({
      status: 409,
      body: { type: 'urn:enfold:problem:CampaignPaused' },
    })
    expect((await send('GET', '/campaigns/pool/held-by-pause')).body).toMatchObject({ complete: true, steps: [] })
    const inTurn = await send('GET', '/campaigns/pool/held-by-pause?paceMost=5&pacePer=PT1M')
    expect(inTurn.body).toMatchObject({ complete: true, steps: [] })
    for (const wrong of ['pacePer=PT1M', 'paceMost=5&pacePer=often'])
      expect((await send('GET', `/campaigns/pool/held-by-pause?${wrong}`)).status).toBe(400)
    const pace = { most: 5, per: 'PT1H' }
    const resumed = await send('POST', '/campaigns/pool/resume-campaign', { body: { overdue: 'send', pace } })
    expect(resumed.body).toMatchObject({ outcome: 'resumed' })
    // Nobody waits for it.
    expect((await send('GET', '/campaigns/pool')).body.pace).toBeUndefined()
    expect((await send('POST', '/campaigns/pool/resume-campaign', { body: {} })).body.outcome).toBe('not_paused')
    const wrong = { pace: { most: 5, per: 'an hour' } }
    expect((await send('POST', '/campaigns/pool/resume-campaign', { body: wrong })).status).toBe(400)
    expect((await send('GET', '/campaigns/nothing/held-by-pause')).status).toBe(404)
  })

  it('GATE-4: a campaign says by which pace its overdue steps begin, and how many contacts wait for that', async () => {
    const { send, engine } = await givenApi()
    for (const contactId of ['ann', 'bob']) await send('POST', `/contacts/${contactId}/sequences/pool/nurture/start`)
    await send('POST', '/campaigns/pool/pause-campaign', { body: {} })
    // A worker finds that the pause holds them.
    await engine.runDue()
    const pace = { most: 1, per: 'PT1H' }
    await send('POST', '/campaigns/pool/resume-campaign', { body: { overdue: 'send', pace } })
    const waiting = async () => (await send('GET', '/campaigns/pool')).body.pace
    expect(await waiting()).toEqual({ since: MONDAY, ...pace, waiting: 2 })
    await engine.runDue()
    expect(await waiting()).toMatchObject({ waiting: 1 })
  })

  it('VERSION-2: campaigns that are not valid are refused with every problem and its place', async () => {
    const { send } = await givenApi()
    const body = { id: 'pool', goals: [{ id: 'g', when: {}, next: ['nowhere'] }], sequences: [{ id: 's', steps: [] }] }
    const refused = await send('PUT', '/campaigns/pool', { body })
    expect(refused).toMatchObject({ status: 422, body: { type: 'urn:enfold:problem:CampaignInvalid' } })
    expect(refused.body.problems.map(({ path }: { path: string }) => path)).toContain('/sequences/0/steps')
    expect((await send('POST', '/campaigns/check', { body })).body).toMatchObject({ valid: false })
    expect((await send('POST', '/campaigns/check', { body: pool })).body).toMatchObject({ valid: true, problems: [] })
  })

  it('KIND-1, VERSION-2a: a check warns as publishing does, and names no campaign that the actor may not see', async () => {
    const { send } = await givenApi()
    const mixed = {
      ...garden,
      goals: [{ id: 'asked', when: { kind: 'form-submitted', match: { form: 7 } }, next: ['tips'] }],
      sequences: [{ id: 'tips', steps: [{ id: 'one', kind: 'fax' }] }],
    }
    const [ofKind, ofType] = ['/sequences/0/steps/0/kind', '/goals/0/when/match/form']
    for (const [as, paths] of [
      ['reader', [ofType, ofKind]],
      ['gardener', [ofKind]],
    ] as const) {
      const { body } = await send('POST', '/campaigns/check', { as, body: mixed })
      expect(body.warnings.map(({ path }: { path: string }) => path)).toEqual(paths)
    }
    const published = await send('PUT', '/campaigns/garden', { as: 'gardener', body: mixed })
    expect(published.text).not.toContain('pool')
    const again = await send('PUT', '/campaigns/garden', { body: mixed })
    expect(again.body.warnings).toMatchObject([{ path: ofType, campaignId: 'pool' }, { path: ofKind }])
  })

  it('campaigns are published under the id of the path only: the permission is for that one', async () => {
    const { send } = await givenApi()
    expect(await send('PUT', '/campaigns/garden', { body: pool, as: 'gardener' })).toMatchObject({ status: 400 })
    expect(await send('PUT', '/campaigns/garden', { body: garden, as: 'gardener' })).toMatchObject({ status: 200 })
  })
})

describe('forecasts', () => {
  const until = '2026-03-10T00:00:00.000Z'

  it('FORECAST-1: a contact is told what comes, and what waits for somebody', async () => {
    const { send } = await givenApi()
    await send('POST', `${NURTURE}/start`)
    const { body } = await send('GET', `/contacts/ann/forecast?until=${until}`)
    expect(body).toMatchObject({ contactId: 'ann', from: MONDAY, until, held: [], faults: [], cut: false })
    expect(body.steps).toMatchObject([
      { campaignId: 'pool', sequenceId: 'nurture', run: 1, stepId: 'one', at: MONDAY, result: 'sent' },
      { stepId: 'two', at: '2026-03-03T09:00:00.000Z', result: 'sent' },
    ])
    await send('POST', `${NURTURE}/pause`)
    const { body: paused } = await send('GET', `/contacts/ann/forecast?until=${until}`)
    expect(paused).toMatchObject({ steps: [], held: [{ stepId: 'one', paused: true }] })
    for (const wrong of ['', '?until=tomorrow', '?until=2026-03-01T00:00:00.000Z', '?until=2096-03-01T00:00:00.000Z'])
      expect((await send('GET', `/contacts/ann/forecast${wrong}`)).status).toBe(400)
  })

  it('FORECAST-2: all contacts are added up by day, in parts that go on from each other', async () => {
    const { send } = await givenApi()
    for (const id of ['ann', 'bob', 'cleo']) await send('POST', `/contacts/${id}/sequences/pool/nurture/start`)
    const asked = { until, by: 'day' }
    const { body: whole } = await send('POST', '/forecasts', { body: asked })
    expect(whole).toMatchObject({ due: 3, contacts: 3, broken: [], cut: 0, next: null })
    expect(whole.cells).toMatchObject([
      { from: '2026-03-02T00:00:00.000Z', stepId: 'one', sent: 3, skipped: 0, conditional: 0, error: 0 },
      { from: '2026-03-03T00:00:00.000Z', stepId: 'two', sent: 3 },
    ])
    const part = await send('POST', '/forecasts', { body: { ...asked, atMost: 2 } })
    expect(part.body).toMatchObject({ contacts: 2, next: { after: { contactId: expect.any(String) } } })
    const rest = await send('POST', '/forecasts', { body: { ...asked, goOn: part.body } })
    expect(rest.body).toEqual(whole)
    const other = await send('POST', '/forecasts', { body: { ...asked, campaignId: 'garden', sample: 2 } })
    expect(other.body).toMatchObject({ cells: [], due: 0, contacts: 0, unseen: 0 })
    expect((await send('POST', '/forecasts', { body: { ...asked, campaignId: 'poool' } })).status).toBe(404)
    const { next } = part.body
    for (const wrong of [
      { by: 'week' },
      { sample: 0 },
      { goOn: {} },
      { goOn: { ...part.body, next: { ...next, counts: [['no cell', 1, 1, 0, 0]] } } },
    ])
      expect((await send('POST', '/forecasts', { body: { ...asked, ...wrong } })).status).toBe(400)
  })

  it('FORECAST-3: a forecast is told under a pause or a definition that is not ordered', async () => {
    const { send } = await givenApi()
    await send('POST', `${NURTURE}/start`)
    const under = (whatIf: object) => send('POST', '/forecasts', { body: { until, by: 'day', whatIf } })
    expect((await under({ pause: { campaignId: 'pool' } })).body.cells).toEqual([])
    expect((await under({ definition: { ...pool, name: 'Other' } })).body.cells).toHaveLength(2)
    expect((await send('GET', '/campaigns/pool')).body).toMatchObject({ version: 1 })
    expect((await under({ definition: { ...pool, sequences: [] } })).status).toBe(400)
    expect((await under({ resume: { campaignId: 'nothing' } })).status).toBe(404)
    const ofAnn = (whatIf: object) => send('POST', '/contacts/ann/forecast', { body: { until, whatIf } })
    expect((await ofAnn({})).body).toEqual((await send('GET', `/contacts/ann/forecast?until=${until}`)).body)
    expect((await ofAnn({ pause: { campaignId: 'pool' } })).body).toMatchObject({
      steps: [],
      held: [{ stepId: 'one' }],
    })
    expect((await ofAnn({ definition: { ...pool, sequences: [] } })).status).toBe(400)
    expect((await ofAnn({ resume: { campaignId: 'nothing' } })).status).toBe(404)
    await send('POST', '/campaigns/pool/pause-campaign', { body: {} })
    const resume = { campaignId: 'pool', overdue: 'send', pace: { most: 1, per: 'PT1H' } }
    expect((await ofAnn({ resume })).body.steps[0]).toMatchObject({ stepId: 'one', shift: { gate: 'pace' } })
    expect((await under({ resume })).body.cells).toHaveLength(2)
    expect((await ofAnn({ resume: { ...resume, pace: { most: 1, per: 'often' } } })).status).toBe(400)
  })
})

describe('repeats', () => {
  it('ONCE-1: the Idempotency-Key is the command id', async () => {
    const { send } = await givenApi()
    const headers = { 'idempotency-key': 'click-1' }
    const first = await send('POST', `${NURTURE}/start`, { headers })
    await send('POST', `${NURTURE}/stop`)
    expect((await send('POST', `${NURTURE}/start`, { headers })).body).toEqual(first.body)
    expect(await send('POST', `${NURTURE}/stop`, { headers })).toMatchObject({
      status: 422,
      body: { rejection: { type: 'CommandIdReused', commandId: 'click-1' } },
    })
    expect(await send('POST', `${NURTURE}/restart`, { headers })).toMatchObject({ status: 422 })
    for (const key of ['x'.repeat(201), derivedCommandId('signal', 'order-7')])
      expect(await send('POST', `${NURTURE}/start`, { headers: { 'idempotency-key': key } })).toMatchObject({
        status: 400,
        body: { problems: [{ path: 'header/Idempotency-Key' }] },
      })
  })

  it('ONCE-1, GOAL-10: a signal id with another signal is refused', async () => {
    const { send } = await givenApi()
    const body = { contactId: 'ann', kind: 'form-submitted', data: { form: 'guide' }, signalId: 'order-7' }
    await send('POST', '/signals', { body })
    expect(await send('POST', '/signals', { body: { ...body, kind: 'purchased' } })).toMatchObject({
      status: 422,
      body: {
        rejection: { type: 'CommandIdReused', signalId: 'order-7' },
        detail: expect.stringContaining('The signal id "order-7" was used before'),
      },
    })
  })

  it('what somebody has already is not sent again, until it changes', async () => {
    const { send } = await givenApi()
    await send('POST', `${NURTURE}/start`)
    const etag = (await send('GET', '/contacts/ann')).headers.get('etag') as string
    const headers = { 'if-none-match': `"other", W/${etag}` }
    expect(await send('GET', '/contacts/ann', { headers })).toMatchObject({ status: 304, text: '' })
    await send('POST', `${NURTURE}/stop`)
    expect(await send('GET', '/contacts/ann', { headers })).toMatchObject({ status: 200 })
  })
})

describe('input that is wrong', () => {
  it.each<[string, number, string, string, unknown?, Record<string, string>?]>([
    ['an address that is none', 404, 'GET', '/nowhere'],
    ['another address', 404, 'GET', '/contacts/ann/'],
    ['a segment that is empty', 404, 'GET', '/contacts/'],
    ['a method that is none here', 405, 'DELETE', '/contacts/ann'],
    ['a segment that is not encoded right', 400, 'GET', '/contacts/%ff'],
    ['a segment that is half encoded', 400, 'GET', '/contacts/%zz'],
    ['an id that is too long', 400, 'GET', `/contacts/${'x'.repeat(201)}`],
    ['steps out of the path', 404, 'GET', '/contacts/ann/../../etc'],
    ['encoded steps out of the path', 404, 'GET', '/contacts/%2e%2e/%2e%2e/etc'],
    ['a parameter that nobody knows', 400, 'GET', '/contacts/ann?run=all'],
    ['a parameter given twice', 400, 'GET', '/contacts/ann?runs=all&runs=all'],
    ['a parameter named __proto__', 400, 'GET', '/contacts/ann?__proto__=x'],
    ['a number that is none', 400, 'GET', '/actions?limit=1e3'],
    ['a number out of range', 400, 'GET', '/actions?limit=1001'],
    ['a cursor of nobody', 400, 'GET', '/actions?after=nobody'],
    ['a body that is no JSON', 400, 'POST', '/signals', '{'],
    ['a body that is no object', 400, 'POST', '/signals', '[]'],
    ['a body that is null', 400, 'POST', `${NURTURE}/start`, 'null'],
    ['a body that is no UTF-8', 400, 'POST', '/signals', Uint8Array.of(0x22, 0xff, 0x22)],
    ['a property that nobody knows', 400, 'POST', `${NURTURE}/start`, { why: 'x' }],
    ['__proto__ in the body', 400, 'POST', `${NURTURE}/start`, '{"__proto__":{"reason":"x"}}'],
    ['constructor in the body', 400, 'POST', `${NURTURE}/start`, '{"constructor":{"prototype":{}}}'],
    ['an id with half a character', 400, 'POST', '/signals', '{"contactId":"\\ud800","kind":"x"}'],
    ['a day that the calendar lacks', 400, 'POST', '/contacts/ann/suppress', { until: '2026-02-30T00:00:00.000Z' }],
    [
      'a document nested too deep',
      400,
      'POST',
      '/campaigns/check',
      `${'{"none":['.repeat(50_000)}${']}'.repeat(50_000)}`,
    ],
    ['a list nested too deep', 400, 'POST', '/signals', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    [
      'a body of another kind',
      415,
      'POST',
      `${NURTURE}/start`,
      'reason=x',
      { 'content-type': 'application/x-www-form-urlencoded' },
    ],
    ['an empty body of no kind', 415, 'POST', `${NURTURE}/start`, '', { 'content-type': 'text/plain' }],
    [
      "an id of the engine's own as the key",
      400,
      'POST',
      `${NURTURE}/pause`,
      {},
      { 'idempotency-key': derivedCommandId('outcome', 'x') },
    ],
    ['a search of a directory that has none', 400, 'POST', '/contacts/search', { text: 'ann' }],
  ])('wrong input is refused, with its place: %s', async (_, status, method, path, body, headers) => {
    const { send, errors } = await givenApi()
    const answer = await send(method, path, { body, ...(headers === undefined ? {} : { headers }) })
    expect([answer.status, errors]).toEqual([status, []])
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.body).toMatchObject({ status, type: expect.stringMatching(/^urn:enfold:problem:\w+$/) })
  })

  it('wrong input may stand in the data of a signal under any name, and harms nobody', async () => {
    const { send } = await givenApi()
    const body = '{"contactId":"ann","kind":"form-submitted","data":{"__proto__":{"form":"guide"},"constructor":1}}'
    const { goals } = (await send('POST', '/signals', { body })).body
    expect(goals.map(({ campaignId }: { campaignId: string }) => campaignId)).toEqual(['garden'])
    expect(({} as Record<string, unknown>).form).toBeUndefined()
  })

  it('wrong input is told by its place and what was expected', async () => {
    const { send } = await givenApi()
    const { body } = await send('POST', '/signals', { body: { contactId: '', kind: 1, extra: true } })
    expect(body).toMatchObject({ type: 'urn:enfold:problem:InputInvalid', status: 400 })
    const paths = body.problems.map(({ path }: { path: string }) => path)
    expect(paths).toEqual(expect.arrayContaining(['body/contactId', 'body/kind', 'body/extra']))
  })

  it.each(['announced', 'not announced'])('a body that is too large (%s) is refused before it is kept', async (how) => {
    const { send } = await givenApi({ maxBodyBytes: 1000, maxUploadBytes: 1000 })
    let read = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        read += 100
        if (read > 100_000) controller.error(new Error('nobody stopped reading'))
        else controller.enqueue(new Uint8Array(100).fill(32))
      },
    })
    const headers: Record<string, string> = how === 'announced' ? { 'content-length': '1000000' } : {}
    expect((await send('POST', '/signals', { body: endless, headers })).status).toBe(413)
    expect(read).toBeLessThan(3000)
    const csv = { 'content-type': 'text/csv' }
    const path = '/actions/csv?action=start&campaignId=pool&sequenceId=nurture'
    expect((await send('POST', path, { body: 'contact\n'.repeat(1000), headers: csv })).status).toBe(413)
  })
})

describe('faults', () => {
  /** Campaigns can be published over it; of contacts it knows nothing but an error. */
  const broken = (error: unknown): Store => {
    const store = createMemoryStore()
    return {
      ...store,
      async readTails() {
        throw error
      },
    }
  }

  it('faults of the store that will pass are 503 with Retry-After, and are told to the host', async () => {
    const { send, errors } = await givenApi({ store: broken(new EnfoldFault('STORE_BUSY', 'secret path /x')) })
    const answer = await send('GET', '/contacts/ann')
    expect(answer).toMatchObject({ status: 503, body: { type: 'urn:enfold:problem:STORE_BUSY' } })
    expect(answer.headers.get('retry-after')).toBe('1')
    expect(answer.text).not.toContain('secret')
    expect(errors).toHaveLength(1)
  })

  it('faults that nobody foresaw are 500 and say nothing of the inside', async () => {
    const { send, errors } = await givenApi({ store: broken(new Error('secret')) })
    const answer = await send('GET', '/contacts/ann')
    expect(answer).toMatchObject({ status: 500, body: { type: 'urn:enfold:problem:Fault' } })
    expect(answer.text).not.toContain('secret')
    expect(errors).toMatchObject([{ message: 'secret' }])
  })

  it('faults of the directory are not blamed on the sender', async () => {
    const { send } = await givenApi({ contacts: { get: () => ({ tags: 'no list' }) as never } })
    const answer = await send('POST', `${NURTURE}/start`)
    // Where it is wrong is said, and not what stands there.
    expect(answer).toMatchObject({ status: 500, body: { type: 'urn:enfold:problem:FACTS_UNREADABLE' } })
    expect(answer.body.detail).toContain('tags is a text')
    expect(answer.text).not.toContain('no list')
  })

  it.each<[string, () => unknown]>([
    ['is down', () => Promise.reject(new Error('secret'))],
    ['answers nonsense', () => ({ fields: { born: new Date('1980-02-29') } })],
  ])('FACTS-1: with a directory that %s, nobody is kept in and every question is answered', async (_, fails) => {
    let answer: () => unknown = () => ({})
    const { send, engine, clock } = await givenApi({ contacts: { get: () => answer() as never } })
    for (const contactId of ['ann', 'bob', 'cem'])
      await engine.startSequence({ contactId, campaignId: 'pool', sequenceId: 'nurture', actor: null })
    await engine.runDue()
    answer = fails
    const asked = []
    for (const path of ['', '/history', '/sequences', '/upcoming', '/sequences/pool/nurture/steps/two/explain'])
      asked.push(await send('GET', `/contacts/ann${path}`))
    clock.advance('P1D')
    for (const path of ['/upcoming', '/overdue', '/health']) asked.push(await send('GET', path))
    expect(asked.map(({ status }) => status)).toEqual(asked.map(() => 200))
    expect(asked[0]?.body.factsFault.code).toMatch(/^(DIRECTORY_FAILED|FACTS_UNREADABLE)$/)
    expect(asked.at(-2)?.body.broken).toMatchObject([{ contacts: 3, example: 'ann' }])
    expect(asked.map(({ text }) => text).join()).not.toMatch(/secret|1980-02/)
    const sequence = '/sequences/pool/nurture'
    const orders = [
      [`/contacts/ann${sequence}/pause`, {}],
      [`/contacts/ann${sequence}/steps/two/cancel`, {}],
      [`/contacts/ann${sequence}/stop`, {}],
      ['/contacts/bob/stop-all', {}],
      ['/contacts/bob/suppress', {}],
      ['/contacts/bob/unsuppress', {}],
      ['/contacts/bob/erase', {}],
    ] as const
    for (const [path, body] of orders) expect([path, (await send('POST', path, { body })).status]).toEqual([path, 200])
    const bulk = { action: 'stop', campaignId: 'pool', sequenceId: 'nurture', contacts: { ids: ['cem'] } }
    expect((await send('POST', '/actions/preview', { body: bulk })).body.outcomes).toMatchObject({ stopped: 1 })
  })

  it('faults are told by their codes alone to those who may not see everything', async () => {
    let answer: () => unknown = () => ({})
    const { send, engine } = await givenApi({ contacts: { get: () => answer() as never } })
    await engine.startSequence({ contactId: 'ann', campaignId: 'pool', sequenceId: 'nurture', actor: null })
    answer = () => ({ fields: { born: new Date('1980-02-29') } })
    await engine.runDue()
    const some = await send('GET', '/health', { as: 'gardener' })
    expect(some.body).toEqual({ ok: true, codes: ['FACTS_UNREADABLE'] })
    const all = await send('GET', '/health')
    expect(all.body.dispatcher.lastFault).toMatchObject({
      code: 'FACTS_UNREADABLE',
      message: expect.stringMatching(/born.*a Date/),
    })
    expect(all.text).not.toContain('1980-02')
  })

  it('faults of the store make it unhealthy', async () => {
    const { send } = await givenApi()
    expect(await send('GET', '/health')).toMatchObject({ status: 200, body: { ok: true } })
    const store: Store = { ...createMemoryStore(), nextWake: () => Promise.reject(new Error('gone')) }
    const sick = await givenApi({ store })
    expect(await sick.send('GET', '/health')).toMatchObject({ status: 503, body: { ok: false } })
  })
})

describe('what waits for a person', () => {
  it('INDEX-5: what waits for a person is listed in pages, of their campaigns to those who have some', async () => {
    const { send, engine, store, clock } = await givenApi()
    const failing = createEngine({
      ...{ store, clock },
      handlers: { email: () => ({ outcome: 'failed', reason: 'smtp-550', permanent: true }) },
    })
    onTestFinished(() => failing.close())
    for (const contactId of ['ann', 'bob', 'cem'])
      await engine.startSequence({ contactId, campaignId: 'pool', sequenceId: 'nurture', actor: null })
    await engine.startSequence({ contactId: 'ann', campaignId: 'garden', sequenceId: 'tips', actor: null })
    clock.advance('P1D')
    await failing.runDue()
    const first = await send('GET', '/attention?kind=failed&limit=2')
    expect(first).toMatchObject({ status: 200, body: { total: 3, counts: { held: 0, failed: 3 } } })
    expect(first.body.entries[0]).toEqual({
      ...{ kind: 'failed', contactId: 'ann', campaignId: 'pool', sequenceId: 'nurture', run: 1 },
      ...{ stepId: 'one', resend: 0, since: clock.now(), reason: 'smtp-550', contacts: 1 },
    })
    const rest = await send('GET', `/attention?kind=failed&limit=2&after=${encodeURIComponent(first.body.next)}`)
    expect(rest.body).toMatchObject({ entries: [{ contactId: 'cem' }], next: null })
    const some = await send('GET', '/attention', { as: 'gardener' })
    expect(some.body).toMatchObject({ entries: [{ campaignId: 'garden' }], total: 1 })
    expect(some.text).not.toContain('pool')
    expect((await send('GET', '/attention?campaignId=pool', { as: 'gardener' })).status).toBe(403)
    expect((await send('GET', '/attention?campaignId=garden')).body).toMatchObject({ total: 1 })
    for (const query of ['kind=late', 'after=nothing', 'limit=0', 'campaign=pool'])
      expect([query, (await send('GET', `/attention?${query}`)).status]).toEqual([query, 400])
  })
})

describe('createApi', () => {
  it('createApi without authorize makes no API, neither by its types nor at run time', async () => {
    const { engine } = await givenApi()
    // @ts-expect-error There is no API without it.
    expect(() => createApi({ engine })).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
    for (const authorize of [null, true, {}])
      expect(() => createApi({ engine, authorize: authorize as never })).toThrow(/authorize/)
  })

  it.each([
    { basePath: 'api' },
    { basePath: '/api/' },
    { basePath: '/a b' },
    { maxBodyBytes: 0 },
    { maxBatch: 1001 },
    { maxUploadBytes: 1.5 },
    { onError: 'log' },
    { authorise: () => null },
    { engine: {} },
  ])('createApi refuses an option that cannot be: %j', async (wrong) => {
    const { engine } = await givenApi()
    const authorize = () => ACTORS.writer as never
    expect(() => createApi({ engine, authorize, ...(wrong as object) })).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT' }),
    )
  })

  it('createApi answers under its base path, and nowhere else', async () => {
    const { send } = await givenApi({ basePath: '/api/enfold' })
    expect((await send('GET', '/api/enfold/campaigns')).status).toBe(200)
    expect((await send('GET', '/api/enfold/openapi.json')).body.servers).toEqual([{ url: '/api/enfold' }])
    for (const path of ['/campaigns', '/api/enfoldcampaigns', '/api/enfold', '/api/enfold/../campaigns'])
      expect((await send('GET', path)).status).toBe(404)
  })

  it('an authorize that throws, or answers nonsense, opens nothing', async () => {
    const answers: (() => unknown)[] = [
      () => {
        throw new Error('secret')
      },
      () => ({ id: 'x' }),
      () => ({ id: 'x', may: 'all' }),
      () => ({ id: 'x', may: ['read', 'fly'] }),
      () => ({ id: '', may: 'write' }),
      () => ({ id: 'x', may: 'write', campaigns: 'pool' }),
      () => true,
    ]
    for (const answer of answers) {
      const { send, errors } = await givenApi({ authorize: answer as never })
      const refused = await send('GET', '/campaigns')
      expect([refused.status, errors.length]).toEqual([500, 1])
      expect(refused.text).not.toContain('secret')
    }
    for (const nobody of [null, undefined]) {
      const { send } = await givenApi({ authorize: () => nobody as never })
      expect((await send('GET', '/campaigns')).status).toBe(401)
    }
  })
})

it('every answer of every kind is kept in no shared cache and is taken for nothing else', async () => {
  const { send, engine } = await givenApi()
  const order = { action: 'start', campaignId: 'pool', sequenceId: 'nurture', actionId: 'a', actor: 'olga' } as const
  await engine.processAction({ ...order, contacts: { ids: ['ann'] } })
  for (const [method, path, options] of [
    ['GET', '/contacts/ann', {}],
    ['GET', '/contacts/ann', { as: null }],
    ['GET', '/campaigns/pool', { as: 'gardener' }],
    ['GET', '/nothing', {}],
    ['DELETE', '/campaigns', {}],
    ['POST', '/actions', { body: {} }],
    ['POST', `${NURTURE}/start`, { headers: { 'content-type': 'text/plain' } }],
    ['GET', '/openapi.json', {}],
    ['GET', '/campaigns/pool', {}],
    ['GET', '/actions/a/results.csv', {}],
    ['GET', '/actions/a/progress', {}],
  ] as const) {
    const { headers } = await send(method, path, options)
    const found = [headers.get('x-content-type-options'), headers.get('cache-control')]
    expect([path, ...found]).toEqual([path, 'nosniff', expect.stringMatching(/^(no-store|private, no-cache)$/)])
  }
})
