import { PERMISSIONS, VERB_NAMES, VERBS } from '@enfold/core'
import { Compile } from 'typebox/compile'
import { describe, expect, it } from 'vitest'
import { type GivenApi, garden, givenApi, pool } from './api.fixture.ts'
import { routes } from './api.ts'
import type { Principal, Verb } from './permissions.ts'

/** A request that is right in every way, for each route; in the campaign "pool" where it is of one. */
const ASKED: {
  readonly [id: string]: {
    readonly path: string
    readonly body?: unknown
    readonly csv?: string
    /** What it needs. */
    readonly verbs: readonly Verb[]
    /** Whether somebody with other campaigns may all the same. */
    readonly others?: boolean
    readonly status?: number
  }
} = {
  getContact: { path: '/contacts/ann', verbs: ['read'], others: true },
  getHistory: { path: '/contacts/ann/history', verbs: ['read'], others: true },
  explainEvent: { path: '/contacts/ann/history/EVENT/explain', verbs: ['read'], others: true },
  explainStep: { path: '/contacts/ann/sequences/pool/nurture/steps/one/explain', verbs: ['read'] },
  explainGoal: { path: '/contacts/ann/goals/pool/bought/explain?signalId=s1', verbs: ['read'] },
  getSequences: { path: '/contacts/ann/sequences', verbs: ['read'], others: true },
  getUpcomingOfContact: { path: '/contacts/ann/upcoming', verbs: ['read'], others: true },
  getUpcoming: { path: '/upcoming', verbs: ['read'], others: true },
  getOverdue: { path: '/overdue', verbs: ['read'] },
  searchContacts: {
    path: '/contacts/search',
    body: { any: [{ campaignId: 'pool', sequenceId: 'nurture' }] },
    verbs: ['read'],
  },
  startSequence: { path: '/contacts/ann/sequences/pool/nurture/start', body: {}, verbs: ['start'] },
  stopSequence: { path: '/contacts/ann/sequences/pool/nurture/stop', body: {}, verbs: ['stop'] },
  restartSequence: { path: '/contacts/ann/sequences/pool/nurture/restart', body: {}, verbs: ['start', 'stop'] },
  pauseSequence: { path: '/contacts/ann/sequences/pool/nurture/pause', body: {}, verbs: ['pause'] },
  resumeSequence: { path: '/contacts/ann/sequences/pool/nurture/resume', body: {}, verbs: ['pause'] },
  resendStep: { path: '/contacts/ann/sequences/pool/nurture/steps/one/resend', body: {}, verbs: ['resend'] },
  cancelStep: { path: '/contacts/ann/sequences/pool/nurture/steps/two/cancel', body: {}, verbs: ['cancel'] },
  skipStep: { path: '/contacts/ann/sequences/pool/nurture/steps/two/skip', body: {}, verbs: ['cancel'] },
  sendNow: { path: '/contacts/ann/sequences/pool/nurture/send-now', body: {}, verbs: ['resend'] },
  rescheduleStep: {
    path: '/contacts/ann/sequences/pool/nurture/steps/two/reschedule',
    body: { dueAt: '2036-03-01T09:00:00.000Z' },
    verbs: ['reschedule'],
  },
  shiftRun: { path: '/contacts/ann/sequences/pool/nurture/shift', body: { by: 'P2D' }, verbs: ['reschedule'] },
  moveRun: {
    path: '/contacts/ann/sequences/pool/nurture/move',
    body: { toStep: 'one' },
    verbs: ['reschedule', 'start', 'stop'],
  },
  stopAll: { path: '/contacts/ann/stop-all', body: {}, verbs: ['stop'] },
  suppress: { path: '/contacts/ann/suppress', body: {}, verbs: ['suppress'] },
  unsuppress: { path: '/contacts/ann/unsuppress', body: {}, verbs: ['suppress'] },
  erase: { path: '/contacts/ann/erase', body: {}, verbs: ['erase'] },
  refresh: { path: '/contacts/ann/refresh', body: {}, verbs: ['refresh'] },
  previewSignal: { path: '/signals/preview', body: { contactId: 'ann', kind: 'purchased' }, verbs: ['signal', 'read'] },
  signal: { path: '/signals', body: { contactId: 'ann', kind: 'purchased' }, verbs: ['signal'] },
  retractSignal: { path: '/contacts/ann/signals/s1/retract', body: {}, verbs: ['signal', 'start', 'stop'] },
  // By what the order did: a shift of a run of "pool".
  undoOrder: { path: '/contacts/ann/undo-order', body: { undoes: 'shifted' }, verbs: ['start', 'stop', 'reschedule'] },
  signals: { path: '/signals/batch', body: { signals: [{ contactId: 'ann', kind: 'purchased' }] }, verbs: ['signal'] },
  listCampaigns: { path: '/campaigns', verbs: ['read'], others: true },
  getCampaign: { path: '/campaigns/pool', verbs: ['read'] },
  getCounts: { path: '/campaigns/pool/counts', verbs: ['read'] },
  getFunnel: { path: '/campaigns/pool/funnel', verbs: ['read'] },
  getContactsInSequence: { path: '/campaigns/pool/sequences/nurture/contacts', verbs: ['read'] },
  checkCampaign: { path: '/campaigns/check', body: pool, verbs: ['read'], others: true },
  publishCampaign: { path: '/campaigns/pool', body: pool, verbs: ['publish'] },
  unpublishCampaign: {
    path: '/campaigns/pool/unpublish',
    body: { stopRuns: true },
    verbs: ['publish', 'stop'],
  },
  pauseCampaign: { path: '/campaigns/pool/pause-campaign', body: {}, verbs: ['pause'] },
  resumeCampaign: { path: '/campaigns/pool/resume-campaign', body: {}, verbs: ['pause'] },
  getHeldByPause: { path: '/campaigns/pool/held-by-pause', verbs: ['read'] },
  getForecastOfContact: {
    path: '/contacts/ann/forecast?until=2026-04-01T00:00:00.000Z',
    verbs: ['read'],
    others: true,
  },
  forecastContact: {
    path: '/contacts/ann/forecast',
    body: { until: '2026-04-01T00:00:00.000Z' },
    verbs: ['read'],
    others: true,
  },
  forecast: {
    path: '/forecasts',
    body: { until: '2026-04-01T00:00:00.000Z', by: 'day', campaignId: 'pool' },
    verbs: ['read'],
  },
  getAttention: { path: '/attention', verbs: ['read'], others: true },
  getHealth: { path: '/health', verbs: ['read'], others: true },
  previewAction: { path: '/actions/preview', body: target('start'), verbs: ['read'] },
  previewActionOfCsv: { path: `/actions/preview/csv?${inPool('start')}`, csv: 'ann', verbs: ['read'] },
  processAction: { path: '/actions', body: target('restart'), verbs: ['start', 'stop'], status: 202 },
  processActionOfCsv: { path: `/actions/csv?${inPool('stop')}`, csv: 'ann', verbs: ['stop'], status: 202 },
  listActions: { path: '/actions', verbs: ['read'], others: true },
  getAction: { path: '/actions/first', verbs: ['read'] },
  getActionContacts: { path: '/actions/first/contacts', verbs: ['read'] },
  downloadActionResults: { path: '/actions/first/results.csv', verbs: ['read'] },
  followAction: { path: '/actions/first/progress', verbs: ['read'] },
  cancelAction: { path: '/actions/first/cancel', body: {}, verbs: ['start'] },
  resumeAction: { path: '/actions/first/resume', body: {}, verbs: ['start'] },
  previewUndo: { path: '/actions/first/undo/preview', body: {}, verbs: ['read'] },
  undoAction: { path: '/actions/first/undo', body: {}, verbs: ['start', 'stop'], status: 202 },
}

/** The preview of an order is asked with the order, at an address of its own, by who may also read. */
const PREVIEWS = VERB_NAMES.flatMap((name) => {
  const order = ASKED[name]
  if (order === undefined || VERBS[name].about === 'signal') return []
  const id = `preview${name.charAt(0).toUpperCase()}${name.slice(1)}`
  return [[id, { ...order, path: `${order.path}/preview`, verbs: [...order.verbs, 'read'] as const }] as const]
})
const REQUESTS: typeof ASKED = { ...ASKED, ...Object.fromEntries(PREVIEWS) }

function target(action: string) {
  return { action, campaignId: 'pool', sequenceId: 'nurture', contacts: { ids: ['ann'] } }
}
function inPool(action: string): string {
  return `action=${action}&campaignId=pool&sequenceId=nurture`
}

/** Ann is in sequences of both campaigns, with one step done and one to come; an action has been done. */
async function givenAnn(actor: { current: Principal | null }): Promise<GivenApi & { readonly eventId: string }> {
  const given = await givenApi({ authorize: () => actor.current })
  const { engine } = given
  const order = { contactId: 'ann', actor: 'olga' }
  await engine.startSequence({ ...order, campaignId: 'garden', sequenceId: 'tips' })
  await engine.signal({ contactId: 'ann', kind: 'form-submitted', data: { form: 'guide' }, signalId: 's1' })
  await engine.processAction({ ...(target('start') as never as object), actionId: 'first', actor: 'olga' } as never)
  await engine.runDue()
  await engine.shiftRun({ ...order, campaignId: 'pool', sequenceId: 'nurture', by: 'P1D', commandId: 'shifted' })
  const [event] = await engine.inspect.history('ann')
  return { ...given, eventId: event?.id as string }
}

describe('every route', () => {
  it('every route is asked about here, and no other', () => {
    expect(Object.keys(REQUESTS).toSorted()).toEqual(routes.map(({ id }) => id).toSorted())
  })

  describe.each(routes.map((route) => [route.id, route] as const))('%s', (id, route) => {
    const request = REQUESTS[id] as (typeof REQUESTS)[string]

    async function outcomes(actors: readonly (Principal | null)[]) {
      const actor: { current: Principal | null } = { current: null }
      const { send, store, eventId, errors } = await givenAnn(actor)
      const length = async () => {
        let count = 0
        for await (const _ of store.readAll()) count += 1
        return count + (await store.actions(null, 10)).length
      }
      const answers: { status: number; changed: boolean; text: string }[] = []
      for (const one of actors) {
        actor.current = one
        const before = await length()
        const { status, text } = await send(route.method.toUpperCase(), request.path.replace('EVENT', eventId), {
          body: request.csv ?? request.body,
          ...(request.csv === undefined ? {} : { headers: { 'content-type': 'text/csv' } }),
        })
        answers.push({ status, changed: (await length()) !== before, text })
      }
      expect(errors).toEqual([])
      return answers
    }

    const lacking = request.verbs.map((verb) => ({ id: 'x', may: PERMISSIONS.filter((one) => one !== verb) }))
    /** Of those who change nothing, so one engine is enough for all of them. */
    const harmless: readonly (Principal | null)[] = [
      { id: 'rita', may: 'read' },
      { id: 'gil', may: 'write', campaigns: ['garden'] },
      null,
      ...lacking,
      { id: 'x', may: [] },
    ]
    let asked: ReturnType<typeof outcomes> | undefined
    const answersOfHarmless = () => (asked ??= outcomes(harmless))

    it('a route is closed without an actor, without its verb, and with all other verbs', async () => {
      const answers = (await answersOfHarmless()).slice(2)
      expect(answers.map(({ status }) => status)).toEqual([401, ...lacking.map(() => 403), 403])
      expect(answers.some(({ changed }) => changed)).toBe(false)
    })

    it('the route is open to a reader if it only reads', async () => {
      const [answer] = await answersOfHarmless()
      expect(answer?.status).toBe(request.verbs.join() === 'read' ? 200 : 403)
      expect(answer?.changed).toBe(false)
    })

    it('a route is closed to an actor of other campaigns, or shows nothing of this one', async () => {
      const [, answer] = await answersOfHarmless()
      // Of an action or an order elsewhere it is not said that it exists.
      const isNamed = request.path.startsWith('/actions/first') || request.path.includes('/undo-order')
      expect(answer?.status).toBe(request.others === true ? 200 : isNamed ? 404 : 403)
      expect(answer?.changed).toBe(false)
      if (request.path !== '/campaigns/check') expect(answer?.text).not.toMatch(/nurture|asked on/)
    })

    it('a route is open to an actor with the verb and the campaign, and responds in its shape', async () => {
      const campaigns = [pool.id, garden.id]
      const ofBoth = { id: 'olga', may: request.verbs, campaigns }
      const ofAll = { id: 'olga', may: request.verbs }
      const [limited] = await outcomes([ofBoth])
      const [unlimited] = await outcomes([ofAll])
      expect(unlimited?.status).toBe(request.status ?? 200)
      if (id.startsWith('preview')) expect(unlimited?.changed).toBe(false)
      const shape = route.answers[request.status ?? 200]
      if (typeof shape === 'object') expect([...Compile(shape).Errors(JSON.parse(unlimited?.text ?? ''))]).toEqual([])
      const concernsAll = [
        'getOverdue',
        'stopAll',
        'suppress',
        'unsuppress',
        'erase',
        'refresh',
        'signal',
        'signals',
        'retractSignal',
      ].some((one) => id === one || (id.startsWith('preview') && id.slice(7).toLowerCase() === one.toLowerCase()))
      expect(limited?.status).toBe(concernsAll ? 403 : unlimited?.status)
    })
  })
})

describe('an actor limited to some campaigns', () => {
  const gil: Principal = { id: 'gil', may: 'write', campaigns: ['garden'] }

  async function givenAnnInBoth(): Promise<GivenApi> {
    const given = await givenApi({ authorize: () => gil })
    const ann = { contactId: 'ann', actor: null }
    const tips = { campaignId: 'garden', sequenceId: 'tips', commandId: 'in garden' }
    const nurture = { campaignId: 'pool', sequenceId: 'nurture', commandId: 'in pool' }
    for (const one of [tips, nurture]) await given.engine.startSequence({ ...ann, ...one })
    return given
  }

  it('UNDO-6: such an actor undoes orders of those campaigns only: none that concerned others as well, and no ban', async () => {
    const { send, engine } = await givenAnnInBoth()
    await engine.stopAll({ contactId: 'ann', actor: null, commandId: 'all' })
    await engine.suppress({ contactId: 'ann', actor: null, commandId: 'ban' })
    const asked = async (undoes: string) => {
      const { status, text } = await send('POST', '/contacts/ann/undo-order/preview', { body: { undoes } })
      expect(text).not.toContain('nurture')
      return status
    }
    expect(await Promise.all(['in garden', 'in pool', 'all', 'ban', 'none'].map(asked))).toEqual([
      200, 404, 403, 403, 404,
    ])
  })

  it('such an actor finds contacts by those only: other sequences, none, and everybody are closed', async () => {
    const { send } = await givenApi({ authorize: () => gil })
    const mine = { campaignId: 'garden', sequenceId: 'tips' }
    const other = { campaignId: 'pool', sequenceId: 'nurture' }
    const statusOf = async (body: unknown) => (await send('POST', '/contacts/search', { body })).status
    expect(await statusOf({ all: [mine] })).toBe(200)
    for (const closed of [{}, { all: [mine, other] }, { any: [mine], none: [other] }, { none: [mine] }, { all: [] }])
      expect(await statusOf(closed)).toBe(403)
  })

  it('FORECAST-2: such an actor gets forecasts of those campaigns only, and never where one stopped', async () => {
    const { send } = await givenAnnInBoth()
    const asked = { until: '2026-04-01T00:00:00.000Z', by: 'day', campaignId: 'garden' }
    const statusOf = async (more: object) => (await send('POST', '/forecasts', { body: { ...asked, ...more } })).status
    const { status, text, body } = await send('POST', '/forecasts', { body: asked })
    expect([status, body.cells.length]).toEqual([200, 1])
    expect(text).not.toContain('pool')
    const closed = [{ campaignId: undefined }, { atMost: 1 }, { goOn: body }]
    const whatIf = [{ definition: pool }, { pause: { campaignId: 'pool' } }, { resume: { campaignId: 'pool' } }]
    for (const more of [...closed, ...whatIf.map((one) => ({ whatIf: one }))]) expect(await statusOf(more)).toBe(403)
    expect(await statusOf({ whatIf: { pause: { campaignId: 'garden' }, definition: garden } })).toBe(200)
    const own = await send('GET', '/contacts/ann/forecast?until=2026-04-01T00:00:00.000Z')
    expect(own.body.steps).toMatchObject([{ campaignId: 'garden', stepId: 'one' }])
    expect(own.text).not.toContain('pool')
    const ifOf = (one: object) => send('POST', '/contacts/ann/forecast', { body: { until: asked.until, whatIf: one } })
    for (const one of whatIf) expect((await ifOf(one)).status).toBe(403)
    const ifPaused = await ifOf({ pause: { campaignId: 'garden' } })
    expect(ifPaused.body).toMatchObject({ steps: [], held: [{ campaignId: 'garden', paused: true }] })
    expect(ifPaused.text).not.toContain('pool')
  })

  it('such an actor is told of no other campaign where an id is not known', async () => {
    const sees = async (actor: Principal) => {
      const { send } = await givenApi({ authorize: () => actor })
      const start = await send('POST', '/contacts/ann/sequences/gardn/tips/start')
      return [start, await send('GET', '/campaigns/gardn')]
    }
    for (const { body, status } of await sees({ id: 'olga', may: 'write' })) {
      expect(status).toBe(404)
      expect(body.rejection).toMatchObject({ type: 'CampaignUnknown', known: ['garden', 'pool'] })
      expect(body.detail).toContain('Did you mean "garden"?')
    }
    for (const { body, status } of await sees({ ...gil, campaigns: ['gardn'] })) {
      expect(status).toBe(404)
      expect(body.rejection).toEqual({ type: 'CampaignUnknown', campaignId: 'gardn' })
      expect(body.detail).toBe('There is no campaign "gardn".')
    }
  })

  it('such an actor starts no contact because of its sequences in other campaigns', async () => {
    const { send } = await givenApi({ authorize: () => gil })
    const query = { all: [{ campaignId: 'pool', sequenceId: 'nurture' }] }
    const body = { action: 'start', campaignId: 'garden', sequenceId: 'tips', contacts: { query } }
    expect((await send('POST', '/actions', { body })).status).toBe(403)
    expect((await send('POST', '/actions/preview', { body })).status).toBe(403)
    const ids = { ...body, contacts: { ids: ['ann'] } }
    expect((await send('POST', '/actions', { body: ids })).status).toBe(202)
  })

  it('such an actor reads of a signal only what it did in them', async () => {
    const { send, engine } = await givenApi({ authorize: () => gil })
    await engine.signal({ contactId: 'ann', kind: 'form-submitted', data: { form: 'guide' } })
    const { body, text } = await send('GET', '/contacts/ann/history')
    const other = (await engine.inspect.history('ann')).find(
      ({ data }) => 'campaignId' in data && data.campaignId === 'pool',
    )
    expect((await send('GET', `/contacts/ann/history/${other?.id}/explain`)).status).toBe(404)
    expect((await send('GET', `/contacts/ann/history/${body.events[1].id}/explain`)).body.chain).toHaveLength(2)
    expect(body.events[0].data.matched).toMatchObject([{ campaignId: 'garden' }])
    expect(text).not.toContain('pool')
  })

  it('such an actor finds no action of another campaign, and cannot tell it from one that there is not', async () => {
    const { send, engine } = await givenApi({ authorize: () => gil })
    const elsewhere = {
      action: 'start',
      campaignId: 'pool',
      sequenceId: 'nurture',
      contacts: { ids: ['ann'] },
    } as const
    const mine = { ...elsewhere, campaignId: 'garden', sequenceId: 'tips' } as const
    for (const [i, order] of [elsewhere, mine, elsewhere, elsewhere, mine, elsewhere].entries())
      await engine.processAction({ ...order, actionId: `${order.campaignId}-${i}`, actor: 'olga' })
    const first = await send('GET', '/actions?limit=1')
    expect(first.body).toMatchObject({ actions: [{ actionId: 'garden-4' }], next: 'garden-4' })
    const second = await send('GET', '/actions?limit=1&after=garden-4')
    expect(second.body).toMatchObject({ actions: [{ actionId: 'garden-1' }], next: null })
    for (const path of ['', '/contacts', '/results.csv', '/progress']) {
      const [there, nowhere] = [
        await send('GET', `/actions/pool-3${path}`),
        await send('GET', `/actions/nope-3${path}`),
      ]
      expect([path, there.status, there.text.replaceAll('pool-3', 'nope-3')]).toEqual([path, 404, nowhere.text])
    }
    const [there, nowhere] = [await send('GET', '/actions?after=pool-3'), await send('GET', '/actions?after=nope-3')]
    expect([there.status, there.text.replaceAll('pool-3', 'nope-3')]).toEqual([404, nowhere.text])
    const reused = await send('POST', '/actions', { body: { ...mine, actionId: 'pool-3' } })
    expect(reused.status).toBe(422)
    expect(reused.text.replaceAll('pool-3', '')).not.toMatch(/pool|nurture|olga/)
  })
})

it('BULK-3: progress ends when it is no longer permitted', async () => {
  const actor: { current: Principal | null } = { current: { id: 'olga', may: 'write' } }
  const { api, engine } = await givenApi({ authorize: () => actor.current })
  const order = { action: 'start', campaignId: 'pool', sequenceId: 'nurture', actionId: 'a', actor: 'olga' } as const
  let goOn = (): void => {}
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  async function* ids() {
    yield 'ann'
    await held
    yield 'bob'
  }
  const over = engine.processAction({ ...order, contacts: { ids: ids() } })
  await expect.poll(() => engine.inspect.action('a'), { timeout: 30_000 }).not.toBeNull()
  const response = await api(new Request('http://localhost/actions/a/progress'))
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  expect(new TextDecoder().decode((await reader.read()).value)).toContain('"state":"collecting"')
  actor.current = { id: 'olga', may: 'write', campaigns: ['garden'] }
  goOn()
  await over
  expect(await reader.read()).toEqual({ done: true, value: undefined })
})

it('BULK-3: a file of results breaks off when it is no longer permitted', async () => {
  for (const later of [null, { id: 'olga', may: 'write', campaigns: ['garden'] } as const]) {
    const actor: { current: Principal | null } = { current: { id: 'olga', may: 'write' } }
    const errors: unknown[] = []
    const { api, engine } = await givenApi({ authorize: () => actor.current, onError: (error) => errors.push(error) })
    const order = { action: 'start', campaignId: 'pool', sequenceId: 'nurture', actionId: 'a', actor: 'olga' } as const
    await engine.processAction({ ...order, contacts: { ids: ['ann'] } })
    const response = await api(new Request('http://localhost/actions/a/results.csv'))
    actor.current = later
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('"contactId","outcome","run","reason"\n')
    await expect(reader.read()).rejects.toThrow('may not see the file any more')
    expect(errors).toHaveLength(1)
  }
})
