/** Events into states: contact by contact, as a command does, and in the order of a log, as an audit does. */
import { EventType as CastoreEventType, EventStore as CastoreStore } from '@castore/core'
import {
  type ContactEvent,
  type ContactState,
  contactStream,
  evolve,
  fold,
  initialContact,
  type RecordedContactEvent,
} from '@enfold/core'
import { replay } from '@enfold/core/log'
import { getInMemoryEventStore, type ReadEvent } from '@event-driven-io/emmett'
import { type Benchmark, type Given, type Measured, sizeOf, timed } from './benchmark.ts'

const EVENTS_PER_CONTACT = 10

/** A start, four steps dispatched and sent, and the end. */
function historyOf(contact: number): RecordedContactEvent[] {
  const contactId = `contact-${contact}`
  const run = { campaignId: 'bench', sequenceId: 'nurture', run: 1 }
  return Array.from({ length: EVENTS_PER_CONTACT }, (_, i) => {
    const step = { ...run, stepId: `step-${Math.ceil(i / 2)}`, attempt: 1, resend: 0 }
    const body =
      i === 0
        ? { type: 'SequenceStarted' as const, data: { ...run, campaignVersion: 1 } }
        : i === EVENTS_PER_CONTACT - 1
          ? { type: 'SequenceCompleted' as const, data: { ...run, waiting: true, routes: [], saw: [] } }
          : i % 2 === 1
            ? {
                type: 'StepDispatched' as const,
                data: { ...step, idempotencyKey: `key-${contact}-${i}`, timing: null },
              }
            : { type: 'StepSent' as const, data: step }
    return {
      ...body,
      id: `event-${contact}-${i}`,
      schema: 1,
      at: '2026-03-01T09:00:00.000Z',
      commandId: `command-${contact}`,
      correlationId: `command-${contact}`,
      causationId: `command-${contact}`,
      actor: null,
      cause: { by: 'operator' as const },
      stream: contactStream(contactId),
      version: i + 1,
      position: contact * EVENTS_PER_CONTACT + i + 1,
    }
  })
}

/** The first event of each contact, then the second of each: no two of one contact stand together. */
function inLogOrder(given: Given): RecordedContactEvent[] {
  const contacts = sizeOf(given, 'events') / EVENTS_PER_CONTACT
  const histories = Array.from({ length: contacts }, (_, contact) => historyOf(contact))
  return Array.from({ length: EVENTS_PER_CONTACT }, (_, i) =>
    histories.map((history, contact) => ({
      ...(history[i] as RecordedContactEvent),
      position: i * histories.length + contact + 1,
    })),
  ).flat()
}

/** What the states say, added up: they must agree. */
class Tally {
  events = 0
  sent = 0
  waiting = 0

  add(state: ContactState): void {
    this.events += state.version
    for (const { runs } of state.enrollments)
      for (const run of runs) {
        if (run.status === 'waiting') this.waiting += 1
        for (const step of run.steps) if (step.status === 'sent') this.sent += 1
      }
  }

  get work() {
    return { events: this.events, sent: this.sent, waiting: this.waiting }
  }
}

// --- The same recipe, by hand ---------------------------------------------------------------------------------------

type Live<T> = T extends string | number | boolean | null ? T : { -readonly [Key in keyof T]: Live<T[Key]> }
type LiveState = Live<ContactState>

/** What a program of this one purpose would have: nothing but the events that occur, no copies, nothing frozen. */
function applyByHand(state: LiveState, event: ContactEvent): void {
  state.version += 1
  switch (event.type) {
    case 'SequenceStarted': {
      const { campaignId, sequenceId } = event.data
      let enrollment = enrollmentIn(state, campaignId, sequenceId)
      if (enrollment === undefined) {
        enrollment = { campaignId, sequenceId, key: '', runs: [] }
        state.enrollments.push(enrollment)
      }
      enrollment.runs.push({ ...newRun(event), steps: [] })
      return
    }
    case 'SequenceCompleted': {
      const run = runIn(state, event.data)
      run.status = event.data.waiting ? 'waiting' : 'completed'
      run.endedAt = event.at
      return
    }
    case 'StepDispatched':
    case 'StepSent': {
      const { steps } = runIn(state, event.data)
      let step = steps.find((one) => one.stepId === event.data.stepId)
      if (step === undefined) {
        step = { ...newStep(event), resends: [] }
        steps.push(step)
      }
      step.status = event.type === 'StepSent' ? 'sent' : 'dispatched'
      step.at = event.at
      step.attempt = event.data.attempt
      step.eventId = event.id
    }
  }
}

function enrollmentIn(state: LiveState, campaignId: string, sequenceId: string) {
  return state.enrollments.find((one) => one.sequenceId === sequenceId && one.campaignId === campaignId)
}

function runIn(state: LiveState, ref: { campaignId: string; sequenceId: string; run: number }) {
  const run = enrollmentIn(state, ref.campaignId, ref.sequenceId)?.runs[ref.run - 1]
  if (run === undefined) throw new Error('No such run.')
  return run
}

function newState(): LiveState {
  return { version: 0, suppressed: null, erased: false, keptSignals: 0, signalsDroppedAt: null, enrollments: [] }
}

function newRun({ data, at, id, correlationId }: ContactEvent & { type: 'SequenceStarted' }) {
  return {
    run: data.run,
    campaignVersion: data.campaignVersion,
    status: 'active' as const,
    startedAt: at,
    endedAt: null,
    pausedAt: null,
    shiftMs: 0,
    shiftedMs: 0,
    vars: {},
    eventId: id,
    correlationId,
  }
}

function newStep({ data, at, id }: ContactEvent & { type: 'StepDispatched' | 'StepSent' }) {
  return {
    stepId: data.stepId,
    status: 'dispatched' as const,
    at,
    attempt: 0,
    retryAt: null,
    dueAt: null,
    reason: null,
    eventId: id,
  }
}

// --- The same recipe with copies, as castore and Emmett document their reducers ---------------------------------------

function evolveByCopies(state: ContactState, event: ContactEvent): ContactState {
  const version = state.version + 1
  switch (event.type) {
    case 'SequenceStarted': {
      const { campaignId, sequenceId } = event.data
      const run = { ...newRun(event), steps: [] }
      const known = state.enrollments.some((one) => one.sequenceId === sequenceId && one.campaignId === campaignId)
      const enrollments = known
        ? state.enrollments.map((one) =>
            one.sequenceId === sequenceId && one.campaignId === campaignId ? { ...one, runs: [...one.runs, run] } : one,
          )
        : [...state.enrollments, { campaignId, sequenceId, key: '', runs: [run] }]
      return { ...state, version, enrollments }
    }
    case 'SequenceCompleted':
      return withRun(state, version, event.data, (run) => ({
        ...run,
        status: event.data.waiting ? 'waiting' : 'completed',
        endedAt: event.at,
      }))
    case 'StepDispatched':
    case 'StepSent':
      return withRun(state, version, event.data, (run) => {
        const before = run.steps.find((one) => one.stepId === event.data.stepId)
        const after = {
          ...(before ?? { ...newStep(event), resends: [] }),
          status: event.type === 'StepSent' ? ('sent' as const) : ('dispatched' as const),
          at: event.at,
          attempt: event.data.attempt,
          eventId: event.id,
        }
        return {
          ...run,
          steps: before === undefined ? [...run.steps, after] : run.steps.map((one) => (one === before ? after : one)),
        }
      })
    default:
      return { ...state, version }
  }
}

type RunState = ContactState['enrollments'][number]['runs'][number]

function withRun(
  state: ContactState,
  version: number,
  ref: { campaignId: string; sequenceId: string; run: number },
  change: (run: RunState) => RunState,
): ContactState {
  const enrollments = state.enrollments.map((one) =>
    one.sequenceId === ref.sequenceId && one.campaignId === ref.campaignId
      ? { ...one, runs: one.runs.map((run) => (run.run === ref.run ? change(run) : run)) }
      : one,
  )
  return { ...state, version, enrollments }
}

// --- Contenders -----------------------------------------------------------------------------------------------------

/** Contacts that are folded again and again, so that what is measured is the fold and not the memory. */
const HOT = 5_000

/** Folds the histories until all events are told, as many contacts after one another ask for their states. */
async function measureGrouped<History>(
  given: Given,
  historyOf: (contact: number) => History,
  toState: (history: History) => ContactState | Promise<ContactState>,
  warmsUp = true,
): Promise<Measured> {
  const contacts = sizeOf(given, 'events') / EVENTS_PER_CONTACT
  const histories = Array.from({ length: Math.min(HOT, contacts) }, (_, contact) => historyOf(contact))
  async function foldAll(): Promise<Tally> {
    const tally = new Tally()
    for (let folded = 0; folded < contacts; folded += histories.length)
      for (const history of histories) {
        const state = toState(history)
        // A turn of the event loop is only for those who answer with a promise.
        tally.add(state instanceof Promise ? await state : state)
      }
    return tally
  }
  // Once before, to warm up.
  if (warmsUp) await foldAll()
  const [seconds, tally] = await timed(foldAll)
  return { figures: { grouped: tally.events / seconds }, work: tally.work }
}

async function measureLog(
  given: Given,
  toStates: (events: readonly RecordedContactEvent[]) => Promise<Iterable<ContactState>>,
): Promise<Measured> {
  const events = inLogOrder(given)
  const tally = new Tally()
  const [seconds, states] = await timed(() => toStates(events))
  for (const state of states) tally.add(state)
  return { figures: { log: tally.events / seconds }, work: tally.work }
}

/** Both orders in one process, one after the other; the work of both must agree. */
function both(grouped: Measured, log: Measured): Measured {
  if (JSON.stringify(grouped.work) !== JSON.stringify(log.work)) throw new Error('The orders came to different states.')
  return { figures: { ...grouped.figures, ...log.figures }, work: grouped.work }
}

export const foldBenchmark: Benchmark = {
  name: 'fold',
  what: '{events} events, ten of each contact, to states: by contact (5,000 contacts, again and again), and in the order of a log, where all states live at once',
  full: { events: 500_000 },
  quick: { events: 1_000 },
  figures: {
    grouped: { title: 'by contact', unit: 'events/s', better: 'more' },
    log: { title: 'in log order', unit: 'events/s', better: 'more' },
  },
  contenders: {
    limit: {
      title: 'a loop written by hand',
      async run(given) {
        const grouped = await measureGrouped(given, historyOf, (history) => {
          const state = newState()
          for (const event of history) applyByHand(state, event)
          return state as ContactState
        })
        const log = await measureLog(given, async (events) => {
          const states = new Map<string, LiveState>()
          for (const event of events) {
            let state = states.get(event.stream)
            if (state === undefined) {
              state = newState()
              states.set(event.stream, state)
            }
            applyByHand(state, event)
          }
          return states.values() as Iterable<ContactState>
        })
        return both(grouped, log)
      },
    },
    enfold: {
      title: 'Enfold (`fold`; `replay`, with the index)',
      async run(given) {
        const grouped = await measureGrouped(given, historyOf, (history) => fold(history))
        const log = await measureLog(given, async (events) => (await replay(events)).contacts.values())
        return both(grouped, log)
      },
    },
    immer: {
      title: 'immer, event by event (`evolve`); one round',
      once: true,
      // A quarter of a minute without a warm-up, against which it has nothing to gain.
      run: (given) => measureGrouped(given, historyOf, (history) => history.reduce(evolve, initialContact), false),
    },
    castore: {
      title: '@castore/core (`buildAggregate`)',
      run(given) {
        type Detail = { aggregateId: string; version: number; type: string; timestamp: string; payload: ContactEvent }
        type Aggregate = { aggregateId: string; version: number; state: ContactState }
        const store = new CastoreStore({
          eventStoreId: 'contacts',
          eventTypes: [new CastoreEventType<string, ContactEvent>({ type: 'any' })],
          reducer: (aggregate: Aggregate | undefined, event: Detail): Aggregate => ({
            aggregateId: event.aggregateId,
            version: event.version,
            state: evolveByCopies(aggregate?.state ?? initialContact, event.payload),
          }),
        })
        const detailsOf = (contact: number) =>
          historyOf(contact).map((event) => ({
            aggregateId: event.stream,
            version: event.version,
            type: event.type,
            timestamp: event.at,
            payload: event,
          }))
        return measureGrouped(given, detailsOf, (history) => {
          const aggregate = store.buildAggregate(history) as Aggregate | undefined
          if (aggregate === undefined) throw new Error('No aggregate.')
          return aggregate.state
        })
      },
    },
    emmett: {
      title: 'Emmett (`aggregateStream` of its memory store)',
      async run(given) {
        // It counts all streams for each event appended: a hundred thousand of them would take hours.
        const store = getInMemoryEventStore()
        for (let contact = 0; contact < Math.min(HOT, sizeOf(given, 'events') / EVENTS_PER_CONTACT); contact++)
          await store.appendToStream(
            contactStream(`contact-${contact}`),
            historyOf(contact).map((event) => ({ type: event.type, data: { event } })),
          )
        type Told = { readonly type: string; readonly data: { readonly event: ContactEvent } }
        const nameOf = (contact: number) => contactStream(`contact-${contact}`)
        return measureGrouped(given, nameOf, async (name) => {
          const { state } = await store.aggregateStream<ContactState, Told>(name, {
            initialState: () => initialContact,
            evolve: (state: ContactState, { data }: ReadEvent<Told>) => evolveByCopies(state, data.event),
          })
          return state
        })
      },
    },
  },
  wanted: [
    { text: 'by contact, of the limit', figure: 'grouped', of: 'enfold', over: ['limit'], atLeast: 0.85 },
    { text: 'in log order, of the limit', figure: 'log', of: 'enfold', over: ['limit'], atLeast: 0.85 },
    {
      text: 'by contact, of the better peer',
      figure: 'grouped',
      of: 'enfold',
      over: ['castore', 'emmett'],
      atLeast: 1.5,
    },
  ],
}
