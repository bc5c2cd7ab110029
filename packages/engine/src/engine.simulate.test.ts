/**
 * `simulate` and the engine follow the same rules by different roads: the one folds in memory, the other goes through
 * a store, an agenda, claims and handlers. Whatever the campaign, they must write the same history.
 */
import {
  type ContactEvent,
  type Either,
  epochMsOf,
  instantOf,
  isLeft,
  type Rejection,
  type StepOutcome,
  simulate,
  type TimelineInput,
} from '@enfold/core'
import { createEventStoreDbStore } from '@enfold/store-eventstoredb'
import { createMemoryStore } from '@enfold/store-memory'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { givenEventStoreDb, givenSchemas, givenServer } from '@enfold/test-servers/given'
import { campaignArbitrary, createSimulatedClock, factsArbitrary } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc, { type Arbitrary } from 'fast-check'
import { expect, it } from 'vitest'
import { MONDAY } from './engine.fixture.ts'
import { createEngine, type Engine } from './engine.ts'
import { combineStores, readingItsWrites } from './log.fixture.ts'

const server = givenServer()
const newSchema = givenSchemas(server)

const onEventStoreDb = givenEventStoreDb()

const HORIZON_DAYS = 20
const MAX_EVENTS = 150

/** Numbers that an input is made of; which sequence and step they mean depends on the campaign. */
const inputArbitrary = fc.record({
  what: fc.constantFrom(
    ...([
      'start',
      'start',
      'start',
      'signal',
      'signal',
      'stop',
      'restart',
      'pause',
      'resume',
      'resend',
      'cancel',
    ] as const),
    ...(['stopAll', 'suppress', 'unsuppress'] as const),
  ),
  afterMs: fc.oneof(
    fc.constant(0),
    fc.integer({ min: 0, max: HORIZON_DAYS * 24 }).map((hours) => hours * 3_600_000),
  ),
  a: fc.nat(50),
  b: fc.nat(50),
})

const outcomeArbitrary: Arbitrary<StepOutcome> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<StepOutcome>({ outcome: 'sent' }) },
  { weight: 1, arbitrary: fc.constant<StepOutcome>({ outcome: 'skipped', reason: 'unsubscribed' }) },
  {
    weight: 2,
    arbitrary: fc.record({
      outcome: fc.constant('failed' as const),
      reason: fc.constant('busy'),
      permanent: fc.boolean(),
      unknown: fc.boolean(),
    }),
  },
)

const DATA = [{}, { which: 1 }, { which: 2, day: '2026-03-05' }, { which: '2', colour: 'red' }]
const KINDS = ['tag-applied', 'note-added', 'form-submitted', 'purchased']

const storyArbitrary = fc.record({
  definition: campaignArbitrary({ maxSequences: 3, maxGoals: 3, maxSteps: 3 }),
  facts: factsArbitrary,
  drafts: fc.array(inputArbitrary, { minLength: 1, maxLength: 10 }),
  outcomes: fc.array(outcomeArbitrary, { minLength: 1, maxLength: 6 }),
  // A clock that stands still while handlers work hides what arrives late.
  takeMs: fc.constantFrom(0, 7_013),
})

let logs = 0
const newLog = () => createEventStoreDbStore(onEventStoreDb(`s${++logs}-`))
const onPostgres = () => createPostgresStore({ connectionString: server.url, schema: newSchema(), maxConnections: 4 })

const stores = {
  'one store': createMemoryStore,
  PostgreSQL: onPostgres,
  'a log with a separate read model': () => combineStores(createMemoryStore(), createMemoryStore()),
  'EventStoreDB, SQLite read model': () => combineStores(newLog(), createSqliteStore({ path: ':memory:' })),
  'EventStoreDB, PostgreSQL read model': () => combineStores(newLog(), onPostgres()),
}

/** As many times fewer runs. */
const costOf = (name: string) => (name.includes('EventStoreDB') ? 100 : name === 'PostgreSQL' ? 40 : 1)

it.each(Object.entries(stores))(
  'simulate and the engine over %s write the same history and give the same answers',
  async (name, makeStore) => {
    await fc.assert(
      fc.asyncProperty(storyArbitrary, async ({ definition, facts, drafts, outcomes, takeMs }) => {
        const inputs = drafts
          .map(({ what, afterMs, a, b }): TimelineInput & { at: string } => {
            const at = instantOf(epochMsOf(MONDAY) + afterMs)
            const sequence = definition.sequences[
              a % definition.sequences.length
            ] as (typeof definition.sequences)[number]
            const stepId = sequence.steps[b % sequence.steps.length]?.id as string
            // Now and then none where there should be one: the order is then for all runs, or refused.
            const key = sequence.per === undefined || b % 5 === 0 ? {} : { key: `${1 + (b % 2)}` }
            const named = Object.keys(sequence.vars ?? {}).filter((name) => name !== sequence.per)
            const vars = { vars: Object.fromEntries(named.map((name) => [name, b % 2 ? '2026-03-05' : b])) }
            switch (what) {
              case 'signal':
                return { at, signal: { kind: KINDS[a % KINDS.length] as string, data: DATA[b % DATA.length] ?? {} } }
              case 'start':
              case 'restart': {
                const options = b % 3 === 0 ? key : { ...key, ...vars }
                return what === 'start'
                  ? { at, start: sequence.id, ...options }
                  : { at, restart: sequence.id, ...options }
              }
              case 'stop':
                return { at, stop: sequence.id, ...key }
              case 'pause':
                return { at, pause: sequence.id, ...key }
              case 'resume':
                return { at, resume: sequence.id, shift: b % 2 === 0, ...key }
              case 'resend':
                return { at, resend: [sequence.id, stepId], ...key }
              case 'cancel':
                return { at, cancel: [sequence.id, stepId], ...key }
              case 'stopAll':
                return { at, stopAll: true }
              case 'unsuppress':
                return { at, unsuppress: true }
              default:
                what satisfies 'suppress'
                return { at, suppress: { until: b % 3 === 0 ? null : instantOf(epochMsOf(at) + b * 3_600_000) } }
            }
          })
          .sort((x, y) => (x.at < y.at ? -1 : x.at > y.at ? 1 : 0))
        const outcome = (call: { stepId: string; run: number; attempt: number; resend: number }) =>
          outcomes[
            (call.stepId.length + call.run + 3 * call.attempt + 5 * call.resend) % outcomes.length
          ] as StepOutcome
        const horizon = `P${HORIZON_DAYS}D`
        const timeline = simulate(definition, {
          from: MONDAY,
          horizon,
          facts,
          inputs,
          outcome,
          handlersTake: `PT${takeMs / 1000}S`,
          maxEvents: MAX_EVENTS,
        })
        // A loop without a wait has no end, in either of the two.
        fc.pre(!timeline.cut)
        // The engine of this test gets its orders between two looks at what is due, never while a handler is at work.
        const began = timeline.events.filter(({ type }) => type === 'StepDispatched').map(({ at }) => epochMsOf(at))
        fc.pre(!inputs.some(({ at }) => began.some((ms) => ms < epochMsOf(at) && epochMsOf(at) <= ms + takeMs)))

        const clock = createSimulatedClock(MONDAY)
        const store = makeStore()
        const handler = async ({
          step,
          ...call
        }: {
          step: { id: string }
          run: number
          attempt: number
          resend: number
        }) => {
          const until = instantOf(epochMsOf(clock.now()) + takeMs)
          if (takeMs > 0) await new Promise(setImmediate)
          // Those that were called together have come to the same instant.
          if (clock.now() < until) clock.set(until)
          return outcome({ ...call, stepId: step.id })
        }
        const made = createEngine({
          store,
          clock,
          contacts: { get: () => facts },
          handlers: { email: handler, task: handler },
          // As in a simulation: a minute after each failure.
          dispatch: { backOff: { baseMs: 60_000, capMs: 60_000 } },
          random: () => 1,
        })
        const engine = store.capabilities.projectsInAppend ? made : readingItsWrites(made)
        expect(isLeft(await engine.publish(definition))).toBe(false)
        const until = instantOf(epochMsOf(MONDAY) + HORIZON_DAYS * 86_400_000)
        const answers: unknown[] = []
        for (const queue = [...inputs]; ; ) {
          const wakeAt = await store.nextWake()
          const first = queue[0]
          const isFirst = first !== undefined && (wakeAt === null || first.at <= wakeAt)
          const at = isFirst ? first.at : wakeAt
          if (at === null || at > until) break
          if (at > clock.now()) clock.set(at)
          if (isFirst) {
            queue.shift()
            answers.push(answerIn(await order(engine, definition.id, first)))
          } else await engine.runDue()
        }
        // A handler at work when the horizon ends: the engine waits for it, a simulation ends there.
        const isCut =
          timeline.wakeAt !== null && timeline.wakeAt > until && epochMsOf(timeline.wakeAt) <= epochMsOf(until) + takeMs
        if (!isCut) {
          expect(timeline.wakeAt).toBe(await store.nextWake())
          expect((await engine.inspect.history('contact')).map(withoutIds)).toEqual(timeline.events.map(withoutIds))
          expect(answers).toEqual(timeline.results.map(({ rejection, answer }) => rejection ?? answer))
        }
        await engine.close()
        await store.close()
      }),
      // What takes memory microseconds takes a server milliseconds. More often than not a campaign does end.
      { numRuns: runs(120 / costOf(name)), maxSkipsPerRun: 1 },
    )
  },
  600_000,
)

function order(engine: Engine, campaignId: string, input: TimelineInput): Promise<Either<Rejection, object>> {
  const contact = { contactId: 'contact', actor: null }
  const h = input
  const key = 'key' in h && h.key !== undefined ? { key: h.key } : {}
  const of = (sequenceId: string) => ({ ...contact, campaignId, sequenceId, ...key })
  const vars = 'vars' in h && h.vars !== undefined ? { vars: h.vars } : {}
  if ('start' in h) return engine.startSequence({ ...of(h.start), ...vars })
  if ('stop' in h) return engine.stopSequence(of(h.stop))
  if ('restart' in h) return engine.restartSequence({ ...of(h.restart), ...vars })
  if ('pause' in h) return engine.pauseSequence(of(h.pause))
  if ('resume' in h) return engine.resumeSequence({ ...of(h.resume), shift: h.shift === true })
  if ('resend' in h) return engine.resendStep({ ...of(h.resend[0]), stepId: h.resend[1] })
  if ('cancel' in h) return engine.cancelStep({ ...of(h.cancel[0]), stepId: h.cancel[1] })
  if ('stopAll' in h) return engine.stopAll(contact)
  if ('suppress' in h) return engine.suppress({ ...contact, until: h.suppress.until })
  if ('unsuppress' in h) return engine.unsuppress(contact)
  if ('erase' in h) return engine.erase(contact)
  if ('signal' in h) return engine.signal({ contactId: 'contact', kind: h.signal.kind, data: h.signal.data ?? {} })
  throw new Error(`This test makes no input such as ${JSON.stringify(h)}.`)
}

/** What both say, without the place in the log, which a simulation does not have. */
function answerIn(given: Either<Rejection, object>): object {
  if (isLeft(given)) return given.left
  const { version: _version, position: _position, ...answer } = given.right as { version: number; position: number }
  return answer
}

/** The ids of commands, and of what is made of them, are each road's own. */
function withoutIds({ type, at, data, cause, actor, schema }: ContactEvent): object {
  const signalId = 'the signal'
  return {
    type,
    at,
    actor,
    schema,
    data: 'signalId' in data ? { ...data, signalId } : data,
    cause: 'signalId' in cause ? { ...cause, signalId } : cause,
  }
}
