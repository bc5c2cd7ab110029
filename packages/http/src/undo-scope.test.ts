/** Rule UNDO-6: what undoing an order needs, for each verb, by what its order recorded. */
import { type CampaignDefinition, type CommandId, isLeft, VERB_NAMES, type VerbName } from '@enfold/core'
import type { Engine } from '@enfold/engine'
import { describe, expect, it } from 'vitest'
import { type GivenApi, givenApi } from './api.fixture.ts'
import type { Principal, Verb } from './permissions.ts'
import { undoScope } from './undo-scope.ts'

const course: CampaignDefinition = {
  id: 'course',
  goals: [],
  sequences: [
    {
      id: 'lessons',
      steps: [
        { id: 'one', kind: 'email' },
        { id: 'two', kind: 'email', timer: { after: 'P1D' } },
        { id: 'three', kind: 'email', timer: { after: 'P1D' } },
      ],
    },
    { id: 'vip', steps: [{ id: 'hello', kind: 'email', timer: { after: 'P1D' } }] },
  ],
}

const ALL: Principal = { id: 'wanda', may: 'write' }
const contact = { contactId: 'ann', actor: 'wanda' }
const run = { ...contact, campaignId: 'course', sequenceId: 'lessons' }
const later = { dueAt: '2026-04-01T09:00:00.000Z' }

interface Case {
  readonly verb: VerbName
  readonly how?: string
  /** What has happened before: nothing, or a run has begun and its first step was sent, and then this. */
  readonly given?: 'nothing' | ((engine: Engine) => Promise<unknown>)
  order(engine: Engine, order: { readonly commandId: CommandId }): Promise<unknown>
  /** Besides `start` and `stop`, which any undo needs. */
  readonly needs: readonly Verb[]
  readonly campaigns?: 'all'
  /** Whether the undo can be undone, too. Default true. */
  readonly isUndoneAgain?: false
}

const CASES: readonly Case[] = [
  { verb: 'startSequence', given: 'nothing', order: (e, o) => e.startSequence({ ...run, ...o }), needs: [] },
  { verb: 'stopSequence', order: (e, o) => e.stopSequence({ ...run, ...o }), needs: [] },
  { verb: 'restartSequence', order: (e, o) => e.restartSequence({ ...run, ...o }), needs: [] },
  { verb: 'stopAll', order: (e, o) => e.stopAll({ ...contact, ...o }), needs: [] },
  { verb: 'pauseSequence', order: (e, o) => e.pauseSequence({ ...run, ...o }), needs: ['pause'] },
  {
    verb: 'resumeSequence',
    given: (e) => e.pauseSequence(run),
    order: (e, o) => e.resumeSequence({ ...run, ...o }),
    needs: ['pause'],
  },
  { verb: 'shiftRun', order: (e, o) => e.shiftRun({ ...run, by: 'P1D', ...o }), needs: ['reschedule'] },
  {
    verb: 'rescheduleStep',
    order: (e, o) => e.rescheduleStep({ ...run, stepId: 'two', ...later, ...o }),
    needs: ['reschedule'],
  },
  { verb: 'sendNow', order: (e, o) => e.sendNow({ ...run, ...o }), needs: ['reschedule'] },
  {
    verb: 'moveRun',
    order: (e, o) => e.moveRun({ ...run, toStep: 'three', ...o }),
    needs: ['reschedule'],
    isUndoneAgain: false,
  },
  {
    verb: 'moveRun',
    how: ' to another sequence',
    order: (e, o) => e.moveRun({ ...run, toSequence: 'vip', ...o }),
    // One run is stopped and another one starts: no due instant is changed.
    needs: [],
  },
  {
    verb: 'cancelStep',
    order: (e, o) => e.cancelStep({ ...run, stepId: 'two', ...o }),
    needs: ['cancel'],
    isUndoneAgain: false,
  },
  {
    verb: 'skipStep',
    order: (e, o) => e.skipStep({ ...run, stepId: 'two', ...o }),
    needs: ['cancel'],
    isUndoneAgain: false,
  },
  {
    verb: 'resendStep',
    order: (e, o) => e.resendStep({ ...run, stepId: 'one', ...o }),
    needs: ['resend'],
    isUndoneAgain: false,
  },
  { verb: 'suppress', order: (e, o) => e.suppress({ ...contact, ...o }), needs: ['suppress'], campaigns: 'all' },
  {
    verb: 'unsuppress',
    given: (e) => e.suppress(contact),
    order: (e, o) => e.unsuppress({ ...contact, ...o }),
    needs: ['suppress'],
    campaigns: 'all',
  },
  {
    verb: 'undoOrder',
    how: ' of a shift',
    given: (e) => e.shiftRun({ ...run, by: 'P1D', commandId: 'before' }),
    order: (e, o) => e.undoOrder({ ...contact, undoes: 'before', ...o }),
    needs: ['reschedule'],
  },
]

async function givenRun({ given }: Case): Promise<GivenApi> {
  const api = await givenApi()
  const { engine, clock } = api
  await engine.publish(course)
  if (given === 'nothing') return api
  await engine.startSequence(run)
  await engine.runDue()
  clock.advance('PT1H')
  await given?.(engine)
  return api
}

describe('UNDO-6: what undoing an order needs', () => {
  it('the table has every verb but those whose orders have no inverse', () => {
    const without: readonly VerbName[] = ['erase', 'signal', 'retractSignal']
    expect(new Set(CASES.map(({ verb }) => verb))).toEqual(
      new Set(VERB_NAMES.filter((name) => !without.includes(name))),
    )
  })

  it.each(CASES.map((one) => [`${one.verb}${one.how ?? ''}`, one] as const))('%s', async (_, one) => {
    const { engine } = await givenRun(one)
    expect(await one.order(engine, { commandId: 'order' })).toMatchObject({ _tag: 'Right' })
    const scopeOf = async (undoes: CommandId) => undoScope(ALL, await engine.inspect.history('ann'), undoes)
    const scope = await scopeOf('order')
    expect(new Set(scope?.verbs)).toEqual(new Set(['start', 'stop', ...one.needs]))
    expect(scope?.campaigns).toEqual(one.campaigns ?? ['course'])

    const undo = (undoes: CommandId, commandId: CommandId) => engine.undoOrder({ ...contact, undoes, commandId })
    expect(await undo('order', 'undo')).toMatchObject({ _tag: 'Right' })
    // The undo did nothing that needs more, and its own undo needs the same again.
    const again = await scopeOf('undo')
    expect(scope?.verbs).toEqual(expect.arrayContaining([...(again?.verbs ?? [])]))
    const refused = await undo('undo', 'redo')
    expect(isLeft(refused) ? refused.left.type : null).toBe(one.isUndoneAgain === false ? 'NotUndoable' : null)
    if (one.isUndoneAgain !== false) expect(new Set(again?.verbs)).toEqual(new Set(scope?.verbs))
  })
})
