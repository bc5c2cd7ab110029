import { join } from 'node:path'
import { inspect } from 'node:util'
import {
  type ContactDirectory,
  contactStream,
  derivedCommandId,
  type Either,
  type Facts,
  type Rejection,
  right,
  type Store,
} from '@enfold/core'
import { createEngine, type Engine, type EngineOptions } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSqliteStore } from '@enfold/store-sqlite'
import { createSimulatedClock, type SimulatedClock } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'
import { answerOf, eventsOf, MONDAY, onAnn, pool, rejectionOf, temporaryDirectory, typesOf } from './engine.fixture.ts'
import { asHostsUseIt, closingAfterEach, eachStore } from './store.fixture.ts'

const directory = temporaryDirectory()
let files = 0
const sqliteFile = () => join(directory, `${++files}.db`)
const sqlite = (path: string) => createSqliteStore({ path, synchronous: 'NORMAL' })

const closing = closingAfterEach()

function engineOver(store: Store, more: Partial<EngineOptions> = {}): Engine {
  const engine = createEngine({ store, handlers: { email: () => ({ outcome: 'sent' }) }, ...more })
  return closing(asHostsUseIt(engine, store))
}

interface Given {
  readonly engine: Engine
  readonly store: Store
  readonly clock: SimulatedClock
}

async function given(makeStore: () => Store, more: Partial<EngineOptions> = {}): Promise<Given> {
  const store = closing(makeStore())
  const clock = createSimulatedClock(MONDAY)
  const engine = engineOver(store, { clock, ...more })
  await answerOf(engine.publish(pool))
  return { engine, store, clock }
}

const ann = { contactId: 'ann', actor: 'olga' }
const step = (stepId: string) => ({ ...onAnn('nurture'), stepId })
const purchase = { contactId: 'ann', kind: 'purchased', signalId: 'sale-1' }

type Verb =
  | 'startSequence'
  | 'stopSequence'
  | 'restartSequence'
  | 'pauseSequence'
  | 'resumeSequence'
  | 'stopAll'
  | 'suppress'
  | 'unsuppress'
  | 'signal'
  | 'resendStep'
  | 'cancelStep'
  | 'erase'

type Order = { readonly [key: string]: unknown }

function call(engine: Engine, verb: Verb, order: unknown): Promise<Either<Rejection, Order>> {
  return engine[verb](order as never) as unknown as Promise<Either<Rejection, Order>>
}

/** What a verb does to Ann: what comes before, the order, its answer, how many events, and the answer of a second one. */
interface Row {
  readonly verb: Verb
  readonly before: readonly (readonly [Verb | 'runDue', Order?])[]
  readonly order: Order
  readonly answer: Order
  readonly events: number
  readonly again?: Order
}

const nurture = onAnn('nurture')
const started = ['startSequence', nurture] as const
const sentOne = [started, ['runDue']] as const

const rows: readonly Row[] = [
  {
    verb: 'startSequence',
    before: [],
    order: nurture,
    answer: { outcome: 'started', run: 1 },
    events: 1,
    again: { outcome: 'already_active', run: 1 },
  },
  {
    verb: 'stopSequence',
    before: [started],
    order: nurture,
    answer: { outcome: 'stopped', run: 1 },
    events: 1,
    again: { outcome: 'not_active', run: 1 },
  },
  {
    verb: 'restartSequence',
    before: [started],
    order: nurture,
    answer: { outcome: 'restarted', run: 2 },
    events: 2,
    again: { outcome: 'restarted', run: 3 },
  },
  {
    verb: 'pauseSequence',
    before: [started],
    order: nurture,
    answer: { outcome: 'paused', run: 1 },
    events: 1,
    again: { outcome: 'already_paused', run: 1 },
  },
  {
    verb: 'resumeSequence',
    before: [started, ['pauseSequence', nurture]],
    order: { ...nurture, shift: true },
    answer: { outcome: 'resumed', run: 1 },
    events: 1,
    again: { outcome: 'not_paused', run: 1 },
  },
  {
    verb: 'stopAll',
    before: [started, ['startSequence', onAnn('vip')]],
    order: ann,
    answer: {
      outcome: 'stopped',
      stopped: [
        { campaignId: 'pool', sequenceId: 'nurture', run: 1 },
        { campaignId: 'pool', sequenceId: 'vip', run: 1 },
      ],
    },
    events: 2,
    again: { outcome: 'not_active', stopped: [] },
  },
  {
    verb: 'suppress',
    before: [started],
    order: { ...ann, until: '2026-04-01T00:00:00.000Z' },
    answer: { outcome: 'suppressed', stopped: [{ campaignId: 'pool', sequenceId: 'nurture', run: 1 }] },
    events: 2,
    again: { outcome: 'already_suppressed', stopped: [] },
  },
  {
    verb: 'unsuppress',
    before: [['suppress', ann]],
    order: ann,
    answer: { outcome: 'unsuppressed' },
    events: 1,
    again: { outcome: 'not_suppressed' },
  },
  {
    verb: 'signal',
    before: [started],
    order: purchase,
    answer: {
      goals: [
        {
          campaignId: 'pool',
          goalId: 'bought',
          outcome: 'satisfied',
          stopped: [{ sequenceId: 'nurture', run: 1 }],
          started: [{ sequenceId: 'onboarding', run: 1, outcome: 'started' }],
        },
      ],
    },
    events: 3,
  },
  {
    verb: 'resendStep',
    before: sentOne,
    order: step('one'),
    answer: { outcome: 'resent', run: 1, resend: 1 },
    events: 1,
    again: { outcome: 'resent', run: 1, resend: 2 },
  },
  {
    verb: 'cancelStep',
    before: sentOne,
    order: step('two'),
    answer: { outcome: 'cancelled', run: 1 },
    events: 1,
    again: { outcome: 'already_cancelled', run: 1 },
  },
  {
    verb: 'erase',
    before: [started],
    order: ann,
    answer: { outcome: 'erased', holds: expect.objectContaining({ actors: 1, reasons: 0 }) },
    events: 1,
  },
]

/** The order under an id of its own; a signal's id is its signal id. */
function named({ verb, order }: Row, id: string): Order {
  return verb === 'signal' ? { ...order, signalId: id } : { ...order, commandId: id }
}

async function prepare(engine: Engine, { before }: Row): Promise<void> {
  for (const [verb, order] of before) {
    if (verb === 'runDue') await engine.runDue()
    else await answerOf(call(engine, verb, order))
  }
}

async function endOfLog(store: Store): Promise<{ readonly count: number; readonly position: number }> {
  let count = 0
  let position = 0
  for await (const event of store.readAll()) {
    count += 1
    position = event.position
  }
  return { count, position }
}

eachStore((makeStore) => {
  describe.each(rows.map((row) => [row.verb, row] as const))('%s', (verb, row) => {
    it('each verb answers as the contract says, with the version and the position of its last event', async () => {
      const { engine, store } = await given(makeStore)
      await prepare(engine, row)
      const before = await endOfLog(store)
      const { version, position, ...answer } = await answerOf(call(engine, verb, row.order))
      expect(answer).toEqual(row.answer)
      const after = await endOfLog(store)
      expect(after.count - before.count).toBe(row.events)
      expect(position).toBe(after.position)
      expect(version).toBe((await engine.inspect.history('ann')).at(-1)?.version)
    })

    if (row.again !== undefined)
      it('a command with another command id is decided again on the state that it finds', async () => {
        const { engine } = await given(makeStore)
        await prepare(engine, row)
        await answerOf(call(engine, verb, row.order))
        expect(await answerOf(call(engine, verb, row.order))).toMatchObject(row.again as Order)
      })

    it('ONCE-1: the same id again has no effect and the same answer, whatever happened in between', async () => {
      const { engine, store } = await given(makeStore)
      await prepare(engine, row)
      const order = named(row, 'k')
      const first = await answerOf(call(engine, verb, order))
      // Erased contacts refuse all of these; the others go through several more states.
      await engine.unsuppress(ann)
      await engine.restartSequence(nurture)
      await engine.runDue()
      await engine.signal({ contactId: 'ann', kind: 'tag-applied', data: { tag: 'stop-mail' } })
      await engine.suppress(ann)
      const before = await endOfLog(store)
      expect(await answerOf(call(engine, verb, order))).toEqual(first)
      expect(await endOfLog(store)).toEqual(before)
    })

    it('ONCE-1: an id that was used for something else is refused, and nothing happens', async () => {
      const { engine, store } = await given(makeStore)
      await prepare(engine, row)
      await answerOf(call(engine, verb, named(row, 'k')))
      const before = await endOfLog(store)
      const signalId = 'k'
      const other = {
        signal: () => engine.signal({ ...ann, kind: 'asked-again', signalId }),
        erase: () => engine.stopSequence({ ...nurture, commandId: 'k' }),
      }
      const ordered = other[verb as keyof typeof other] ?? (() => engine.erase({ ...ann, commandId: 'k' }))
      const commandId = verb === 'signal' ? derivedCommandId('signal', signalId) : 'k'
      expect(await rejectionOf(ordered() as ReturnType<Engine['signal']>)).toMatchObject({
        type: 'CommandIdReused',
        commandId,
      })
      expect(await endOfLog(store)).toEqual(before)
    })
  })

  it('ONCE-1: an id used for another sequence or step is refused', async () => {
    const { engine } = await given(makeStore)
    await engine.startSequence({ ...nurture, commandId: 'k' })
    expect(await rejectionOf(engine.startSequence({ ...onAnn('vip'), commandId: 'k' }))).toEqual({
      type: 'CommandIdReused',
      commandId: 'k',
      usedFor: 'SequenceStarted',
    })
    await engine.cancelStep({ ...step('two'), commandId: 'c' })
    expect((await rejectionOf(engine.cancelStep({ ...step('three'), commandId: 'c' }))).type).toBe('CommandIdReused')
  })

  it('ONCE-1: one command id on many contacts is one command for each', async () => {
    const { engine } = await given(makeStore)
    for (const contactId of ['ann', 'bob'])
      expect(await answerOf(engine.startSequence({ ...nurture, contactId, commandId: 'k' }))).toMatchObject({
        outcome: 'started',
      })
  })

  it('ONCE-1: a command that changed nothing left no trace and is decided again', async () => {
    const { engine } = await given(makeStore)
    const stop = { ...nurture, commandId: 'k' }
    expect(await answerOf(engine.stopSequence(stop))).toMatchObject({ outcome: 'not_active', run: 0, version: 0 })
    await engine.startSequence(nurture)
    expect(await answerOf(engine.stopSequence(stop))).toMatchObject({ outcome: 'stopped', run: 1, version: 2 })
  })

  it('GOAL-1: a signal that matches no goal returns an empty list', async () => {
    const { engine } = await given(makeStore)
    const answer = await answerOf(engine.signal({ contactId: 'ann', kind: 'form-submitted', data: { form: 'other' } }))
    expect(answer).toEqual({ goals: [], version: 0, position: 0 })
    expect(await typesOf(engine)).toEqual([])
  })

  it('GOAL-2: a goal for members returns not_member for others', async () => {
    const { engine } = await given(makeStore)
    const { goals } = await answerOf(engine.signal(purchase))
    expect(goals).toEqual([{ campaignId: 'pool', goalId: 'bought', outcome: 'not_member', stopped: [], started: [] }])
  })

  it('STOP-4: a signal of a suppressed contact answers suppressed', async () => {
    const { engine } = await given(makeStore)
    await engine.suppress(ann)
    const { goals } = await answerOf(engine.signal(purchase))
    expect(goals).toMatchObject([{ goalId: 'bought', outcome: 'suppressed' }])
  })

  it('START-3: a restart of what does not run answers started', async () => {
    const { engine } = await given(makeStore)
    expect(await answerOf(engine.restartSequence(nurture))).toMatchObject({ outcome: 'started', run: 1 })
  })

  it('START-6, CANCEL-2, RESEND-2, PAUSE-3: what forbids is named, with its values', async () => {
    const { engine } = await given(makeStore)
    const unknown = { ...nurture, campaignId: 'nowhere' }
    expect(await rejectionOf(engine.startSequence(unknown))).toEqual({
      type: 'CampaignUnknown',
      campaignId: 'nowhere',
      known: ['pool'],
    })
    expect(await rejectionOf(engine.startSequence(onAnn('nothing')))).toEqual({
      type: 'SequenceUnknown',
      campaignId: 'pool',
      sequenceId: 'nothing',
      known: ['nurture', 'onboarding', 'vip'],
    })
    expect(await rejectionOf(engine.pauseSequence(nurture))).toMatchObject({ type: 'EnrollmentNotActive', run: 0 })
    await engine.startSequence(nurture)
    const ref = { campaignId: 'pool', sequenceId: 'nurture', run: 1 }
    expect(await rejectionOf(engine.resendStep(step('one')))).toEqual({ type: 'StepNotReached', ...ref, stepId: 'one' })
    await engine.runDue()
    expect(await rejectionOf(engine.cancelStep(step('one')))).toEqual({
      type: 'StepAlreadySent',
      ...ref,
      stepId: 'one',
    })
    expect(await rejectionOf(engine.cancelStep(step('zero')))).toMatchObject({ type: 'StepUnknown', stepId: 'zero' })
    expect(await rejectionOf(engine.resendStep({ ...step('one'), run: 7 }))).toMatchObject({
      type: 'RunUnknown',
      run: 7,
      newest: 1,
    })
    await engine.suppress({ ...ann, until: '2026-04-01T00:00:00.000Z' })
    expect(await rejectionOf(engine.startSequence(nurture))).toEqual({
      type: 'ContactSuppressed',
      contactId: 'ann',
      until: '2026-04-01T00:00:00.000Z',
    })
    await engine.erase(ann)
    for (const { verb, order } of rows)
      expect(await rejectionOf(call(engine, verb, order))).toEqual({ type: 'ContactErased', contactId: 'ann' })
  })

  it('LOG-3: the event says who ordered it and why', async () => {
    const { engine } = await given(makeStore)
    await engine.startSequence({ ...nurture, reason: 'asked on the phone', commandId: 'k' })
    expect(await eventsOf(engine, 'SequenceStarted')).toMatchObject([
      {
        actor: 'olga',
        commandId: 'k',
        correlationId: 'k',
        causationId: 'k',
        at: MONDAY,
        cause: { by: 'operator', reason: 'asked on the phone' },
      },
    ])
  })

  it('GOAL-11: the note of a step satisfies no goal, a note of staff does', async () => {
    const { engine } = await given(makeStore)
    await engine.publish({
      id: 'notes',
      goals: [{ id: 'noted', when: { kind: 'note-added' }, next: ['s'] }],
      sequences: [{ id: 's', steps: [{ id: 'x', kind: 'email' }] }],
    })
    const note = { contactId: 'ann', kind: 'note-added' }
    expect((await answerOf(engine.signal({ ...note, fromStep: true }))).goals).toEqual([])
    expect((await answerOf(engine.signal(note))).goals).toHaveLength(1)
  })

  it('LOG-3: a signal keeps when it occurred apart from when it was recorded', async () => {
    const { engine } = await given(makeStore)
    await engine.startSequence(nurture)
    await engine.signal({ ...purchase, occurredAt: '2026-03-01T00:00:00.000Z', actor: 'shop' })
    expect(await eventsOf(engine, 'GoalSatisfied')).toMatchObject([
      { at: MONDAY, actor: 'shop', data: { occurredAt: '2026-03-01T00:00:00.000Z', signalId: 'sale-1' } },
    ])
  })

  // --- Several writers ----------------------------------------------------------------------------------------------

  it('ONCE-2: two engines on one store see what the other did', async () => {
    const { engine, store, clock } = await given(makeStore)
    const other = engineOver(store, { clock })
    await engine.startSequence(nurture)
    expect(await answerOf(other.startSequence(nurture))).toMatchObject({ outcome: 'already_active', run: 1 })
    expect(await answerOf(other.stopSequence(nurture))).toMatchObject({ outcome: 'stopped', version: 2 })
    expect(await answerOf(engine.stopSequence(nurture))).toMatchObject({ outcome: 'not_active', version: 2 })
  })

  it('ONCE-2: fifty commands at once on one contact lose nothing, and each has an answer of its own', async () => {
    const { engine, store, clock } = await given(makeStore)
    const other = engineOver(store, { clock })
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => answerOf((i % 2 === 0 ? engine : other).restartSequence(nurture))),
    )
    expect(answers.map(({ run }) => run).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
    expect(await eventsOf(engine, 'SequenceStarted')).toHaveLength(50)
    expect(await eventsOf(engine, 'SequenceStopped')).toHaveLength(49)
    const history = await engine.inspect.history('ann')
    expect(history.map(({ version }) => version)).toEqual(history.map((_, i) => i + 1))
  })

  it('ONCE-2: a command and a publication to which others come first thirty times are done all the same', async () => {
    const store = makeStore()
    let others = 30
    const interrupted: Store = {
      ...store,
      append: async (stream, events, expected, ...rest) =>
        others-- > 0 ? { outcome: 'conflict', actual: 0 } : store.append(stream, events, expected, ...rest),
      appendMany: async (appends) =>
        others-- > 0 ? appends.map(() => ({ outcome: 'conflict', actual: 0 })) : store.appendMany(appends),
    }
    // It gives way without a wait.
    const engine = engineOver(interrupted, { random: () => 0 })
    expect(await answerOf(engine.publish(pool))).toMatchObject({ outcome: 'published', version: 1 })
    others = 30
    expect(await answerOf(engine.startSequence(nurture))).toMatchObject({ outcome: 'started', run: 1 })
    expect(await eventsOf(engine, 'SequenceStarted')).toHaveLength(1)
  })

  it('ONCE-2: fifty starts at once are one start', async () => {
    const { engine } = await given(makeStore)
    const answers = await Promise.all(Array.from({ length: 50 }, () => answerOf(engine.startSequence(nurture))))
    expect(answers.filter(({ outcome }) => outcome === 'started')).toHaveLength(1)
    expect(await typesOf(engine)).toEqual(['SequenceStarted'])
  })

  it('ONCE-2: the loser of a race decides again on what the winner left', async () => {
    const { engine, store, clock } = await given(makeStore)
    let conflicts = 0
    const interrupted = withInterruption(store, async () => {
      await answerOf(engine.startSequence(nurture))
    })
    const slow = engineOver(interrupted, {
      clock,
      observe: ({ type }) => {
        if (type === 'conflict') conflicts += 1
      },
    })
    expect(await answerOf(slow.startSequence(nurture))).toMatchObject({ outcome: 'already_active', run: 1 })
    expect(conflicts).toBe(1)
    expect(await typesOf(engine)).toEqual(['SequenceStarted'])
  })

  it('ONCE-1: one command in two processes at once has one answer, also if they saw different states', async () => {
    const { engine, store, clock } = await given(makeStore)
    const restart = { ...nurture, commandId: 'k' }
    const answers: unknown[] = []
    // The slow process saw nobody in the sequence; before it writes, the contact is started, and restarted by the other.
    const interrupted = withInterruption(store, async () => {
      await answerOf(engine.startSequence(nurture))
      answers.push(await answerOf(engine.restartSequence(restart)))
    })
    answers.push(await answerOf(engineOver(interrupted, { clock }).restartSequence(restart)))
    expect(answers[1]).toEqual(answers[0])
    expect(answers[0]).toMatchObject({ outcome: 'restarted', run: 2 })
    expect(await typesOf(engine)).toEqual(['SequenceStarted', 'SequenceStopped', 'SequenceStarted'])
  })

  it('ONCE-1: one command in two processes at once, the slower of which saw more to do', async () => {
    const { engine, store, clock } = await given(makeStore)
    await engine.startSequence(nurture)
    await engine.startSequence(onAnn('vip'))
    const answers: unknown[] = []
    const interrupted = withInterruption(store, async () => {
      await answerOf(engine.stopSequence(nurture))
      answers.push(await answerOf(engine.stopAll({ ...ann, commandId: 'k' })))
    })
    answers.push(await answerOf(engineOver(interrupted, { clock }).stopAll({ ...ann, commandId: 'k' })))
    expect(answers[1]).toEqual(answers[0])
    expect(answers[0]).toMatchObject({ stopped: [{ sequenceId: 'vip' }] })
  })

  it('ONCE-3: an append whose answer was lost is found, not repeated', async () => {
    const { engine, store, clock } = await given(makeStore)
    let losses = 0
    const lossy: Store = {
      ...store,
      async appendMany(appends) {
        const results = await store.appendMany(appends)
        if (losses++ === 0) throw new Error('connection reset')
        return results
      },
    }
    const answer = await answerOf(engineOver(lossy, { clock }).startSequence(nurture))
    expect(answer).toMatchObject({ outcome: 'started', run: 1, version: 1 })
    expect(losses).toBe(2)
    expect(await typesOf(engine)).toEqual(['SequenceStarted'])
  })

  // --- Publishing ---------------------------------------------------------------------------------------------------

  it('VERSION-1: publishing answers the version, and the same definition again is unchanged', async () => {
    const { engine, store } = await given(makeStore)
    const again = await answerOf(engine.publish({ ...pool, sequences: [...pool.sequences] }))
    expect(again).toMatchObject({ outcome: 'unchanged', version: 1, position: 1 })
    const renamed = await answerOf(engine.publish({ ...pool, name: 'Pools' }))
    expect(renamed).toMatchObject({ outcome: 'published', version: 2, position: 2 })
    expect(await endOfLog(store)).toEqual({ count: 2, position: 2 })
  })

  it('VERSION-2: an invalid definition is refused whole, with every problem and its path', async () => {
    const { engine, store } = await given(makeStore)
    const broken = {
      id: 'x',
      goals: [{ id: 'g', when: { kind: 'k' }, next: ['nowhere'] }],
      sequences: [{ id: 's', steps: [] }],
    }
    const rejection = await rejectionOf(engine.publish(broken))
    expect(rejection).toMatchObject({ type: 'CampaignInvalid' })
    const paths = rejection.type === 'CampaignInvalid' ? rejection.problems.map(({ path }) => path) : []
    expect(paths.sort()).toEqual(['/goals/0/next/0', '/sequences/0/steps'])
    expect(await endOfLog(store)).toEqual({ count: 1, position: 1 })
  })

  it.each([null, undefined, 'pool', 7, [], () => {}])('VERSION-2: %s is no definition', async (nonsense) => {
    const { engine } = await given(makeStore)
    expect(await rejectionOf(engine.publish(nonsense))).toMatchObject({ type: 'CampaignInvalid' })
  })

  it('VERSION-2: what is legal but suspicious is answered as warnings, also to a repeat', async () => {
    const { engine } = await given(makeStore)
    const lonely = { id: 'x', goals: [], sequences: [{ id: 's', steps: [{ id: 'a', kind: 'email' }] }] }
    const order = { actor: 'olga', commandId: 'k' }
    const first = await answerOf(engine.publish(lonely, order))
    expect(first.warnings.length).toBeGreaterThan(0)
    expect(await answerOf(engine.publish(lonely, order))).toEqual(first)
  })

  it('VERSION-1: what the host does with its object afterwards changes nothing', async () => {
    const { engine } = await given(makeStore)
    const mine = { id: 'mine', goals: [], sequences: [{ id: 's', steps: [{ id: 'a', kind: 'email' }] }] }
    const publishing = engine.publish(mine)
    mine.id = 'changed'
    await answerOf(publishing)
    expect(await answerOf(engine.startSequence({ ...ann, campaignId: 'mine', sequenceId: 's' }))).toMatchObject({
      outcome: 'started',
    })
  })

  it('ONCE-1: publishing and unpublishing twice with one id is once, whatever happened in between', async () => {
    const { engine, store } = await given(makeStore)
    const order = { actor: 'olga', commandId: 'p' }
    const renamed = { ...pool, name: 'Pools' }
    const first = await answerOf(engine.publish(renamed, order))
    const unpublished = await answerOf(engine.unpublish('pool', { actor: 'olga', commandId: 'u' }))
    expect(unpublished).toMatchObject({ outcome: 'unpublished', version: 2, stopped: 0 })
    await engine.publish({ ...pool, name: 'Ponds' })
    const before = await endOfLog(store)
    expect(await answerOf(engine.publish(renamed, order))).toEqual(first)
    expect(await answerOf(engine.unpublish('pool', { actor: 'olga', commandId: 'u' }))).toEqual(unpublished)
    expect(await endOfLog(store)).toEqual(before)
    await answerOf(engine.startSequence(nurture))
  })

  it('ONCE-1: a command id of a campaign that was used for something else is refused', async () => {
    const { engine, store } = await given(makeStore)
    const order = { actor: 'olga', commandId: 'k' }
    await engine.publish({ ...pool, name: 'Pools' }, order)
    const before = await endOfLog(store)
    expect(await rejectionOf(engine.unpublish('pool', order))).toEqual({
      type: 'CommandIdReused',
      commandId: 'k',
      usedFor: 'CampaignPublished',
    })
    expect(await rejectionOf(engine.publish({ ...pool, name: 'Ponds' }, order))).toMatchObject({
      type: 'CommandIdReused',
    })
    expect(await endOfLog(store)).toEqual(before)
  })

  it('VERSION-3: unpublishing refuses new starts and goals; runs in progress go on', async () => {
    const { engine, clock } = await given(makeStore)
    await engine.startSequence(nurture)
    await engine.runDue()
    await engine.unpublish('pool', { actor: 'olga' })
    expect(await rejectionOf(engine.startSequence(onAnn('vip')))).toEqual({
      type: 'CampaignNotPublished',
      campaignId: 'pool',
    })
    expect((await answerOf(engine.signal(purchase))).goals).toEqual([])
    clock.advance('P1D')
    expect(await engine.runDue()).toMatchObject({ sent: 1 })
    expect(await answerOf(engine.unpublish('pool', { actor: 'olga' }))).toMatchObject({ outcome: 'not_published' })
    expect(await rejectionOf(engine.unpublish('nowhere', { actor: 'olga' }))).toMatchObject({ type: 'CampaignUnknown' })
  })

  it('VERSION-3: with stopRuns every run of the campaign is stopped, waiting ones too, and no other', async () => {
    const { engine, clock } = await given(makeStore, { gateMs: 20 })
    await engine.publish({ ...pool, id: 'garden' })
    await engine.startSequence({ ...nurture, contactId: 'waiting' })
    for (const day of ['P1D', 'P1D', 'P1D']) {
      await engine.runDue()
      clock.advance(day)
    }
    for (let i = 0; i < 5; i++) await engine.startSequence({ ...nurture, contactId: `contact ${i}` })
    await engine.startSequence({ ...nurture, contactId: 'contact 0', campaignId: 'garden' })
    await engine.startSequence({ ...onAnn('vip'), contactId: 'contact 0' })
    expect((await engine.inspect.contact('waiting')).enrollments).toMatchObject([{ status: 'waiting' }])

    const order = { actor: 'olga', reason: 'season over', stopRuns: true }
    expect(await answerOf(engine.unpublish('pool', order))).toMatchObject({ outcome: 'unpublished', stopped: 7 })
    for (const sequenceId of ['nurture', 'vip'])
      expect(
        (await engine.inspect.contactsInSequence({ campaignId: 'pool', sequenceId, status: 'either' })).total,
      ).toBe(0)
    expect(await eventsOf(engine, 'SequenceStopped', 'contact 1')).toMatchObject([
      { actor: 'olga', cause: { by: 'operator', reason: 'season over' } },
    ])
    const inGarden = await engine.inspect.contactsInSequence({ campaignId: 'garden', sequenceId: 'nurture' })
    expect(inGarden.contacts).toEqual(['contact 0'])
  })

  it('START-6: what another process published just now is found before a start is refused', async () => {
    const { engine, store, clock } = await given(makeStore)
    const other = engineOver(store, { clock, campaignRefreshMs: 86_400_000 })
    await rejectionOf(other.startSequence({ ...nurture, campaignId: 'garden' }))
    await engine.publish({ ...pool, id: 'garden' })
    expect(await answerOf(other.startSequence({ ...nurture, campaignId: 'garden' }))).toMatchObject({ run: 1 })
  })

  it('GOAL-1: a signal meets the goals that another process published a moment ago', async () => {
    const { engine, store, clock } = await given(makeStore)
    const other = engineOver(store, { clock, campaignRefreshMs: 86_400_000 })
    const signal = { contactId: 'bob', kind: 'form-submitted', data: { form: 'guide' } }
    expect((await answerOf(other.signal({ ...signal, data: {} }))).goals).toEqual([])
    await engine.publish({ ...pool, id: 'garden' })
    const { goals } = await answerOf(other.signal(signal))
    expect(goals.map(({ campaignId }) => campaignId)).toEqual(['garden', 'pool'])
  })

  it('VERSION-3: what another process unpublished a moment ago starts nothing', async () => {
    const { engine, store, clock } = await given(makeStore, { gateMs: 20 })
    const other = engineOver(store, { clock, campaignRefreshMs: 86_400_000 })
    await other.startSequence({ ...nurture, contactId: 'bob' })
    await engine.unpublish('pool', { actor: 'olga', stopRuns: true })
    expect(await rejectionOf(other.startSequence(nurture))).toMatchObject({ type: 'CampaignNotPublished' })
  })

  it('VERSION-1: an engine reads on for a run of a version that it does not know yet', async () => {
    const { engine, store, clock } = await given(makeStore)
    const other = engineOver(store, { clock, campaignRefreshMs: 86_400_000 })
    expect((await other.inspect.contact('ann')).enrollments).toEqual([])
    await engine.publish({ ...pool, name: 'Pools' })
    await engine.startSequence(nurture)
    await engine.stopSequence(nurture)
    expect((await other.inspect.contact('ann')).enrollments).toMatchObject([{ campaignVersion: 2, status: 'stopped' }])
    expect(await rejectionOf(other.cancelStep(step('two')))).toMatchObject({ type: 'EnrollmentNotActive' })
  })

  // --- Input validation ----------------------------------------------------------------------------------------------

  it('input that is wrong names path, value and what was expected, and writes nothing', async () => {
    const { engine, store } = await given(makeStore)
    await engine.startSequence(nurture)
    const before = await endOfLog(store)
    for (const [verb, order, path] of wrongOrders()) {
      const error = await call(engine, verb, order).then(
        () => null,
        (thrown) => thrown,
      )
      expect(error, `${verb} with ${inspect(order)}`).toMatchObject({
        code: 'INVALID_INPUT',
        details: { path, expected: expect.any(String) },
      })
      expect(error.message).toContain(path)
      if (path !== verb) expect(error.details).toHaveProperty('value', valueAt(order, path.slice(verb.length + 1)))
    }
    expect(await endOfLog(store)).toEqual(before)
  })

  it.each([
    ['unpublish.campaignId', (engine: Engine) => engine.unpublish('', { actor: null })],
    ['unpublish.order.stopRuns', (engine: Engine) => engine.unpublish('pool', { actor: null, stopRuns: 1 } as never)],
    [
      'unpublish.order.stopruns',
      (engine: Engine) => engine.unpublish('pool', { actor: null, stopruns: true } as never),
    ],
    ['unpublish.order', (engine: Engine) => engine.unpublish('pool', undefined as never)],
    ['publish.order.actor', (engine: Engine) => engine.publish(pool, {} as never)],
    ['publish.order.commandId', (engine: Engine) => engine.publish(pool, { actor: null, commandId: 5 } as never)],
    ['runDue.limit', (engine: Engine) => engine.runDue({ limit: 0 })],
    ['runDue.limits', (engine: Engine) => engine.runDue({ limits: 1 } as never)],
    ['runDue', (engine: Engine) => engine.runDue(null as never)],
    ['run.signal', (engine: Engine) => engine.run({} as never)],
    ['run', (engine: Engine) => engine.run(undefined as never)],
    ['run.signals', (engine: Engine) => engine.run({ signal: AbortSignal.abort(), signals: 1 } as never)],
    ['refreshContact', (engine: Engine) => engine.refreshContact('')],
  ])('input that is wrong: %s', async (path, wrong) => {
    const { engine, store } = await given(makeStore)
    await expect(wrong(engine)).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { path } })
    expect(await endOfLog(store)).toEqual({ count: 1, position: 1 })
  })

  it('LOG-6: hostile ids work like any other', async () => {
    const { engine } = await given(makeStore)
    const hostile = [
      '__proto__',
      'constructor',
      'a/b',
      'ünï',
      '-dash',
      "'; DROP TABLE events; --",
      '🦊',
      'مرحبا',
      'x'.repeat(200),
    ]
    for (const id of hostile) {
      const definition = {
        id,
        goals: [{ id: `${id.slice(0, 190)} goal`, when: { kind: id, match: { [id]: id } }, next: [id] }],
        sequences: [{ id, steps: [{ id, kind: 'email' }] }],
      }
      await answerOf(engine.publish(definition))
      const data = JSON.parse(JSON.stringify([[id, id]]))
      const signal = { contactId: id, kind: id, signalId: id, actor: id, data: Object.fromEntries(data) }
      expect((await answerOf(engine.signal(signal))).goals).toMatchObject([{ started: [{ sequenceId: id, run: 1 }] }])
      expect((await engine.runDue()).sent).toBe(1)
      const order = { contactId: id, campaignId: id, sequenceId: id, actor: id, commandId: id }
      expect(await answerOf(engine.startSequence(order))).toMatchObject({ outcome: 'started', run: 2 })
      expect(await answerOf(engine.stopSequence({ ...order, commandId: `${id.slice(0, 100)} 2` }))).toMatchObject({
        run: 2,
      })
    }
    expect((await engine.verifyIndex()).differences).toEqual([])
  })

  // --- The directory ------------------------------------------------------------------------------------------------

  const knowing = (get: ContactDirectory['get']) => given(makeStore, { contacts: { get } })

  it('START-6: a contact that the directory does not know is refused', async () => {
    const { engine } = await knowing(() => null)
    const unknown = { type: 'ContactUnknown', contactId: 'ann' }
    expect(await rejectionOf(engine.startSequence(nurture))).toEqual(unknown)
    expect(await rejectionOf(engine.signal(purchase))).toEqual(unknown)
    expect(await answerOf(engine.stopSequence(nurture))).toMatchObject({ outcome: 'not_active' })
  })

  it('the error of a directory that throws is the cause of the fault, and its text is not in the message', async () => {
    const down = new Error('the CRM is down')
    const { engine } = await knowing(() => {
      throw down
    })
    const fault = { code: 'DIRECTORY_FAILED', message: expect.not.stringContaining('CRM'), cause: down }
    await expect(engine.startSequence(nurture)).rejects.toMatchObject(fault)
    const { engine: other } = await knowing(() => Promise.reject(down))
    await expect(other.signal(purchase)).rejects.toMatchObject(fault)
    expect(await typesOf((await given(makeStore)).engine)).toEqual([])
  })

  it.each([
    ['contacts.get("ann")', 'a customer'],
    ['contacts.get("ann")', []],
    ['contacts.get("ann").timeZone', { timeZone: 7 }],
    ['contacts.get("ann").tags', { tags: 'customer' }],
    ['contacts.get("ann").tags', { tags: [1] }],
    ['contacts.get("ann").fields', { fields: [] }],
  ])('facts that are none: %s of %j', async (path, nonsense) => {
    const { engine } = await knowing(() => nonsense as unknown as Facts)
    await expect(engine.startSequence(nurture)).rejects.toMatchObject({ code: 'FACTS_UNREADABLE', details: { path } })
  })

  it('ROUTE-1: routes are decided on the facts of the moment', async () => {
    let spend = 999
    const { engine } = await knowing(async () => ({ fields: { spend } }))
    await engine.startSequence(nurture)
    const bought = (await answerOf(engine.signal(purchase))).goals
    expect(bought).toMatchObject([{ started: [{ sequenceId: 'onboarding' }] }])
    spend = 1000
    const again = (await answerOf(engine.signal({ ...purchase, signalId: 'sale-2' }))).goals
    expect(again).toMatchObject([{ started: [{ sequenceId: 'vip' }] }])
  })

  it('after close every verb throws CLOSED, and the store is still open', async () => {
    const { engine, store } = await given(makeStore)
    await engine.close()
    await engine.close()
    for (const { verb, order } of rows)
      await expect(call(engine, verb, order)).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(engine.publish(pool)).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(engine.unpublish('pool', { actor: null })).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(engine.runDue()).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(engine.run({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await endOfLog(store)).toEqual({ count: 1, position: 1 })
  })
})

describe('a file', () => {
  it.each(rows.map((row) => [row.verb, row] as const))(
    'ONCE-1: %s with the same id after a restart of the process',
    async (verb, row) => {
      const path = sqliteFile()
      const clock = createSimulatedClock(MONDAY)
      const before = sqlite(path)
      const engine = engineOver(before, { clock })
      await engine.publish(pool)
      await prepare(engine, row)
      const order = named(row, 'k')
      const first = await answerOf(call(engine, verb, order))
      await engine.close()
      await before.close()

      clock.advance('P7D')
      const after = closing(sqlite(path))
      const end = await endOfLog(after)
      expect(await answerOf(call(engineOver(after, { clock }), verb, order))).toEqual(first)
      expect(await endOfLog(after)).toEqual(end)
    },
  )

  it('ONCE-2: fifty commands at once through two connections lose nothing', async () => {
    const path = sqliteFile()
    const [one, two] = [closing(sqlite(path)), closing(sqlite(path))]
    const engines = [engineOver(one), engineOver(two)] as const
    await engines[0].publish(pool)
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => answerOf(engines[(i % 2) as 0 | 1].restartSequence(nurture))),
    )
    expect(new Set(answers.map(({ run }) => run)).size).toBe(50)
    expect((await one.readMany([contactStream('ann')])).get(contactStream('ann'))).toHaveLength(99)
  })
})

describe('createEngine', () => {
  const store = createMemoryStore()
  it.each([
    ['createEngine', undefined],
    ['createEngine.store', { handlers: {} }],
    ['createEngine.store', { store: {}, handlers: {} }],
    ['createEngine.handlers', { store }],
    ['createEngine.handlers.email', { store, handlers: { email: 'smtp://' } }],
    ['createEngine.clock', { store, handlers: {}, clock: {} }],
    ['createEngine.contacts', { store, handlers: {}, contacts: {} }],
    ['createEngine.campaignRefreshMs', { store, handlers: {}, campaignRefreshMs: -1 }],
    ['createEngine.workerId', { store, handlers: {}, workerId: '' }],
    ['createEngine.concurrency', { store, handlers: {}, concurrency: 5 }],
    ['createEngine.dispatch.concurrency', { store, handlers: {}, dispatch: { concurrency: 0 } }],
    ['createEngine.dispatch.leaseMs', { store, handlers: {}, dispatch: { leaseMs: 30_000 } }],
    ['createEngine.dispatch.backOff.baseMs', { store, handlers: {}, dispatch: { backOff: { baseMs: -5, capMs: 5 } } }],
    ['createEngine.dispatch', { store, handlers: {}, dispatch: new Map([['concurrency', 1]]) }],
    [
      'createEngine.dispatch.kinds',
      { store, handlers: {}, dispatch: { kinds: new Map([['email', { concurrency: 1 }]]) } },
    ],
    ['createEngine.dispatch.backoff', { store, handlers: {}, dispatch: { backoff: {} } }],
    ['createEngine.observe', { store, handlers: {}, observe: 'console' }],
    ['createEngine.random', { store, handlers: {}, random: 0.5 }],
    ['createEngine.readModel', { store: { ...store, claimDue: undefined }, handlers: {} }],
  ])('createEngine refuses options that cannot be: %s', (path, options) => {
    expect(() => createEngine(options as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', details: expect.objectContaining({ path }) }),
    )
  })

  it('a Date instead of an instant is told how to become one', async () => {
    const { engine } = await given(createMemoryStore)
    const until = new Date('2027-01-01T00:00:00.000Z') as never
    await expect(engine.suppress({ contactId: 'ann', actor: null, until })).rejects.toThrow(
      /^suppress\.until is a Date; expected an instant in UTC .*: pass date\.toISOString\(\)\.$/,
    )
  })

  it('an option that is undefined is one that was left out', async () => {
    const dispatch = { concurrency: undefined, leaseMs: undefined, backOff: undefined } as never
    const { engine } = await given(createMemoryStore, { dispatch })
    await engine.startSequence(nurture)
    expect(await engine.runDue()).toMatchObject({ sent: 1 })
  })

  it('an observer that throws harms nobody', async () => {
    const { engine } = await given(createMemoryStore, {
      observe: () => {
        throw new Error('the meter is broken')
      },
    })
    await engine.startSequence(nurture)
    expect(await engine.runDue()).toMatchObject({ sent: 1 })
  })

  it('the observer is told of each command: what it came to and how long it took', async () => {
    const told: unknown[] = []
    const { engine } = await given(createMemoryStore, { observe: (event) => told.push(event) })
    await engine.startSequence(nurture)
    await engine.startSequence({ ...nurture, campaignId: 'nowhere' })
    const base = { type: 'command-decided', command: 'StartSequence', contactId: 'ann', durationMs: expect.any(Number) }
    expect(told).toEqual([
      { ...base, events: 1, rejection: null },
      { ...base, events: 0, rejection: { type: 'CampaignUnknown', campaignId: 'nowhere', known: ['pool'] } },
    ])
  })
})

/** The store, with something that comes between a load and the first append. */
function withInterruption(store: Store, interruption: () => Promise<void>): Store {
  let pending: (() => Promise<void>) | null = interruption
  return {
    ...store,
    async appendMany(appends) {
      const now = pending
      pending = null
      await now?.()
      return store.appendMany(appends)
    },
  }
}

/** Each verb with each of its properties missing, misspelled, or of a wrong type; and the path that is to be named. */
function* wrongOrders(): Generator<readonly [Verb, unknown, string]> {
  const wrongIds = [undefined, null, '', 5, {}, ['ann'], 'x'.repeat(201), '\ud800']
  const wrong: { readonly [property: string]: readonly unknown[] } = {
    contactId: wrongIds,
    campaignId: wrongIds,
    sequenceId: wrongIds,
    stepId: wrongIds,
    actor: [undefined, '', 5, 'x'.repeat(201)],
    commandId: [null, '', 5, 'x'.repeat(201)],
    signalId: [null, '', 5],
    reason: [null, '', 5, 'x'.repeat(10_001)],
    run: [null, 0, 1.5, '1', Number.NaN],
    shift: [null, 'yes', 0],
    until: ['tomorrow', 5, '2026-03-01', '2026-02-30T00:00:00.000Z'],
    occurredAt: [null, '2026-03-01T00:00:00Z', 0],
    kind: [undefined, null, '', 5],
    data: [null, [], 'x', 5n],
    fromStep: [null, 1],
  }
  const more: { readonly [verb in Verb]?: Order } = {
    resumeSequence: { shift: false },
    suppress: { until: null },
    signal: { actor: null, occurredAt: MONDAY, data: {}, fromStep: false },
    resendStep: { run: 1 },
    cancelStep: { run: 1 },
  }
  for (const { verb, order } of rows) {
    const whole: Order = {
      ...(verb === 'signal' ? {} : { commandId: 'wrong', reason: 'none' }),
      ...order,
      ...more[verb],
    }
    for (const nothing of [undefined, null, 'ann', []]) yield [verb, nothing, verb]
    for (const property of Object.keys(whole)) {
      for (const value of wrong[property] ?? []) {
        // A signal's actor may be left out.
        if (verb === 'signal' && property === 'actor' && value === undefined) continue
        yield [verb, { ...whole, [property]: value }, `${verb}.${property}`]
      }
      const misspelled = `${property}s`
      yield [verb, { ...whole, [misspelled]: 'x' }, `${verb}.${misspelled}`]
    }
  }
}

function valueAt(order: unknown, property: string): unknown {
  return (order as Order)[property]
}

// The helper types above are loose on purpose; this line holds one verb against its exact type.
void (right({ outcome: 'started', run: 1 }) satisfies Either<Rejection, { outcome: 'started'; run: number }>)
