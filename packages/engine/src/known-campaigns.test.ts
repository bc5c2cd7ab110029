import { type CampaignDefinition, campaign, isLeft, type StepCall, standardSchema } from '@enfold/core'
import { createEngine, type Engine, type EngineEvent, orThrow } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'

const pool = campaign({
  id: 'pool-owners',
  signals: { visited: { keep: ['page'] } },
  goals: [
    { id: 'asked', when: { kind: 'form-submitted', match: { form: 'pool-guide' } }, next: ['nurture'] },
    { id: 'bought', when: [{ kind: 'purchased', match: { total: { atLeast: 10 } } }, { kind: 'gifted' }] },
  ],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'mistake-1', kind: 'email', params: { template: 'mistake-1' } },
        { id: 'call', kind: 'task' },
      ],
      next: ['bought'],
    },
  ],
})
const club = campaign({
  id: 'club',
  goals: [],
  sequences: [{ id: 'welcome', steps: [{ id: 'hello', kind: 'email' }] }],
})

const email = z.object({ template: z.string(), copies: z.number().default(1) })
const purchased = z.object({ total: z.number(), coupon: z.string().optional() })
const sent = () => ({ outcome: 'sent' }) as const
const store = () => createMemoryStore()

const knowing = (handled: StepCall<{ template: string; copies: number }>['step'][] = []) =>
  createEngine({
    store: store(),
    campaigns: [pool],
    schemas: { params: { email }, signals: { purchased } },
    handlers: {
      email({ step }) {
        expectTypeOf(step.params).toEqualTypeOf<{ template: string; copies: number }>()
        handled.push(step)
        return { outcome: 'sent' }
      },
      task: sent,
    },
  })

const ann = { contactId: 'ann', actor: null }

/** Compiled, and never run. */
const compiled = (_: () => unknown) => expect(_).toBeTypeOf('function')

describe('what the compiler knows of campaigns', () => {
  it('a known campaign keeps every id and kind, and is still a definition', () => {
    expectTypeOf(pool.id).toEqualTypeOf<'pool-owners'>()
    expectTypeOf<(typeof pool)['sequences'][number]['steps'][number]['kind']>().toEqualTypeOf<'email' | 'task'>()
    expectTypeOf(pool).toExtend<CampaignDefinition>()
  })

  it('the compiler wants a handler for each kind, with params as its schema gives them', () => {
    compiled(() => {
      // @ts-expect-error there is no handler for "task"
      createEngine({ store: store(), campaigns: [pool], handlers: { email: sent } })
      // @ts-expect-error "emial" is no kind
      createEngine({ store: store(), campaigns: [pool], handlers: { email: sent, task: sent, emial: sent } })
      createEngine({ store: store(), campaigns: [pool], handlers: { email: sent, task: undefined } })
      createEngine({ store: store(), campaigns: [pool], handlers: () => sent })
      const handlers = { email: ({ step }: StepCall<{ subject: string }>) => sent() && step.params.subject, task: sent }
      // @ts-expect-error the schema gives no subject
      createEngine({ store: store(), campaigns: [pool], schemas: { params: { email } }, handlers })
    })
  })

  it('the compiler wants ids that belong together', () => {
    compiled(async () => {
      const engine = createEngine({ store: store(), campaigns: [pool, club], handlers: { email: sent, task: sent } })
      await engine.startSequence({ ...ann, campaignId: 'pool-owners', sequenceId: 'nurture' })
      await engine.startSequence({ ...ann, campaignId: 'club', sequenceId: 'welcome' })
      // @ts-expect-error "welcome" is a sequence of the other campaign
      await engine.startSequence({ ...ann, campaignId: 'pool-owners', sequenceId: 'welcome' })
      await engine.cancelStep({ ...ann, campaignId: 'pool-owners', sequenceId: 'nurture', stepId: 'call' })
      // @ts-expect-error "hello" is a step of another sequence
      await engine.cancelStep({ ...ann, campaignId: 'pool-owners', sequenceId: 'nurture', stepId: 'hello' })
      const inside = engine.withTransaction({ query: async () => [] })
      // @ts-expect-error nor in a transaction of the host
      await inside.startSequence({ ...ann, campaignId: 'pool', sequenceId: 'nurture' })
    })
  })

  it('the compiler wants kinds of signals that there are, with the data of their schema', () => {
    compiled(async () => {
      const engine = knowing()
      await engine.signal({ contactId: 'ann', kind: 'form-submitted', data: { form: 'pool-guide', other: 1 } })
      await engine.signal({ contactId: 'ann', kind: 'gifted' })
      await engine.signal({ contactId: 'ann', kind: 'visited', data: { page: '/pumps' } })
      await engine.signal({ contactId: 'ann', kind: 'purchased', data: { total: 12 } })
      // @ts-expect-error no pattern is of this kind
      await engine.signal({ contactId: 'ann', kind: 'purchase', data: { total: 12 } })
      // @ts-expect-error the total is a number
      await engine.signal({ contactId: 'ann', kind: 'purchased', data: { total: '12' } })
      // @ts-expect-error the schema requires data
      await engine.signal({ contactId: 'ann', kind: 'purchased' })
    })
  })

  it('the compiler knows nothing of a definition that was read, and asks nothing', () => {
    compiled(async () => {
      const read = JSON.parse('{}') as CampaignDefinition
      const engine = createEngine({ store: store(), campaigns: [pool, read], handlers: { email: sent } })
      expectTypeOf(engine).toEqualTypeOf<Engine>()
      await engine.startSequence({ ...ann, campaignId: 'any', sequenceId: 'any' })
      await engine.signal({ contactId: 'ann', kind: 'any', data: { a: [1] } })
      expectTypeOf(createEngine({ store: store(), handlers: {} })).toEqualTypeOf<Engine>()
    })
  })

  it('an engine that knows its campaigns may be used where any engine is wanted', () => {
    compiled(() => {
      const any: Engine = knowing()
      return any.startSequence({ ...ann, campaignId: 'from-a-request', sequenceId: 'from-a-request' })
    })
  })
})

describe('schemas', () => {
  it('VERSION-2: a definition with params that the schema of their kind refuses is not published, and each is named', async () => {
    const engine = knowing()
    const [sequence] = pool.sequences
    const steps = [
      { id: 'a', kind: 'email', params: { template: 7 } },
      { id: 'b', kind: 'email' },
      { id: 'c', kind: 'email', draft: true },
    ]
    const wrong = { ...pool, sequences: [{ ...sequence, steps }] }
    const refused = await engine.publish(wrong)
    const problems = isLeft(refused) && refused.left.type === 'CampaignInvalid' ? refused.left.problems : []
    expect(problems.map(({ path }) => path)).toEqual([
      '/sequences/0/steps/0/params/template',
      '/sequences/0/steps/1/params/template',
    ])
    expect(problems[0]?.message).toContain('schema of the kind "email"')
    expect(JSON.stringify(problems)).not.toContain('7')
    expect(await engine.inspect.checkCampaign(wrong)).toEqual({ valid: false, problems, warnings: [] })
    expect(await engine.inspect.campaigns()).toEqual([])
    expect(isLeft(await engine.publish(pool))).toBe(false)
  })

  it('a handler is called with what the schema gives', async () => {
    const handled: StepCall<{ template: string; copies: number }>['step'][] = []
    const engine = knowing(handled)
    orThrow(await engine.publish(pool))
    orThrow(await engine.signal({ contactId: 'ann', kind: 'form-submitted', data: { form: 'pool-guide' } }))
    expect(await engine.runDue()).toMatchObject({ sent: 2 })
    expect(handled.map(({ params }) => params)).toEqual([{ template: 'mistake-1', copies: 1 }])
  })

  it('a handler is not called with params that its schema refuses, and the step fails for good', async () => {
    const own = store()
    const before = createEngine({ store: own, handlers: {} })
    orThrow(await before.publish({ ...club }))
    const events: EngineEvent[] = []
    const engine = createEngine({
      store: own,
      schemas: { params: { email } },
      handlers: {
        email: () => {
          throw new Error('called')
        },
      },
      observe: (event) => void events.push(event),
    })
    orThrow(await engine.startSequence({ ...ann, campaignId: 'club', sequenceId: 'welcome' }))
    expect(await engine.runDue()).toMatchObject({ failed: 1, wakeAt: null })
    const history = await own.readMany(['contact-ann'])
    const failed = history.get('contact-ann')?.find(({ type }) => type === 'StepFailed')
    expect(failed?.data).toMatchObject({ reason: 'params-refused', consequence: 'continue', retryAt: null })
    const answered = events.find(({ type }) => type === 'step-answered')
    expect(answered).toMatchObject({ error: { message: expect.stringContaining('params/template') } })
  })

  it('a signal whose data its schema refuses is refused as input, and no value is shown', async () => {
    const engine = knowing()
    orThrow(await engine.publish(pool))
    const data = { total: 'secret' } as unknown as { total: number }
    const refused = engine.signal({ contactId: 'ann', kind: 'purchased', data })
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { path: 'signal.data.total' } })
    await expect(refused).rejects.not.toThrow('secret')
    orThrow(await engine.signal({ contactId: 'ann', kind: 'purchased', data: { total: 12 } }))
  })

  it('a schema may be a JSON Schema, and may be asked without an answer at once', async () => {
    const params = standardSchema<{ 'a/b': number }>({
      type: 'object',
      properties: { 'a/b': { type: 'integer' } },
      required: ['a/b'],
    })
    const later = z.object({ list: z.string() }).refine(async ({ list }) => list === 'known', { path: ['list'] })
    const steps = [
      { id: 'a', kind: 'json', params: { 'a/b': 'x' } },
      { id: 'b', kind: 'json' },
      { id: 'c', kind: 'later', params: { list: 'unknown' } },
      { id: 'd', kind: 'later', params: { list: 'known' } },
    ]
    const schemas = { params: { json: params, later } }
    const engine = createEngine({ store: store(), handlers: {}, schemas })
    const { problems } = await engine.inspect.checkCampaign({ id: 'c', goals: [], sequences: [{ id: 's', steps }] })
    expect(problems.map(({ path }) => path)).toEqual([
      '/sequences/0/steps/0/params/a~1b',
      '/sequences/0/steps/1/params/a~1b',
      '/sequences/0/steps/2/params/list',
    ])
  })

  it('kinds are names like any other', async () => {
    const engine = createEngine({
      store: store(),
      handlers: {},
      schemas: { params: { email }, signals: { purchased } },
    })
    const steps = [{ id: 'a', kind: 'toString' }]
    orThrow(await engine.publish({ id: 'c', goals: [], sequences: [{ id: '__proto__', steps }] }))
    orThrow(await engine.signal({ contactId: 'ann', kind: 'constructor', data: {} }))
  })

  it.each([
    ['campaigns', { campaigns: [{ ...pool, sequences: [] }] }, 'createEngine.campaigns[0]/goals/0/next/0'],
    ['campaigns', { campaigns: pool as never }, 'createEngine.campaigns is'],
    [
      'schemas',
      { schemas: { params: { email: {} as never } } },
      'createEngine.schemas.params.email is no Standard Schema',
    ],
    ['schemas', { schemas: { parms: {} } as never }, 'createEngine.schemas'],
  ])('createEngine refuses %s that cannot be', (_, options, message) => {
    expect(() => createEngine({ store: store(), handlers: {}, ...(options as object) })).toThrow(message)
  })
})
