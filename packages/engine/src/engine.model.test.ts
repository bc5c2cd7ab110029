/**
 * The engine on SQLite, on PostgreSQL, and on a log with a separate read model, against a model of one contact that
 * was written from the rules (`docs/reference/rules.md`) and not from the decider: no events, no plan, only what each sequence is doing and what has been mailed.
 */
import { join } from 'node:path'
import {
  type CampaignDefinition,
  type Either,
  epochMsOf,
  instantOf,
  isLeft,
  type Rejection,
  type SequenceDefinition,
  type Store,
} from '@enfold/core'
import { createEventStoreDbStore } from '@enfold/store-eventstoredb'
import { createMemoryStore } from '@enfold/store-memory'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { givenEventStoreDb, givenSchemas, givenServer } from '@enfold/test-servers/given'
import { createSimulatedClock, type SimulatedClock } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { MONDAY, temporaryDirectory } from './engine.fixture.ts'
import { createEngine, type Engine } from './engine.ts'
import { combineStores, readingItsWrites } from './log.fixture.ts'
import { keepingStates } from './states.fixture.ts'

const server = givenServer()
const newSchema = givenSchemas(server)

const onEventStoreDb = givenEventStoreDb()

const HOUR = 3_600_000
const DAY = 24 * HOUR

/**
 * What the model knows of the campaign: waits of the steps, what a finished sequence does, what goals stop and start. A sequence
 * with keys is one of its own for each key, as "sequence key" (KEY-1).
 */
const SEQUENCES = {
  nurture: { a: 0, b: DAY, c: DAY },
  onboarding: { d: 0, e: 12 * HOUR },
  care: { f: 2 * DAY },
  side: { g: 6 * HOUR, h: DAY },
  'cart 1': { i: HOUR, j: DAY },
  'cart 2': { i: HOUR, j: DAY },
} as const satisfies { readonly [sequence: string]: { readonly [step: string]: number } }
type SequenceName = keyof typeof SEQUENCES
const NAMES = Object.keys(SEQUENCES) as SequenceName[]
/** Those from which a goal can be reached wait at their end; onboarding goes on to care instead. */
const WAITS: ReadonlySet<SequenceName> = new Set(['nurture', 'care', 'cart 1', 'cart 2'])
const GOALS = {
  asked: { kind: 'form-submitted', members: false, stops: [], starts: ['nurture'] },
  bought: { kind: 'purchased', members: true, stops: ['nurture'], starts: ['onboarding'] },
  // From nurture and onboarding it can be reached; from care, too, but care runs to completion.
  leave: { kind: 'tag-applied', members: false, stops: ['nurture', 'onboarding'], starts: [] },
  paid: { kind: 'paid', members: false, stops: ['cart 1'], starts: [], data: { order: '1' } },
} as const
type GoalName = keyof typeof GOALS

const FURTHER: { readonly [sequenceId: string]: Partial<SequenceDefinition> } = {
  nurture: { next: ['bought', 'leave'] },
  onboarding: { next: ['care'] },
  care: { next: ['leave'], onGoal: 'runToCompletion' },
  cart: { next: ['paid'], per: 'order', vars: { order: { data: 'order' } } },
}

const refOf = (name: string) => {
  const [sequenceId = '', key] = name.split(' ')
  return key === undefined ? { sequenceId } : { sequenceId, key }
}
const nameOf = ({ sequenceId, key }: { readonly sequenceId: string; readonly key?: string }) =>
  key === undefined ? sequenceId : `${sequenceId} ${key}`

const campaign: CampaignDefinition = {
  id: 'pool',
  goals: [
    { id: 'asked', when: { kind: 'form-submitted' }, next: ['nurture'] },
    { id: 'bought', when: { kind: 'purchased' }, achievableBy: 'members', next: ['onboarding'] },
    { id: 'leave', when: { kind: 'tag-applied' } },
    { id: 'paid', when: { kind: 'paid' }, same: 'order' },
  ],
  sequences: NAMES.filter((name) => name !== 'cart 2').map((name) => ({
    id: refOf(name).sequenceId,
    steps: Object.entries(SEQUENCES[name]).map(([step, ms]) => ({
      id: step,
      kind: 'email',
      ...(ms === 0 ? {} : { timer: { after: `PT${ms / HOUR}H` } }),
    })),
    ...FURTHER[refOf(name).sequenceId],
  })),
}

// --- The model ------------------------------------------------------------------------------------------------------

interface ModelStep {
  readonly id: string
  readonly waitMs: number
  /** `ahead`: skipped before the run came to it. */
  state: 'pending' | 'sent' | 'failed' | 'cancelled' | 'left out' | 'skipped' | 'ahead'
  atMs: number
  /** It stands before the place at which the run was opened, or to which it was moved. */
  isPassed: boolean
  /** What became of it is older than the move of the run: it takes no time. */
  isOld: boolean
  /** The run was moved to it without its wait. */
  hasNoWait: boolean
  /** When an operator wants it, and how many spans and shifts of the wait came before. */
  byHand: { readonly atMs: number; readonly spans: number; readonly shifts: number } | null
  resends: number
  /** Ordered and not yet done. */
  resendsToDo: number
}

interface ModelRun {
  status: 'active' | 'paused' | 'waiting' | 'completed' | 'stopped'
  /** Since when the first wait runs: since the start, or the last move. */
  anchorMs: number
  /** How time went by since the wait in progress began. */
  spans: ModelSpan[]
  /** By how much operators have moved the end of the wait in progress. */
  shifts: number[]
  readonly steps: ModelStep[]
}

/** What a wait went through, and whether it counts. By which of the two pauses it may come not to count is open while they last. */
interface ModelSpan {
  readonly ms: number
  byHand: boolean
  byCampaign: boolean
  counts: boolean
}

const sum = (all: readonly number[]) => all.reduce((total, one) => total + one, 0)
const heldIn = (spans: readonly ModelSpan[]) => sum(spans.map(({ counts, ms }) => (counts ? 0 : ms)))

class Model {
  nowMs = epochMsOf(MONDAY)
  mails = 0
  handlerFails = false
  erased = false
  bannedUntilMs: number | null = null
  /** Since when the campaign is paused. */
  pausedSinceMs: number | null = null
  /** Pauses of the campaign that ended with what fell due in them left out. */
  readonly skipped: { readonly fromMs: number; readonly untilMs: number }[] = []
  readonly firstStarts: SequenceName[] = []
  readonly runs: { readonly [name in SequenceName]: ModelRun[] } = {
    nurture: [],
    onboarding: [],
    care: [],
    side: [],
    'cart 1': [],
    'cart 2': [],
  }

  newest(name: SequenceName): ModelRun | undefined {
    return this.runs[name].at(-1)
  }
  inProgress(name: SequenceName): boolean {
    const status = this.newest(name)?.status
    return status === 'active' || status === 'paused'
  }
  open(name: SequenceName): boolean {
    return this.inProgress(name) || this.newest(name)?.status === 'waiting'
  }
  banned(): boolean {
    return this.bannedUntilMs !== null && this.nowMs < this.bannedUntilMs
  }

  /** @param at the step at which the run opens */
  start(name: SequenceName, at = 0): void {
    const before = this.newest(name)
    if (before === undefined) this.firstStarts.push(name)
    if (before?.status === 'waiting') before.status = 'completed'
    const steps = Object.entries(SEQUENCES[name]).map(
      ([id, waitMs], i): ModelStep => ({
        ...{ id, waitMs, state: 'pending', atMs: 0, resends: 0, resendsToDo: 0, byHand: null },
        ...{ isPassed: i < at, isOld: false, hasNoWait: false },
      }),
    )
    this.runs[name].push({ status: 'active', anchorMs: this.nowMs, spans: [], shifts: [], steps })
  }
  stop(name: SequenceName): void {
    const run = this.newest(name) as ModelRun
    run.status = 'stopped'
    for (const step of run.steps) step.resendsToDo = 0
  }
  stopAll(): SequenceName[] {
    const open = NAMES.filter((name) => this.open(name))
    for (const name of open) this.stop(name)
    return open
  }

  /** When the next thing of the run is due, and which step it is; no step: the end of the run. */
  due(run: ModelRun): { readonly atMs: number; readonly step: ModelStep | null } {
    const heldMs = heldIn(run.spans)
    let atMs = run.anchorMs + heldMs
    let shiftMs = sum(run.shifts)
    let isWaiting = false
    for (const step of run.steps) {
      const isOver = step.state !== 'pending' && step.state !== 'cancelled'
      if (step.isPassed || step.state === 'ahead' || (step.isOld && isOver)) continue
      isWaiting = !isOver
      const { byHand } = step
      if (step.state === 'cancelled' && byHand !== null) {
        // It leaves the wait that it was given (SHIFT-1), with what moved that since.
        atMs = Math.max(atMs, this.dueByHand(run, byHand))
        shiftMs = 0
      } else if (step.state === 'cancelled' || step.state === 'left out') atMs += step.hasNoWait ? 0 : step.waitMs
      else if (step.state === 'pending') {
        if (byHand !== null) return { atMs: this.dueByHand(run, byHand), step }
        return { atMs: atMs + (step.hasNoWait ? 0 : step.waitMs) + shiftMs, step }
      } else atMs = step.atMs + heldMs
    }
    return { atMs: isWaiting ? atMs + shiftMs : atMs, step: null }
  }
  dueByHand(run: ModelRun, { atMs, spans, shifts }: NonNullable<ModelStep['byHand']>): number {
    return atMs + heldIn(run.spans.slice(spans)) + sum(run.shifts.slice(shifts))
  }
  /** The step that stands next. */
  standing(run: ModelRun | undefined): ModelStep | undefined {
    return run?.steps.find((step) => step.state === 'pending' && !step.isPassed)
  }
  /** A step is over now: the next wait begins. */
  resolve(run: ModelRun, step: ModelStep, state: ModelStep['state']): void {
    step.state = state
    step.atMs = this.nowMs
    step.byHand = null
    run.spans = []
    run.shifts = []
  }

  /** Everything that is due now. */
  dispatch(): void {
    if (this.erased || this.pausedSinceMs !== null) return
    for (const name of NAMES)
      for (const run of this.runs[name])
        for (const step of run.steps) {
          if (!this.banned() && !this.handlerFails) this.mails += step.resendsToDo
          step.resendsToDo = 0
        }
    // Handlers run in parallel: first all that is due is begun, then the outcomes arrive, in the same order.
    for (;;) {
      const begun = this.begin()
      if (begun.length === 0) return
      for (const { name, run, step } of begun) {
        this.resolve(run, step, this.handlerFails ? 'failed' : 'sent')
        if (!this.handlerFails) this.mails += 1
        const next = this.due(run)
        if (next.step === null && next.atMs <= this.nowMs) this.complete(name, run)
      }
    }
  }
  /** The steps that are due, by due instant and then by the run that was started first; waits of cancelled ones end on the way. */
  begin(): { readonly name: SequenceName; readonly run: ModelRun; readonly step: ModelStep }[] {
    const begun: ReturnType<Model['begin']> = []
    for (;;) {
      const [first] = this.firstStarts
        .flatMap((name) => {
          const run = this.newest(name)
          if (run?.status !== 'active' || begun.some((one) => one.run === run)) return []
          return [{ name, run, ...this.due(run) }]
        })
        .filter(({ atMs }) => atMs <= this.nowMs)
        .sort((x, y) => x.atMs - y.atMs)
      if (first === undefined) return begun
      const { name, run, step } = first
      if (step === null) this.complete(name, run)
      else if (this.skipped.some(({ fromMs, untilMs }) => fromMs <= first.atMs && first.atMs < untilMs))
        step.state = 'left out'
      else begun.push({ name, run, step })
    }
  }
  /** Time goes by. */
  pass(ms: number): void {
    this.nowMs += ms
    for (const name of NAMES)
      for (const run of this.runs[name])
        run.spans.push({
          ms,
          byHand: run.status === 'paused',
          byCampaign: this.pausedSinceMs !== null,
          counts: true,
        })
  }
  /** A pause is over; `shift`: what it held is not counted. */
  resumed(run: ModelRun, by: 'byHand' | 'byCampaign', shift: boolean): void {
    for (const span of run.spans) {
      if (span[by] && shift) span.counts = false
      span[by] = false
    }
  }
  complete(name: SequenceName, run: ModelRun): void {
    run.status = WAITS.has(name) ? 'waiting' : 'completed'
    if (name === 'onboarding' && !this.inProgress('care')) this.start('care')
  }
}

// --- Commands -------------------------------------------------------------------------------------------------------

interface Real {
  engine: Engine
  store: Store
  readonly clock: SimulatedClock
  readonly path: string
  readonly openStore: (path: string) => Store
  mails: number
  handlerFails: boolean
}

function open(real: Pick<Real, 'path' | 'clock' | 'openStore'>, host: Pick<Real, 'mails' | 'handlerFails'>) {
  const store = real.openStore(real.path)
  const email = () => {
    if (host.handlerFails) return { outcome: 'failed', reason: 'refused', permanent: true } as const
    host.mails += 1
    return { outcome: 'sent' } as const
  }
  // Of four outcomes at once, two lose twice and wait for a random moment: the model hears them in the order of their start.
  // A look at a campaign that takes longer is not trusted, and on a busy machine that would leave a step for later.
  const engine = createEngine({ store, clock: real.clock, handlers: { email }, random: () => 0, gateMs: 100 })
  return { store, engine: store.capabilities.projectsInAppend ? engine : readingItsWrites(engine) }
}

const ann = { contactId: 'ann', actor: 'olga' }
const of = (name: SequenceName) => ({ ...ann, campaignId: 'pool', ...refOf(name) })

type Given = Either<Rejection, { readonly [key: string]: unknown }>

/** A command: what the model expects of it (an answer in part, or the type of a rejection), and the verb itself. */
class Command implements fc.AsyncCommand<Model, Real> {
  readonly name: string
  readonly predict: (model: Model) => object | string
  readonly deed: (real: Real) => Promise<unknown>
  constructor(name: string, predict: (model: Model) => object | string, deed: (real: Real) => Promise<unknown>) {
    this.name = name
    this.predict = predict
    this.deed = deed
  }
  check(): boolean {
    return true
  }
  async run(model: Model, real: Real): Promise<void> {
    const expected = model.erased ? 'ContactErased' : this.predict(model)
    const given = (await this.deed(real)) as Given
    if (typeof expected === 'string') expect(isLeft(given) ? given.left.type : given.right).toBe(expected)
    else expect(isLeft(given) ? given.left : given.right).toMatchObject(expected)
    await expectSame(model, real)
  }
  toString(): string {
    return this.name
  }
}

/** What happens without an answer. */
class Happening extends Command {
  override async run(model: Model, real: Real): Promise<void> {
    this.predict(model)
    await this.deed(real)
    await expectSame(model, real)
  }
}

/** Which sequences the contact is in, in which run, in which status, and what it was sent. */
async function expectSame(model: Model, { engine, ...real }: Real): Promise<void> {
  const view = await engine.inspect.contact('ann')
  const told = new Map(view.enrollments.map((one) => [nameOf(one), `run ${one.run} ${one.status}`]))
  const expected = NAMES.flatMap((name) => {
    const run = model.newest(name)
    return run === undefined ? [] : [[name, `run ${model.runs[name].length} ${run.status}`] as const]
  })
  expect(told).toEqual(new Map(expected))
  const tags = NAMES.flatMap((name) => {
    const status = model.inProgress(name) ? 'active' : model.open(name) ? 'waiting' : null
    return status === null ? [] : [{ campaignId: 'pool', ...refOf(name), status }]
  })
  const found = [...(await engine.inspect.sequencesOf('ann'))]
  const byName = (a: (typeof found)[number], b: (typeof found)[number]) => (nameOf(a) < nameOf(b) ? -1 : 1)
  expect(found.sort(byName)).toEqual((tags as typeof found).sort(byName))
  expect(view.suppressed !== null).toBe(model.banned())
  expect(real.mails).toBe(model.mails)
}

const startOf = (name: SequenceName) =>
  new Command(
    `start ${name}`,
    (model) => {
      if (model.banned()) return 'ContactSuppressed'
      if (model.inProgress(name)) return { outcome: 'already_active', run: model.runs[name].length }
      model.start(name)
      return { outcome: 'started', run: model.runs[name].length }
    },
    ({ engine }) => engine.startSequence(of(name)),
  )

const stopOf = (name: SequenceName) =>
  new Command(
    `stop ${name}`,
    (model) => {
      const run = model.runs[name].length
      if (!model.open(name)) return { outcome: 'not_active', run }
      model.stop(name)
      return { outcome: 'stopped', run }
    },
    ({ engine }) => engine.stopSequence(of(name)),
  )

const restartOf = (name: SequenceName) =>
  new Command(
    `restart ${name}`,
    (model) => {
      if (model.banned()) return 'ContactSuppressed'
      const outcome = model.open(name) ? 'restarted' : 'started'
      if (outcome === 'restarted') model.stop(name)
      model.start(name)
      return { outcome, run: model.runs[name].length }
    },
    ({ engine }) => engine.restartSequence(of(name)),
  )

const pauseOf = (name: SequenceName) =>
  new Command(
    `pause ${name}`,
    (model) => {
      const run = model.newest(name)
      if (run === undefined || !model.inProgress(name)) return 'EnrollmentNotActive'
      if (run.status === 'paused') return { outcome: 'already_paused', run: model.runs[name].length }
      run.status = 'paused'
      return { outcome: 'paused', run: model.runs[name].length }
    },
    ({ engine }) => engine.pauseSequence(of(name)),
  )

const resumeOf = (name: SequenceName, shift: boolean) =>
  new Command(
    `resume ${name}${shift ? ', shifting' : ''}`,
    (model) => {
      const run = model.newest(name)
      if (run === undefined || !model.inProgress(name)) return 'EnrollmentNotActive'
      if (run.status !== 'paused') return { outcome: 'not_paused', run: model.runs[name].length }
      run.status = 'active'
      model.resumed(run, 'byHand', shift)
      return { outcome: 'resumed', run: model.runs[name].length }
    },
    ({ engine }) => engine.resumeSequence({ ...of(name), shift }),
  )

const stopAll = new Command(
  'stop all',
  (model) => ({ stopped: expect.toSatisfy(namesAre(model.stopAll())) }),
  ({ engine }) => engine.stopAll(ann),
)

const namesAre = (names: readonly string[]) => (stopped: readonly Parameters<typeof nameOf>[0][]) =>
  stopped.map(nameOf).sort().join() === [...names].sort().join()

const suppressFor = (hours: number | null) =>
  new Command(
    `suppress ${hours === null ? 'without end' : `for ${hours} h`}`,
    (model) => {
      const untilMs = hours === null ? Number.POSITIVE_INFINITY : model.nowMs + hours * HOUR
      if (model.banned() && model.bannedUntilMs === untilMs) return { outcome: 'already_suppressed', stopped: [] }
      model.bannedUntilMs = untilMs
      return { outcome: 'suppressed', stopped: expect.toSatisfy(namesAre(model.stopAll())) }
    },
    ({ engine, clock }) =>
      engine.suppress({ ...ann, until: hours === null ? null : instantOf(epochMsOf(clock.now()) + hours * HOUR) }),
  )

const unsuppress = new Command(
  'unsuppress',
  (model) => {
    if (!model.banned()) return { outcome: 'not_suppressed' }
    model.bannedUntilMs = null
    return { outcome: 'unsuppressed' }
  },
  ({ engine }) => engine.unsuppress(ann),
)

const signalOf = (goalId: GoalName) =>
  new Command(
    `signal ${goalId}`,
    (model) => {
      const goal = GOALS[goalId]
      const answer = (outcome: string, stopped: readonly object[] = [], started: readonly object[] = []) => ({
        goals: [{ campaignId: 'pool', goalId, outcome, stopped, started }],
      })
      if (model.banned()) return answer('suppressed')
      if (goal.members && !NAMES.some((name) => model.open(name))) return answer('not_member')
      const stopped = NAMES.filter((name) => (goal.stops as readonly string[]).includes(name) && model.open(name))
      for (const name of stopped) model.stop(name)
      const started = (goal.starts as readonly SequenceName[]).map((name) => {
        const outcome = model.inProgress(name) ? 'already_active' : 'started'
        if (outcome === 'started') model.start(name)
        return { sequenceId: name, run: model.runs[name].length, outcome }
      })
      const stoppedRuns = expect.toSatisfy(namesAre(stopped)) as readonly object[]
      return answer('satisfied', stoppedRuns, started)
    },
    ({ engine }) => {
      const { kind, ...more } = GOALS[goalId]
      return engine.signal({ contactId: 'ann', kind, ...('data' in more ? { data: more.data } : {}) })
    },
  )

const resendOf = (name: SequenceName, index: number) => {
  const stepId = stepIdOf(name, index)
  return new Command(
    `resend ${stepId} of ${name}`,
    (model) => {
      if (model.banned()) return 'ContactSuppressed'
      const run = model.newest(name)
      if (run === undefined) return 'EnrollmentNotActive'
      const step = run.steps.find((one) => one.id === stepId) as ModelStep
      if (step.state === 'pending' || step.state === 'cancelled') return 'StepNotReached'
      step.resends += 1
      step.resendsToDo += 1
      return { outcome: 'resent', run: model.runs[name].length, resend: step.resends }
    },
    ({ engine }) => engine.resendStep({ ...of(name), stepId }),
  )
}

const cancelOf = (name: SequenceName, index: number) => {
  const stepId = stepIdOf(name, index)
  return new Command(
    `cancel ${stepId} of ${name}`,
    (model) => {
      const run = model.newest(name)
      const step = run?.steps.find((one) => one.id === stepId)
      if (run === undefined || step === undefined) return 'EnrollmentNotActive'
      if (step.state === 'cancelled') return { outcome: 'already_cancelled', run: model.runs[name].length }
      if (!model.inProgress(name)) return 'EnrollmentNotActive'
      const taken = takenIn(step)
      if (taken !== null) return taken
      step.state = 'cancelled'
      return { outcome: 'cancelled', run: model.runs[name].length }
    },
    ({ engine }) => engine.cancelStep({ ...of(name), stepId }),
  )
}

/** Why a step of a run in progress cannot be taken any more; `null`: it can. */
function takenIn({ state, isPassed }: ModelStep): string | null {
  if (state === 'sent') return 'StepAlreadySent'
  return state !== 'pending' || isPassed ? 'StepAlreadyResolved' : null
}

function stepIdOf(name: SequenceName, index: number): string {
  const ids = Object.keys(SEQUENCES[name])
  return ids[index % ids.length] as string
}

// --- What operators change of the schedule ------------------------------------------------------------------------------

/** A command that is given only where the model says all of it. */
class Where extends Command {
  readonly isFit: (model: Readonly<Model>) => boolean
  constructor(isFit: (model: Readonly<Model>) => boolean, ...rest: ConstructorParameters<typeof Command>) {
    super(...rest)
    this.isFit = isFit
  }
  override check(model: Readonly<Model> | null = null): boolean {
    return model === null || model.erased || this.isFit(model)
  }
}

const startAt = (name: SequenceName, index: number) => {
  const stepId = stepIdOf(name, index)
  return new Command(
    `start ${name} at ${stepId}`,
    (model) => {
      if (model.banned()) return 'ContactSuppressed'
      if (model.inProgress(name)) return { outcome: 'already_active', run: model.runs[name].length }
      model.start(name, Object.keys(SEQUENCES[name]).indexOf(stepId))
      return { outcome: 'started', run: model.runs[name].length }
    },
    ({ engine }) => engine.startSequence({ ...of(name), atStep: stepId }),
  )
}

const skipOf = (name: SequenceName, index: number) => {
  const stepId = stepIdOf(name, index)
  return new Command(
    `skip ${stepId} of ${name}`,
    (model) => {
      const run = model.newest(name)
      const step = run?.steps.find((one) => one.id === stepId)
      if (run === undefined || step === undefined) return 'EnrollmentNotActive'
      const answer = { run: model.runs[name].length }
      if (['skipped', 'ahead', 'left out'].includes(step.state)) return { outcome: 'already_skipped', ...answer }
      if (!model.inProgress(name)) return 'EnrollmentNotActive'
      const taken = takenIn(step)
      if (taken !== null) return taken
      if (model.standing(run) !== step) step.state = 'ahead'
      else {
        model.resolve(run, step, 'skipped')
        const next = model.due(run)
        if (next.step === null && next.atMs <= model.nowMs) model.complete(name, run)
      }
      return { outcome: 'skipped', ...answer }
    },
    ({ engine }) => engine.skipStep({ ...of(name), stepId }),
  )
}

const sendNowOf = (name: SequenceName) =>
  new Where(
    ({ pausedSinceMs }) => pausedSinceMs === null,
    `send ${name} now`,
    (model) => {
      const run = model.newest(name)
      if (model.banned()) return 'ContactSuppressed'
      if (run?.status !== 'active') return 'EnrollmentNotActive'
      const step = model.standing(run)
      if (step === undefined) return 'NoStepLeft'
      step.byHand = { atMs: model.nowMs, spans: run.spans.length, shifts: run.shifts.length }
      return { outcome: 'due_now', run: model.runs[name].length, stepId: step.id }
    },
    ({ engine }) => engine.sendNow(of(name)),
  )

/** Of the step that stands next: to an instant, or back to its timer. */
const rescheduleOf = (name: SequenceName, index: number, hours: number | null) => {
  const stepId = stepIdOf(name, index)
  return new Where(
    (model) => {
      const run = model.newest(name)
      const isHeld = model.pausedSinceMs !== null || run?.status === 'paused'
      const step = run?.steps.find((one) => one.id === stepId)
      return !isHeld && (step === undefined || takenIn(step) !== null || model.standing(run) === step)
    },
    `reschedule ${stepId} of ${name} ${hours === null ? 'by its timer' : `in ${hours} h`}`,
    (model) => {
      const run = model.newest(name)
      const step = run?.steps.find((one) => one.id === stepId)
      if (run === undefined || step === undefined || !model.inProgress(name)) return 'EnrollmentNotActive'
      const taken = takenIn(step)
      if (taken !== null) return taken
      const answer = { run: model.runs[name].length }
      if (hours === null && step.byHand === null) return { outcome: 'not_rescheduled', ...answer }
      const [spans, shifts] = [run.spans.length, run.shifts.length]
      step.byHand = hours === null ? null : { atMs: model.nowMs + hours * HOUR, spans, shifts }
      return { outcome: hours === null ? 'cleared' : 'rescheduled', ...answer }
    },
    ({ engine, clock }) => {
      const when = hours === null ? { clear: true } : { dueAt: instantOf(epochMsOf(clock.now()) + hours * HOUR) }
      return engine.rescheduleStep({ ...of(name), stepId, ...when })
    },
  )
}

/** Earlier only as far as no wait is cut: by how much it was is proved in `decide.reschedule.test.ts`. */
const shiftOf = (name: SequenceName, hours: number) =>
  new Where(
    (model) => {
      const run = model.newest(name)
      if (hours > 0 || run === undefined) return true
      // Of the waits that cancelled steps have left, each ends now at the earliest: the model knows their sum only.
      if (run.steps.some(({ state }) => state === 'cancelled')) return false
      return model.due(run).atMs + hours * HOUR > model.nowMs
    },
    `shift ${name} by ${hours} h`,
    (model) => {
      const run = model.newest(name)
      if (run === undefined || !model.inProgress(name)) return 'EnrollmentNotActive'
      run.shifts.push(hours * HOUR)
      return { outcome: 'shifted', run: model.runs[name].length }
    },
    ({ engine }) => engine.shiftRun({ ...of(name), by: `${hours < 0 ? '-' : ''}PT${Math.abs(hours)}H` }),
  )

/** To where nothing but what was sent lies ahead; what a move makes of failed and skipped steps is proved in `decide.move.test.ts`. */
const moveOf = (name: SequenceName, index: number, wait: 'keep' | 'none') => {
  const stepId = stepIdOf(name, index)
  const fromThere = (run: ModelRun) => run.steps.slice(run.steps.findIndex(({ id }) => id === stepId))
  return new Where(
    (model) => {
      const run = model.newest(name)
      if (run === undefined || !model.inProgress(name)) return true
      const ahead = fromThere(run)
      return (
        ahead.every(({ state }) => state === 'sent' || state === 'pending') &&
        ahead.some(({ state }) => state === 'pending')
      )
    },
    `move ${name} to ${stepId}, wait ${wait}`,
    (model) => {
      const run = model.newest(name)
      if (run === undefined || !model.inProgress(name)) return 'EnrollmentNotActive'
      const byHand = run.steps.map((step) => (step.byHand === null ? null : model.dueByHand(run, step.byHand)))
      const ahead = fromThere(run)
      run.anchorMs = model.nowMs
      run.spans = []
      run.shifts = []
      for (const [i, step] of run.steps.entries()) {
        const atMs = byHand[i] ?? null
        step.byHand = atMs === null || atMs <= model.nowMs ? null : { atMs, spans: 0, shifts: 0 }
        step.isPassed = !ahead.includes(step)
        step.isOld = step.state !== 'pending'
        step.hasNoWait = false
      }
      const standing = model.standing(run)
      if (standing !== undefined) standing.hasNoWait = wait === 'none'
      return { outcome: 'moved', run: model.runs[name].length }
    },
    ({ engine }) => engine.moveRun({ ...of(name), toStep: stepId, wait }),
  )
}

const erase = new Command(
  'erase',
  (model) => {
    model.stopAll()
    model.erased = true
    return { outcome: 'erased' }
  },
  ({ engine }) => engine.erase(ann),
)

const runDue = new Happening(
  'run due',
  (model) => {
    model.dispatch()
    return {}
  },
  ({ engine }) => engine.runDue(),
)

const advance = (hours: number) =>
  new Happening(
    `wait ${hours} h`,
    (model) => {
      model.pass(hours * HOUR)
      return {}
    },
    async ({ clock }) => clock.advance(hours * HOUR),
  )

const handlerFails = (fails: boolean) =>
  new Happening(
    fails ? 'the handler breaks' : 'the handler works',
    (model) => {
      model.handlerFails = fails
      return {}
    },
    async (real) => {
      real.handlerFails = fails
    },
  )

const reopen = new Happening(
  'the process restarts',
  () => ({}),
  async (real) => {
    await real.engine.close()
    await real.store.close()
    Object.assign(real, open(real, real))
  },
)

const BY = { actor: 'olga' }

/** An order on the campaign, which is taken whatever became of the contact. */
class CampaignCommand extends Command {
  override async run(model: Model, real: Real): Promise<void> {
    const expected = this.predict(model)
    const given = (await this.deed(real)) as Given
    expect(isLeft(given) ? given.left : given.right).toMatchObject(expected as object)
    await expectSame(model, real)
  }
}

const pauseCampaign = new CampaignCommand(
  'pause the campaign',
  (model) => {
    if (model.pausedSinceMs !== null) return { outcome: 'already_paused' }
    model.pausedSinceMs = model.nowMs
    return { outcome: 'paused' }
  },
  ({ engine }) => engine.pauseCampaign('pool', BY),
)

type Overdue = 'shift' | 'send' | 'skip'

const resumeCampaign = (overdue: Overdue) =>
  new CampaignCommand(
    `resume the campaign, ${overdue}`,
    (model) => {
      if (model.pausedSinceMs === null) return { outcome: 'not_paused' }
      if (overdue === 'skip') model.skipped.push({ fromMs: model.pausedSinceMs, untilMs: model.nowMs })
      model.pausedSinceMs = null
      for (const name of NAMES)
        for (const run of model.runs[name]) model.resumed(run, 'byCampaign', overdue === 'shift')
      return { outcome: 'resumed' }
    },
    ({ engine }) => engine.resumeCampaign('pool', { ...BY, overdue }),
  )

/** Several commands as one: what rarely comes together by chance. */
class Several implements fc.AsyncCommand<Model, Real> {
  readonly parts: readonly Command[]
  constructor(...parts: readonly Command[]) {
    this.parts = parts
  }
  check(): boolean {
    return true
  }
  async run(model: Model, real: Real): Promise<void> {
    for (const part of this.parts) await part.run(model, real)
  }
  toString(): string {
    return this.parts.join(', ')
  }
}

/**
 * What is left out is recorded when its contact's turn comes. While a run is paused by itself that is later, and the model
 * does not say what else may have become of its step by then.
 */
class PauseOfCampaign extends Several {
  readonly overdue: Overdue
  constructor(overdue: Overdue, ...parts: readonly Command[]) {
    super(...parts)
    this.overdue = overdue
  }
  override check(model: Readonly<Model> | null = null): boolean {
    if (this.overdue !== 'skip' || model === null) return true
    // Nor which instant it says was due where operators had moved it.
    const isByHand = (run: ModelRun) => run.shifts.length > 0 || run.steps.some(({ byHand }) => byHand !== null)
    if (NAMES.some((name) => model.runs[name].some(isByHand))) return false
    return model.pausedSinceMs === null && NAMES.every((name) => model.newest(name)?.status !== 'paused')
  }
}

// Some sequences often, so that much happens to them.
const name = fc.constantFrom<SequenceName[]>(
  'nurture',
  'nurture',
  'nurture',
  'side',
  'side',
  'onboarding',
  'care',
  'cart 1',
  'cart 1',
  'cart 2',
)
const index = fc.nat(2)
const goal = fc.constantFrom<GoalName[]>('asked', 'bought', 'leave', 'paid')
const hours = fc.constantFrom(1, 6, 12, 24, 25, 72)
const commands = fc.commands(
  [
    name.map(startOf),
    name.map((one) => new Several(startOf(one), runDue)),
    name.map(stopOf),
    name.map(restartOf),
    name.map(pauseOf),
    fc.tuple(name, fc.boolean()).map(([one, shift]) => resumeOf(one, shift)),
    fc
      .tuple(name, hours, fc.boolean())
      .map(([one, wait, shift]) => new Several(pauseOf(one), advance(wait), runDue, resumeOf(one, shift), runDue)),
    fc
      .tuple(fc.constantFrom<(number | null)[]>(null, 1, 30), fc.nat(2))
      .map(([ban, n]) => (n === 0 ? suppressFor(ban) : unsuppress)),
    fc.nat(19).map((n) => (n === 0 ? erase : n < 5 ? stopAll : runDue)),
    goal.map(signalOf),
    goal.map((one) => new Several(signalOf(one), runDue)),
    hours.map((wait) => new Several(startOf('cart 1'), startOf('cart 2'), signalOf('paid'), advance(wait), runDue)),
    fc.tuple(name, index).map(([one, i]) => resendOf(one, i)),
    fc
      .tuple(name, index, fc.constantFrom(stopOf, restartOf, pauseOf))
      .map(([one, i, then]) => new Several(resendOf(one, i), then(one), runDue)),
    fc.tuple(name, index).map(([one, i]) => cancelOf(one, i)),
    fc
      .tuple(name, hours)
      .map(([one, wait]) => new Several(cancelOf(one, 1), cancelOf(one, 2), pauseOf(one), advance(wait), runDue)),
    fc.tuple(name, index).map(([one, i]) => startAt(one, i)),
    fc.tuple(name, index).map(([one, i]) => skipOf(one, i)),
    name.map(sendNowOf),
    fc.tuple(name, index, fc.constantFrom(null, 1, 12, 30)).map(([one, i, wait]) => rescheduleOf(one, i, wait)),
    fc.tuple(name, fc.constantFrom(-12, -1, 6, 48)).map(([one, by]) => shiftOf(one, by)),
    fc
      .tuple(name, index, fc.constantFrom('keep' as const, 'none' as const))
      .map(([one, i, wait]) => moveOf(one, i, wait)),
    hours.map(advance),
    fc.constant(pauseCampaign),
    fc.constantFrom<Overdue[]>('shift', 'send').map((overdue) => new Several(resumeCampaign(overdue), runDue)),
    fc
      .tuple(hours, fc.constantFrom<Overdue[]>('shift', 'send', 'skip'))
      .map(
        ([wait, overdue]) =>
          new PauseOfCampaign(overdue, pauseCampaign, advance(wait), runDue, resumeCampaign(overdue), runDue),
      ),
    hours.map((wait) => new Several(advance(wait), runDue)),
    hours.map((wait) => new Several(advance(wait), runDue)),
    fc.nat(4).map((n) => handlerFails(n === 0)),
    fc.constant(reopen),
  ],
  { maxCommands: 50, size: 'max' },
)

const directory = temporaryDirectory()
let files = 0
const sqlite = (path: string) => createSqliteStore({ path, synchronous: 'NORMAL' })
const stores: { readonly [name: string]: () => (path: string) => Store } = {
  // Each state that is kept must be as good as the whole stream.
  sqlite: () => (path) => keepingStates(sqlite(path), (version) => version % 3 !== 0),
  PostgreSQL() {
    const schema = newSchema()
    return () => createPostgresStore({ connectionString: server.url, schema, maxConnections: 4 })
  },
  'log, sqlite read model': () => (path) => combineStores(sqlite(path), sqlite(`${path}.read-model`)),
  'log, memory read model'() {
    // What is in memory is there after a restart, as a server would be.
    const log = createMemoryStore()
    const readModel = createMemoryStore()
    return () => ({ ...combineStores(log, readModel), close: async () => {} })
  },
  'EventStoreDB, sqlite read model': () => overEventStoreDb(sqlite),
  'EventStoreDB, PostgreSQL read model'() {
    const schema = newSchema()
    return overEventStoreDb(() => createPostgresStore({ connectionString: server.url, schema, maxConnections: 4 }))
  },
}

function overEventStoreDb(open: (path: string) => Store): (path: string) => Store {
  const prefix = `m${++files}-`
  return (path) => combineStores(createEventStoreDbStore(onEventStoreDb(prefix)), open(path))
}

/** What takes a file microseconds takes a server milliseconds. */
const SERVERS: ReadonlySet<string> = new Set([
  'PostgreSQL',
  'EventStoreDB, sqlite read model',
  'EventStoreDB, PostgreSQL read model',
])

it.each(Object.entries(stores))(
  'START, STOP, PAUSE, GATE, GOAL, RESEND, CANCEL, SKIP, NOW, SHIFT, JUMP, ERASE, KEY: over the %s, the engine does what the rules say, whatever is ordered and when',
  async (name, stored) => {
    const opened: Real[] = []
    await fc.assert(
      fc
        .asyncProperty(commands, async (given) => {
          const real = {
            path: join(directory, `${++files}.db`),
            clock: createSimulatedClock(MONDAY),
            openStore: stored(),
            mails: 0,
            handlerFails: false,
          } as unknown as Real
          Object.assign(real, open(real, real))
          opened.push(real)
          await real.engine.publish(campaign)
          await fc.asyncModelRun(() => ({ model: new Model(), real }), given)
          expect(await real.engine.verifyIndex()).toMatchObject({ differences: [], counters: [], states: [] })
        })
        .afterEach(async () => {
          for (const { engine, store } of opened.splice(0)) {
            await engine.close()
            await store.close()
          }
        }),
      { numRuns: runs(SERVERS.has(name) ? 2 : 12) },
    )
  },
  600_000,
)
