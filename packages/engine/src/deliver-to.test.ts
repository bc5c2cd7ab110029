import { campaign, describeDelivery, describeEvent, redirectable, type StepCall, type StepHandler } from '@enfold/core'
import { createEngine, type EngineOptions } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { deliverToOf } from './deliver-to.ts'
import { answerOf, createRecorder, eventsOf, MONDAY } from './engine.fixture.ts'
import type { EngineEvent } from './engine-events.ts'
import { asHostsUseIt, closingAfterEach, eachStore } from './store.fixture.ts'

const ME = 'me@example.com'
const closing = closingAfterEach()
afterEach(() => void vi.unstubAllEnvs())

describe('what deliverTo may be', () => {
  it.each([
    [undefined, undefined, null],
    [undefined, 'nobody', 'nobody'],
    [undefined, ME, ME],
    ['nobody', ME, 'nobody'],
    [ME, 'nobody', ME],
    ['contacts', 'nobody', null],
    [undefined, 'contacts', null],
    ['staging+crm@mail.bücher.test', undefined, 'staging+crm@mail.bücher.test'],
  ])('DELIVER-1: the option %j and the variable %j come to %j', (option, variable, expected) => {
    expect(deliverToOf(option, { ENFOLD_DELIVER_TO: variable })).toBe(expected)
  })

  it.each<[option: unknown, variable: string | undefined, message: RegExp]>([
    [undefined, '', /^ENFOLD_DELIVER_TO is empty; expected an address such as .* "nobody", or "contacts"/],
    [undefined, 'Nobody ', /^ENFOLD_DELIVER_TO .*did you mean "nobody"\?/],
    ['contact', undefined, /^createEngine\.deliverTo .*did you mean "contacts"\?/],
    ['', ME, /^createEngine\.deliverTo is empty/],
    ...[
      'me',
      'Me <me@example.com>',
      'a@b.test, c@d.test',
      'a@b.test\r\nBcc: c@d.test',
      'a@b@c',
      'a@-b.test',
      'a @b.test',
    ].map((option): [string, undefined, RegExp] => [
      option,
      undefined,
      /^createEngine\.deliverTo is none of what it can be/,
    ]),
    ...[null, 7, true, {}, [ME]].map((option): [unknown, string, RegExp] => [
      option,
      'nobody',
      /^createEngine\.deliverTo/,
    ]),
  ])(
    'DELIVER-1: the option %j and the variable %j are refused, and no address is shown',
    (option, variable, message) => {
      const asked = () => deliverToOf(option, { ENFOLD_DELIVER_TO: variable })
      expect(asked).toThrow(expect.objectContaining({ code: 'INVALID_INPUT', message: expect.stringMatching(message) }))
      expect(asked).not.toThrow(/b\.test/)
    },
  )
})

it('DELIVER-2: a redirectable handler knows the params of its kind, and keeps them', async () => {
  const steps = [{ id: 'one', kind: 'email', params: { template: 'x' } }] as const
  const known = campaign({ id: 'known', goals: [], sequences: [{ id: 's', steps }] })
  const engine = createEngine({
    store: closing(createMemoryStore()),
    campaigns: [known],
    schemas: { params: { email: z.object({ template: z.string() }) } },
    deliverTo: ME,
    handlers: {
      email: redirectable(({ deliverTo = '', step }) => {
        const template: string = step.params.template
        return { outcome: 'sent', receipt: `${template} ${deliverTo.length}` }
      }),
    },
  })
  await answerOf(engine.publish(known))
  await engine.startSequence({ contactId: 'ann', campaignId: 'known', sequenceId: 's', actor: null })
  await engine.runDue()
  expect((await engine.inspect.history('ann')).at(-2)?.data).toMatchObject({ receipt: `x ${ME.length}`, deliverTo: ME })
  await engine.close()
})

eachStore((makeStore) => {
  /** Steps of two kinds, and of a third that nobody here does. */
  const definition = {
    id: 'pool',
    goals: [],
    sequences: [
      {
        id: 'nurture',
        steps: [
          { id: 'one', kind: 'email', params: { template: 'one' } },
          { id: 'two', kind: 'webhook' },
          { id: 'three', kind: 'fax' },
        ],
      },
    ],
  }

  async function given(options: Omit<EngineOptions, 'store'>) {
    const store = closing(makeStore())
    const told: EngineEvent[] = []
    const clock = createSimulatedClock(MONDAY)
    const observe = (event: EngineEvent) => void told.push(event)
    const engine = closing(asHostsUseIt(createEngine({ store, clock, observe, log: false, ...options }), store))
    await answerOf(engine.publish(definition))
    await engine.startSequence({ contactId: 'ann', campaignId: 'pool', sequenceId: 'nurture', actor: null })
    await engine.runDue()
    const deliveries = async () => (await eventsOf(engine, 'StepSent')).map(({ data }) => [data.stepId, data.deliverTo])
    return { engine, told, deliveries }
  }

  const both = (email: StepHandler, webhook: StepHandler) => ({ email: redirectable(email), webhook })

  it('DELIVER-1, DELIVER-2: with an address, handlers that are redirectable get it, and no others are called', async () => {
    const email = createRecorder()
    const webhook = createRecorder()
    const { deliveries } = await given({ deliverTo: ME, handlers: both(email.handler, webhook.handler) })
    expect(email.calls.map((call) => call.deliverTo)).toEqual([ME])
    expect(webhook.calls).toEqual([])
    expect(await deliveries()).toEqual([
      ['one', ME],
      ['two', 'nobody'],
    ])
  })

  it('DELIVER-1: with nobody, none is called; the variable of the environment does the same', async () => {
    vi.stubEnv('ENFOLD_DELIVER_TO', 'nobody')
    const { calls, handler } = createRecorder()
    const { engine, deliveries } = await given({ handlers: both(handler, handler) })
    expect(calls).toEqual([])
    expect(await deliveries()).toEqual([
      ['one', 'nobody'],
      ['two', 'nobody'],
    ])
    expect(engine.deliverTo).toBe('nobody')
  })

  it('DELIVER-1: with contacts, and without any, calls and events are as ever', async () => {
    vi.stubEnv('ENFOLD_DELIVER_TO', 'nobody')
    const { calls, handler } = createRecorder()
    const { engine, deliveries } = await given({ deliverTo: 'contacts', handlers: both(handler, handler) })
    expect(calls.map((call) => 'deliverTo' in call)).toEqual([false, false])
    expect(await deliveries()).toEqual([
      ['one', undefined],
      ['two', undefined],
    ])
    expect(await engine.health()).toMatchObject({ deliverTo: null })
  })

  it('DELIVER-3: the log, the questions, the observer and the health say where it went', async () => {
    const { engine, told } = await given({
      deliverTo: ME,
      handlers: both(
        () => ({ outcome: 'failed', reason: 'smtp-550', permanent: true }),
        () => ({ outcome: 'sent' }),
      ),
    })
    const said = (await engine.inspect.history('ann')).map((event) => describeEvent(event))
    expect(said.slice(-3)).toEqual([
      `Failed one of pool/nurture, run 1, to be ${describeDelivery(ME)}: smtp-550; the sequence goes on`,
      'Dispatched two of pool/nurture, run 1',
      'Did not send two of pool/nurture, run 1: delivered to nobody (deliverTo)',
    ])
    const [run] = (await engine.inspect.contact('ann')).enrollments
    expect(run?.steps).toMatchObject([
      { stepId: 'one', status: 'failed', deliverTo: ME },
      { stepId: 'two', status: 'sent', deliverTo: 'nobody' },
      { stepId: 'three', status: 'pending' },
    ])
    const step = { campaignId: 'pool', sequenceId: 'nurture', stepId: 'two' }
    expect((await engine.inspect.explain({ contactId: 'ann', ...step })).step).toMatchObject({
      reason: 'sent',
      detail: 'delivered to nobody (deliverTo)',
    })
    const answered = told.flatMap((event) => (event.type === 'step-answered' ? [[event.kind, event.deliverTo]] : []))
    expect(answered).toEqual([
      ['email', ME],
      ['webhook', 'nobody'],
    ])
    expect(await engine.health()).toMatchObject({ ok: true, deliverTo: ME, waitingKinds: [{ kind: 'fax' }] })
  })

  it('DELIVER-2: a handler stays redirectable as a field of a class, from a function, and with a schema of its params', async () => {
    const to: (string | undefined)[] = []
    const email = redirectable(async ({ deliverTo }: StepCall) => {
      to.push(deliverTo)
      return { outcome: 'sent' as const }
    })
    class Handlers {
      readonly email = email
    }
    for (const handlers of [new Handlers(), (kind: string) => (kind === 'email' ? email : undefined), { email }])
      await given({ deliverTo: ME, handlers, schemas: { params: { email: z.object({ template: z.string() }) } } })
    expect(to).toEqual([ME, ME, ME])
  })

  it('DELIVER-2: a function around a redirectable handler is not redirectable itself', async () => {
    const { calls, handler } = createRecorder()
    const email = redirectable(handler)
    const { deliveries } = await given({ deliverTo: ME, handlers: { email: (call: StepCall) => email(call) } })
    expect(calls).toEqual([])
    expect(await deliveries()).toEqual([['one', 'nobody']])
  })
})
