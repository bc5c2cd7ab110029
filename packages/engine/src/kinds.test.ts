import { EnfoldFault, nearest, type StepCall, type StepOutcome } from '@enfold/core'
import { createEngine } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { expect, it } from 'vitest'
import { answerOf, onAnn } from './engine.fixture.ts'
import { type Handlers, handlersOf, kindsOf } from './kinds.ts'

const sent: StepOutcome = { outcome: 'sent' }

class Mailer {
  readonly sentTo: string[] = []
  readonly host = 'localhost'
  email({ contactId }: StepCall): StepOutcome {
    this.sentTo.push(contactId)
    return sent
  }
}
class LoudMailer extends Mailer {
  sms(): StepOutcome {
    return sent
  }
}

it('KIND-2: the methods of a class instance are handlers, inherited ones too, and know their instance', async () => {
  const mailer = new LoudMailer()
  const engine = createEngine({ store: createMemoryStore(), handlers: mailer })
  const steps = [
    { id: 'mail', kind: 'email' },
    { id: 'text', kind: 'sms' },
  ]
  await answerOf(engine.publish({ id: 'pool', goals: [], sequences: [{ id: 'nurture', steps }] }))
  await answerOf(engine.startSequence(onAnn('nurture')))
  expect(await engine.runDue()).toMatchObject({ sent: 2, completed: 1 })
  expect(mailer.sentTo).toEqual(['ann'])
  await engine.close()
})

it('KIND-2: what every object has, and what is no method, is no handler', () => {
  const handlerOf = handlersOf(new LoudMailer())
  for (const kind of ['toString', 'constructor', 'hasOwnProperty', '__proto__', 'host', 'sentTo', 'fax'])
    expect(handlerOf(kind)).toBeUndefined()
  expect(handlersOf({})('toString')).toBeUndefined()
})

it('KIND-2: a function from kind to handler is asked for each kind', async () => {
  const asked: string[] = []
  const handlerOf = (kind: string) => {
    asked.push(kind)
    return kind.startsWith('email') ? () => sent : null
  }
  const engine = createEngine({ store: createMemoryStore(), handlers: handlerOf })
  const steps = [
    { id: 'mail', kind: 'email:welcome' },
    { id: 'text', kind: 'sms' },
  ]
  await answerOf(engine.publish({ id: 'pool', goals: [], sequences: [{ id: 'nurture', steps }] }))
  await answerOf(engine.startSequence(onAnn('nurture')))
  expect(await engine.runDue()).toMatchObject({ sent: 1, completed: 0, wakeAt: null })
  expect(new Set(asked)).toEqual(new Set(['email:welcome', 'sms']))
  await engine.close()
})

it('KIND-2: what holds no handlers is refused, and says which kind', () => {
  const refused = (handlers: unknown) => {
    try {
      handlersOf(handlers as Handlers)
    } catch (error) {
      return error instanceof EnfoldFault ? error.message : error
    }
    return null
  }
  expect(refused({ email: 'smtp://localhost' })).toContain('createEngine.handlers.email')
  for (const handlers of [null, undefined, 'email', 1]) expect(refused(handlers)).toContain('createEngine.handlers')
  const map = new Map([['email', () => sent]])
  expect(refused(map)).toMatch(/^createEngine\.handlers is a Map; expected .*, as Object\.fromEntries makes one\.$/)
  for (const handlers of [[() => sent], new Set(), Promise.resolve({})])
    expect(refused(handlers)).toContain('createEngine.handlers is a')
  expect(() => handlersOf((() => 'mail') as unknown as Handlers)('email')).toThrow('createEngine.handlers.email')
})

it('KIND-1: publish warns of each kind that this engine has no handler for, with the nearest that it has', async () => {
  const definition = {
    id: 'pool',
    goals: [],
    sequences: [
      { id: 'nurture', steps: ['email', 'emial', 'emial', 'fax'].map((kind, i) => ({ id: `step ${i}`, kind })) },
      {
        id: 'later',
        steps: [
          { id: 'one', kind: 'call', draft: true },
          { id: 'two', kind: 'sms' },
        ],
      },
    ],
  }
  const kindWarnings = async (handlers: Handlers) => {
    const engine = createEngine({ store: createMemoryStore(), handlers })
    const first = await answerOf(engine.publish(definition))
    const again = await answerOf(engine.publish(definition))
    const checked = await engine.inspect.checkCampaign(definition)
    await engine.close()
    expect(checked).toEqual({ valid: true, problems: [], warnings: first.warnings })
    expect(again).toMatchObject({ outcome: 'unchanged', warnings: first.warnings })
    return first.warnings.filter(({ path }) => path.endsWith('/kind'))
  }
  expect(await kindWarnings(new LoudMailer())).toEqual([
    {
      path: '/sequences/0/steps/1/kind',
      value: 'emial',
      message: 'has no handler here (did you mean "email"?): its steps wait for a worker that has one',
    },
    {
      path: '/sequences/0/steps/3/kind',
      value: 'fax',
      message: 'has no handler here: its steps wait for a worker that has one',
    },
  ])
  expect((await kindWarnings({ email: () => sent })).map(({ value }) => value)).toEqual(['emial', 'fax', 'sms'])
  // Who only publishes is no worker, and what a function handles cannot be listed.
  expect(await kindWarnings({})).toEqual([])
  expect(await kindWarnings((kind: string) => (kind === 'email' ? () => sent : null))).toEqual([])
})

it('KIND-2: the kinds of a record and of an instance can be listed, those of a function cannot', () => {
  expect(kindsOf({ email: () => sent, sms: () => sent })).toEqual(['email', 'sms'])
  expect(kindsOf(new LoudMailer())?.toSorted()).toEqual(['email', 'sms'])
  expect(kindsOf(() => null)).toBeNull()
})

it.each([
  ['emial', 'email'],
  ['Email', 'email'],
  ['e-mail', 'email'],
  ['emails', 'email'],
  ['sm', 'sms'],
  ['tel', undefined],
  ['fax', undefined],
  ['', undefined],
])('the nearest known kind to %j is %j', (name, expected) => {
  expect(nearest(name, ['email', 'sms', 'task'])).toBe(expected)
})
