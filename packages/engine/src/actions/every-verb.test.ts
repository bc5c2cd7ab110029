import { ACTION_VERB_NAMES, type ActionVerb, isLeft, VERBS, type VerbName, verbOfAction } from '@enfold/core'
import { type ActionOrder, createEngine, type Engine } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'
import { answerOf, MONDAY, rejectionOf } from '../engine.fixture.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

const campaign = {
  id: 'pool',
  goals: [{ id: 'asked', when: { kind: 'form' }, next: ['nurture'] }],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'a', kind: 'email' },
        { id: 'b', kind: 'email', timer: { after: 'P2D' } },
        { id: 'c', kind: 'email', timer: { after: 'P2D' } },
      ],
    },
    { id: 'vip', steps: [{ id: 'v', kind: 'email', timer: { after: 'P1D' } }] },
  ],
}

/** Somebody in each state that an order may find, and somebody who was never in anything. */
const CONTACTS = ['in', 'paused', 'left', 'banned', 'erased', 'asked', 'nobody', 'unknown']

async function given() {
  const clock = createSimulatedClock(MONDAY)
  const contacts = { get: (id: string) => (id === 'unknown' ? null : {}) }
  const handlers = { email: () => ({ outcome: 'sent' }) as const }
  const engine = createEngine({ store: createMemoryStore(), clock, contacts, handlers })
  await answerOf(engine.publish(campaign))
  const by = (contactId: string) => ({ contactId, campaignId: 'pool', sequenceId: 'nurture', actor: 'olga' })
  for (const contactId of ['in', 'paused', 'left', 'banned', 'erased'])
    await answerOf(engine.startSequence(by(contactId)))
  await answerOf(engine.signal({ contactId: 'asked', kind: 'form', signalId: 'form-1' }))
  await engine.runDue()
  clock.advance(DAY)
  await answerOf(engine.pauseSequence({ ...by('paused'), commandId: 'one-order' }))
  await answerOf(engine.stopSequence({ ...by('left'), commandId: 'one-order' }))
  await answerOf(engine.suppress({ contactId: 'banned', actor: 'olga', commandId: 'one-order' }))
  await answerOf(engine.erase({ contactId: 'erased', actor: 'olga' }))
  clock.advance(HOUR)
  return { engine, clock }
}

const SEQUENCE = { campaignId: 'pool', sequenceId: 'nurture' }
const ABOUT = {
  contact: {},
  sequence: SEQUENCE,
  step: { ...SEQUENCE, stepId: 'b' },
  signal: { kind: 'form' },
  received: { signalId: 'form-1' },
}
/** What some verbs cannot do without. */
const MORE: { readonly [verb: string]: object } = {
  move: { toStep: 'c' },
  resend: { stepId: 'a' },
  reschedule: { dueAt: '2026-03-20T08:00:00.000Z' },
  shift: { by: 'P1D' },
  'undo-order': { undoes: 'one-order' },
}

const whatOf = (word: ActionVerb) => ({ ...ABOUT[VERBS[verbOfAction(word)].about], ...MORE[word] })
const orderOf = (word: ActionVerb) =>
  ({ action: word, ...whatOf(word), contacts: { ids: CONTACTS }, actionId: 'many', actor: 'olga' }) as ActionOrder

const TROUBLES = new Map([
  ['ContactUnknown', 'contact_unknown'],
  ['ContactSuppressed', 'suppressed'],
])

/** The outcome of the verb for one contact, as an action says it. */
async function outcomeOf(engine: Engine, name: VerbName, what: object, contactId: string) {
  const give = engine[name] as (order: object) => ReturnType<Engine['signal']>
  const signalId = name === 'signal' ? { signalId: 'many' } : {}
  const given = await give({ ...what, ...signalId, contactId, actor: 'olga' })
  if (isLeft(given))
    return [TROUBLES.get(given.left.type) ?? 'failed', TROUBLES.has(given.left.type) ? null : given.left.type]
  const { outcome, goals } = given.right as { outcome?: string; goals: readonly { outcome: string }[] }
  return [outcome ?? (goals.some((goal) => goal.outcome === 'satisfied') ? 'satisfied' : 'no_goal'), null]
}

async function stateOf(engine: Engine) {
  return Promise.all(
    CONTACTS.map(async (contactId) => {
      const { version, enrollments, suppressed, erased } = await engine.inspect.contact(contactId)
      return { contactId, version, enrollments, suppressed, erased }
    }),
  )
}

describe('every verb for many contacts', () => {
  it.each(ACTION_VERB_NAMES)(
    'BULK-1: %s does to each contact what it does to one, and the preview foretells it',
    async (word) => {
      const { engine } = await given()
      const one = await given()
      const name = verbOfAction(word)
      const before = await stateOf(engine)

      const preview = await answerOf(engine.previewAction(orderOf(word)))
      expect(await stateOf(engine)).toEqual(before)
      const done = await answerOf(engine.processAction(orderOf(word), { preview }))

      const expected = []
      for (const contactId of CONTACTS)
        expected.push([contactId, ...(await outcomeOf(one.engine, name, whatOf(word), contactId))])
      const { contacts } = await engine.inspect.actionContacts({ actionId: 'many' })
      expect(contacts.map(({ contactId, outcome, reason }) => [contactId, outcome, reason])).toEqual(expected)
      expect(done).toMatchObject({ action: word, state: 'done', outcomes: preview.outcomes, differences: [] })
      expect(await stateOf(engine)).toEqual(await stateOf(one.engine))
      // Nothing that is worth an action was asked of nobody: some contact of the list is changed by every verb.
      expect(await stateOf(engine)).not.toEqual(before)
      const again = await answerOf(engine.processAction(orderOf(word)))
      expect(again).toEqual(done)
    },
  )

  it('BULK-1: the preview says what becomes of the schedules, added up, and why contacts are refused', async () => {
    const { engine } = await given()
    const { schedule, reasons } = await answerOf(engine.previewAction(orderOf('shift')))
    const at = { stepId: 'b', first: '2026-03-04T09:00:00.000Z', last: '2026-03-04T09:00:00.000Z' }
    const later = { stepId: 'b', first: '2026-03-05T09:00:00.000Z', last: '2026-03-05T09:00:00.000Z' }
    expect(schedule).toMatchObject({ contacts: 3, changes: [{ ...SEQUENCE, before: at, after: later, runs: 3 }] })
    expect(schedule.changes[0]?.example).toMatchObject({ contactId: 'in', change: { run: 1 } })
    expect(reasons).toEqual([
      { reason: 'EnrollmentNotActive', contacts: 4 },
      { reason: 'ContactErased', contacts: 1 },
    ])
  })

  it('BULK-1: a step, a sequence or a campaign that nothing has is refused once, before any contact', async () => {
    const { engine } = await given()
    const refused = async (word: ActionVerb, more: object) =>
      (await rejectionOf(engine.processAction({ ...orderOf(word), ...more } as ActionOrder))).type
    expect(await refused('skip', { stepId: 'z' })).toBe('StepUnknown')
    expect(await refused('skip', { sequenceId: 'z' })).toBe('SequenceUnknown')
    expect(await refused('skip', { campaignId: 'z' })).toBe('CampaignUnknown')
    expect(await refused('move', { toStep: 'v' })).toBe('StepUnknown')
    expect((await engine.inspect.actions()).actions).toEqual([])
  })

  it('BULK-1: what is no order of the verb is refused with its place', async () => {
    const { engine } = await given()
    const refused = (word: ActionVerb, more: object) =>
      expect(engine.processAction({ ...orderOf(word), ...more } as ActionOrder)).rejects
    await refused('shift', { by: undefined }).toMatchObject({ details: { path: 'processAction.by' } })
    await refused('pause', { stepId: 'a' }).toMatchObject({ details: { path: 'processAction.stepId' } })
    await refused('stop-all', { campaignId: 'pool' }).toMatchObject({ details: { path: 'processAction.campaignId' } })
    await refused('move', { toStep: undefined }).toThrow('`toStep` or `toSequence`')
    const keyed = { ids: [{ contactId: 'in', key: 'k' }] }
    await refused('suppress', { contacts: keyed }).toThrow('contacts without keys')
  })

  it.each([
    ['a text', 'total'],
    ['a list', ['total']],
    ['null', null],
  ])('GOAL-1: %s as the data of a signal is refused, for many as for one', async (_, data) => {
    const { engine } = await given()
    const says = (verb: string) => `${verb}.data is ${JSON.stringify(data)}; expected a plain JSON object.`
    const order = { ...orderOf('signal'), data } as never
    await expect(engine.previewAction(order)).rejects.toThrow(says('previewAction'))
    await expect(engine.processAction(order)).rejects.toThrow(says('processAction'))
    await expect(engine.signal({ contactId: 'in', kind: 'form', data } as never)).rejects.toThrow(says('signal'))
  })

  it('BULK-1: the contacts of an action are those of another one: all, or those that came to an outcome', async () => {
    const { engine } = await given()
    await answerOf(engine.processAction(orderOf('pause')))
    const again = (actionId: string, outcomes?: readonly ('failed' | 'paused')[]) => {
      const contacts = outcomes === undefined ? { action: 'many' } : { action: 'many', outcomes }
      return answerOf(engine.processAction({ ...orderOf('resume'), actionId, contacts } as ActionOrder))
    }
    expect(await again('all')).toMatchObject({ contacts: 8, source: { from: 'action', actionId: 'many' } })
    const source = { from: 'action', actionId: 'many', outcomes: ['paused'] }
    expect(await again('some', ['paused'])).toMatchObject({ contacts: 2, source })
    const { contacts } = await engine.inspect.actionContacts({ actionId: 'some' })
    expect(contacts.map(({ contactId }) => contactId)).toEqual(['in', 'asked'])
    expect(await again('both', ['paused', 'failed'])).toMatchObject({ contacts: 7 })
    // The same id with other contacts is another order (BULK-2).
    expect(
      await rejectionOf(
        engine.processAction({ ...orderOf('resume'), actionId: 'some', contacts: { action: 'many' } } as ActionOrder),
      ),
    ).toMatchObject({ type: 'CommandIdReused' })
    const unknown = { ...orderOf('resume'), actionId: 'x', contacts: { action: 'none' } } as ActionOrder
    expect(await rejectionOf(engine.processAction(unknown))).toMatchObject({ type: 'ActionUnknown' })
    expect(await rejectionOf(engine.previewAction(unknown))).toMatchObject({ type: 'ActionUnknown' })
  })
})

describe('UNDO-5: every action undone', () => {
  const undo = (engine: Engine) =>
    answerOf(engine.undoAction({ actionId: 'undo', undoes: 'many', actor: 'olga', reason: 'wrong list' }))
  /** Whether all schedules are as they were before action and undo, and what the undo came to. */
  async function undone(word: ActionVerb) {
    const { engine, clock } = await given()
    const scheduleOf = async () =>
      (await stateOf(engine)).map(({ contactId, enrollments, suppressed }) => ({
        contactId,
        suppressed,
        runs: enrollments.map(({ sequenceId, status, next }) => [sequenceId, status, next?.stepId, next?.dueAt]),
      }))
    const before = await scheduleOf()
    await answerOf(engine.processAction(orderOf(word)))
    clock.advance(HOUR)
    const preview = await answerOf(engine.previewUndo({ undoes: 'many' }))
    const { outcomes } = await undo(engine)
    expect(preview.outcomes).toEqual(outcomes)
    const after = await scheduleOf()
    expect((await engine.verifyIndex()).differences).toEqual([])
    const counted = Object.entries(outcomes).filter(([, count]) => count > 0)
    const { contacts } = await engine.inspect.actionContacts({ actionId: 'undo', outcome: 'failed' })
    return {
      isAsBefore: JSON.stringify(after) === JSON.stringify(before),
      outcomes: Object.fromEntries(counted),
      contacts,
    }
  }

  it.each<[ActionVerb, object]>([
    ['start', { undone: 2, nothing_to_undo: 5, changed_since: 1 }],
    ['stop', { restored: 3, nothing_to_undo: 4, changed_since: 1 }],
    ['stop-all', { restored: 3, nothing_to_undo: 4, changed_since: 1 }],
    ['pause', { undone: 2, nothing_to_undo: 5, changed_since: 1 }],
    ['resume', { undone: 1, nothing_to_undo: 6, changed_since: 1 }],
    ['shift', { undone: 3, nothing_to_undo: 4, changed_since: 1 }],
    ['reschedule', { undone: 3, nothing_to_undo: 4, changed_since: 1 }],
    ['skip', { undone: 3, nothing_to_undo: 4, changed_since: 1 }],
    ['cancel', { undone: 3, nothing_to_undo: 4, changed_since: 1 }],
    ['move', { undone: 3, nothing_to_undo: 4, changed_since: 1 }],
    ['resend', { undone: 4, nothing_to_undo: 3, changed_since: 1 }],
    ['restart', { restored: 3, undone: 2, nothing_to_undo: 2, changed_since: 1 }],
    ['undo-order', { undone: 3, nothing_to_undo: 4, changed_since: 1 }],
    ['send-now', { undone: 2, nothing_to_undo: 5, changed_since: 1 }],
    ['unsuppress', { undone: 1, nothing_to_undo: 6, changed_since: 1 }],
    ['suppress', { restored: 3, undone: 3, nothing_to_undo: 1, changed_since: 1 }],
  ])('UNDO-5: after an undo of %s every contact is as it was', async (word, expected) => {
    const { isAsBefore, outcomes } = await undone(word)
    expect(outcomes).toEqual(expected)
    expect(isAsBefore).toBe(true)
  })

  it.each<[ActionVerb, string]>([
    ['retract', 'NotUndoable'],
    ['erase', 'ContactErased'],
  ])('UNDO-5: %s has no inverse, and its undo says so for each contact', async (word, reason) => {
    const { contacts } = await undone(word)
    expect(contacts.length).toBeGreaterThan(0)
    expect(new Set(contacts.map((one) => one.reason))).toEqual(new Set([reason]))
  })

  it('SIGNAL-3: what a signal for many said is not shown with its action, and a repeat is held to it', async () => {
    const { engine } = await given()
    const order = { ...orderOf('signal'), data: { card: '4111-secret' } } as ActionOrder
    const views = [
      await answerOf(engine.processAction(order)),
      await answerOf(engine.processAction(order)),
      await engine.inspect.action('many'),
      ...(await engine.inspect.actions()).actions,
    ]
    expect(views.map((view) => view?.order)).toEqual(views.map(() => ({ kind: 'form' })))
    const other = { ...order, data: { card: 'another' } } as ActionOrder
    expect(await engine.processAction(other)).toMatchObject({ left: { type: 'CommandIdReused' } })
  })

  it('UNDO-4: a signal for many is retracted: its goals count no more, and what it started never began', async () => {
    const { outcomes } = await undone('signal')
    expect(outcomes).toMatchObject({ undone: expect.any(Number) })
  })

  it('UNDO-5: what was sent or changed since is left alone; an undo of a pause is undone', async () => {
    const { engine, clock } = await given()
    await answerOf(engine.processAction(orderOf('pause')))
    await answerOf(engine.shiftRun({ ...SEQUENCE, contactId: 'in', by: 'P1D', actor: 'olga' }))
    clock.advance(HOUR)
    expect((await undo(engine)).outcomes).toMatchObject({ undone: 1, changed_since: 2 })
    const again = { actionId: 'again', undoes: 'undo', actor: 'olga' }
    expect((await answerOf(engine.undoAction(again))).outcomes).toMatchObject({ undone: 1 })
    expect((await engine.inspect.contact('asked')).enrollments[0]?.status).toBe('paused')
    await answerOf(engine.processAction({ ...orderOf('shift'), by: '-P9D', actionId: 'cut' } as ActionOrder))
    const cut = await answerOf(engine.undoAction({ actionId: 'uncut', undoes: 'cut', actor: 'olga' }))
    expect(cut.outcomes).toMatchObject({ undone: 0, changed_since: 4 })
  })

  it('UNDO-3: those who were rescheduled, shifted and skipped get after stop and undo what they would have got', async () => {
    const got = new Map<string, string[]>()
    const clock = createSimulatedClock(MONDAY)
    const email = ({ contactId, step }: { contactId: string; step: { id: string } }) => {
      const all = got.get(contactId) ?? []
      got.set(contactId, [...all, `${step.id} ${clock.now()}`])
      return { outcome: 'sent' } as const
    }
    const engine = createEngine({ store: createMemoryStore(), clock, handlers: { email } })
    const steps = ['a', 'b', 'c', 'd'].map((id) => ({ id, kind: 'email', timer: { after: 'P1D' } }))
    await answerOf(engine.publish({ id: 'pool', goals: [], sequences: [{ id: 'nurture', steps }] }))
    const by = { ...SEQUENCE, actor: 'olga' }
    const contacts = { ids: ['x', 'y'] }
    const orders = [
      { action: 'start' },
      { action: 'reschedule', stepId: 'b', dueAt: '2026-03-06T07:00:00.000Z' },
      { action: 'skip', stepId: 'c' },
      { action: 'shift', by: 'PT5H' },
    ]
    for (const [i, one] of orders.entries())
      await answerOf(engine.processAction({ ...by, ...one, actionId: `${i}`, contacts } as ActionOrder))
    clock.advance(HOUR)
    await answerOf(engine.processAction({ ...by, action: 'stop', actionId: 'many', contacts: { ids: ['x'] } }))
    clock.advance(HOUR)
    expect((await undo(engine)).outcomes).toMatchObject({ restored: 1 })
    for (let hour = 0; hour < 9 * 24; hour++) {
      clock.advance(HOUR)
      await engine.runDue()
    }
    expect(got.get('x')).toHaveLength(3)
    expect(got.get('x')).toEqual(got.get('y'))
  })
})
