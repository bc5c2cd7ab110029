/**
 * Given, when, then for campaigns: what happened before, one command, and what must come of it.
 * No engine, no store, no waiting: the scenario asks the same pure `decide` and `plan` as the engine does.
 * (There is no method called `then`: `await` would take such an object for a promise.)
 */
import {
  type About,
  type AnswerTo,
  type CampaignId,
  type Cause,
  type ContactCommand,
  type ContactEvent,
  type ContactEventData,
  type ContactEventType,
  type ContactState,
  commandOf,
  contactStream,
  createCatalog,
  type DecisionContext,
  decideOnce,
  decidePauseCampaign,
  decidePublish,
  decideResumeCampaign,
  decideUnpublish,
  durationMs,
  type Either,
  EnfoldFault,
  enrollmentOf,
  epochMsOf,
  evolve,
  type Facts,
  freeWake,
  type Instant,
  idempotencyKeyOf,
  initialContact,
  instantOf,
  isInstant,
  isLeft,
  newestRun,
  occurrenceIn,
  type PauseCampaign,
  type Plan,
  plan,
  type RecordedContactEvent,
  type Rejection,
  type ResumeCampaign,
  recordFor,
  refOf,
  right,
  runOf,
  type SequenceId,
  type StepId,
  type StepOutcome,
  type StepRef,
  type StoryWord,
  sendingRun,
  VERB_NAMES,
  VERB_OF_STORY,
  VERBS,
  type VerbName,
  type VerbOf,
} from '@enfold/core'
import { differenceOf, show } from './difference.ts'

// --- What is said ---------------------------------------------------------------------------------------------------

/** What a scenario fills in where a command leaves it out. */
type Filled =
  | ('contactId' | 'campaignId' | 'commandId' | 'actor')
  | { [Name in VerbName]: keyof VerbOf<Name>['takes'] }[VerbName]
  | ('signalId' | 'data' | 'occurredAt' | 'fromStep')
  | ('inFlight' | 'limit' | 'run' | 'resend' | 'attempt' | 'retryAt')

type Loosened<Command> = Command extends unknown
  ? Omit<Command, Filled> & Partial<Pick<Command, Filled & keyof Command>>
  : never

/** A command as a test writes it: ids of command and contact, actor and the like are drawn, the same in every run. */
export type ScenarioCommand = Loosened<ContactCommand>

/** One of the commands, by its type: `ScenarioCommandOf<'StartSequence'>`. */
export type ScenarioCommandOf<Type extends ContactCommand['type']> = Extract<ScenarioCommand, { type: Type }>

type More<Type extends ContactCommand['type']> = Partial<Omit<ScenarioCommandOf<Type>, 'type'>>

/** A verb as a word of a story: it takes what the verb is about, and whatever else is to be fixed. */
interface Told<Type extends ContactCommand['type']> {
  readonly contact: (more?: More<Type>) => ScenarioCommandOf<Type>
  readonly sequence: (sequenceId: SequenceId, more?: More<Type>) => ScenarioCommandOf<Type>
  readonly step: (sequenceId: SequenceId, stepId: StepId, more?: More<Type>) => ScenarioCommandOf<Type>
  readonly signal: (kind: string, more?: More<Type>) => ScenarioCommandOf<Type>
  readonly received: (signalId: string, more?: More<Type>) => ScenarioCommandOf<Type>
}

/** The verbs of the engine by their words: `start`, `stopAll`. */
type VerbWords = {
  readonly [Name in VerbName as StoryWord<Name>]: Told<VerbOf<Name>['command']>[VerbOf<Name>['about']]
}

type Fields = { readonly [field: string]: unknown }

const TOLD = {
  contact:
    (type: string) =>
    (more: Fields = {}) => ({ type, ...more }),
  sequence:
    (type: string) =>
    (sequenceId: SequenceId, more: Fields = {}) => ({ type, sequenceId, ...more }),
  step:
    (type: string) =>
    (sequenceId: SequenceId, stepId: StepId, more: Fields = {}) => ({
      type,
      sequenceId,
      stepId,
      ...more,
    }),
  signal:
    (type: string) =>
    (kind: string, more: Fields = {}) => ({ type, kind, ...more }),
  received:
    (type: string) =>
    (signalId: string, more: Fields = {}) => ({ type, signalId, ...more }),
} satisfies Record<About, unknown>

const words = [...VERB_OF_STORY].map(([word, name]) => [word, TOLD[VERBS[name].about](VERBS[name].command)] as const)

/**
 * The commands as words, so that a test reads as a sentence: every verb of the engine, and the dispatcher's two. Each takes
 * what it is about, and whatever else is to be fixed: `start('nurture', { commandId: 'k1' })`. Options that are left out
 * mean what they mean to the engine: `resume` does not shift, `suppress` has no end. Of a signal: an id of its own, no
 * data, occurred now, not from a step.
 */
export const commands = {
  ...(Object.fromEntries(words) as unknown as VerbWords),
  /** Undoes what the command of this id did: short for `undoOrder({ undoes })`, as an action that undoes another one has it. */
  undo: (undoes: string, more: More<'UndoOrder'> = {}): ScenarioCommandOf<'UndoOrder'> => ({
    type: 'UndoOrder',
    undoes,
    ...more,
  }),
  /** Default `inFlight`: every dispatched step, so that no worker has died; `new Set()`: all have. */
  dispatch: (more: More<'DispatchDue'> = {}): ScenarioCommandOf<'DispatchDue'> => ({ type: 'DispatchDue', ...more }),
  /** What the handler answered. Defaults: newest run, scheduled sending, last attempt, a retry in a minute. */
  report: (
    sequenceId: SequenceId,
    stepId: StepId,
    outcome: StepOutcome,
    more: More<'RecordOutcome'> = {},
  ): ScenarioCommandOf<'RecordOutcome'> => ({ type: 'RecordOutcome', sequenceId, stepId, outcome, ...more }),
}

/** An expected event: its type; or with the part of its data that matters; or with more of its envelope. */
export type ExpectedEvent = {
  [Type in ContactEventType]:
    | Type
    | readonly [Type, PartOf<ContactEventData[Type]>]
    | {
        readonly type: Type
        readonly data?: PartOf<ContactEventData[Type]>
        readonly at?: Instant
        readonly cause?: PartOf<Cause>
        readonly actor?: string | null
        readonly commandId?: string
        readonly correlationId?: string
        readonly causationId?: string
      }
}[ContactEventType]

type PartOf<T> = T extends readonly (infer Item)[]
  ? readonly PartOf<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]?: PartOf<T[Key]> }
    : T

export interface ScenarioOptions {
  /** Definitions, published before anything happens. A command without a campaign means the first. */
  readonly campaigns: readonly unknown[]
  /** What the directory says of the contact; `null`: it knows no such contact. Default: no facts. */
  readonly facts?: Facts | null
  /** Default "2026-03-02T09:00:00.000Z", a Monday. */
  readonly now?: Instant
  /** Default "contact". */
  readonly contactId?: string
}

/** What the handlers answer. Default: `sent`. */
export type OutcomeOf = (
  dispatched: ContactEventData['StepDispatched'],
  at: Instant,
) => StepOutcome | /** The worker dies: no outcome. */ 'lost'

// --- The scenario ---------------------------------------------------------------------------------------------------

/** A contact's story so far. Immutable: each step of the story gives a new one, so several ends can share a beginning. */
export interface Scenario {
  readonly contactId: string
  readonly now: Instant
  readonly state: ContactState
  readonly events: readonly RecordedContactEvent[]
  /** What is due, and when to look again. */
  readonly plan: Plan
  /** What a decision sees now. */
  readonly context: DecisionContext
  /**
   * Commands that are carried out, or events that simply happened. Throws if a command is refused.
   * A command counts also if it changes nothing.
   */
  given(...story: readonly (ScenarioCommand | ContactEvent)[]): Scenario
  /** At an instant, or so long after the present one ("P2D"). Nothing is dispatched on the way. */
  at(when: Instant | string): Scenario
  /** From now on the directory says this of the contact. */
  facts(facts: Facts | null): Scenario
  publish(definition: unknown): Scenario
  unpublish(campaignId?: CampaignId): Scenario
  /** Default: all sequences, open to entries (GATE-1). */
  pauseCampaign(
    order?: Pick<PauseCampaign, 'sequences'> & Partial<Pick<PauseCampaign, 'campaignId' | 'entries'>>,
  ): Scenario
  /**
   * Default: waits are longer by the pause (GATE-3). Without a pace: that holds up a contact only while others go before it,
   * and a scenario has one contact.
   */
  resumeCampaign(order?: Partial<Pick<ResumeCampaign, 'campaignId' | 'overdue'>>): Scenario
  /** Dispatches what is due at this instant and records what the handlers answer, until nothing more is due. */
  dispatched(outcomeOf?: OutcomeOf): Scenario
  /** Lets time pass up to an instant, or for a duration, dispatching whatever falls due on the way, at its instant. */
  passed(until: Instant | string, outcomeOf?: OutcomeOf): Scenario
  when<Type extends ContactCommand['type']>(command: ScenarioCommandOf<Type> & { readonly type: Type }): Verdict<Type>
}

type RejectionOf<Type extends Rejection['type'], R = Rejection> = R extends { type: infer One }
  ? Type extends One
    ? R
    : never
  : never

/** What a command came to. Each check throws an error that says what was expected and what came instead. */
export interface Verdict<Type extends ContactCommand['type']> {
  /** Exactly these events, in order, each as far as it is described. */
  thenEvents(...expected: readonly ExpectedEvent[]): Verdict<Type>
  /** No event; with an answer where one is named. */
  thenNothing(answer?: AnswerTo<Extract<ContactCommand, { type: Type }>>): Verdict<Type>
  /** Exactly this answer. */
  thenAnswer(expected: AnswerTo<Extract<ContactCommand, { type: Type }>>): Verdict<Type>
  /** Refused, for this reason and with these fields at least. */
  thenRejected<R extends Rejection['type']>(type: R, fields?: Partial<Omit<RejectionOf<R>, 'type'>>): Verdict<Type>
  readonly result: Either<Rejection, { readonly events: readonly ContactEvent[]; readonly answer: unknown }>
  /** The story including this command, to go on with. */
  readonly after: Scenario
}

/**
 * Begins a scenario.
 *
 * @throws EnfoldFault `INVALID_INPUT` for a definition or an instant that is none.
 * @example
 * const { start, stop } = commands
 * scenario({ campaigns: [poolOwners] })
 *   .given(start('nurture'))
 *   .at('P2D')
 *   .when(stop('nurture'))
 *   .thenEvents(['SequenceStopped', { sequenceId: 'nurture', run: 1 }])
 */
export function scenario(options: ScenarioOptions): Scenario {
  const now = options.now ?? '2026-03-02T09:00:00.000Z'
  if (!isInstant(now)) throw EnfoldFault.invalidInput('now', now, 'an instant such as "2026-03-02T09:00:00.000Z"')
  const start: Story = {
    contactId: options.contactId ?? 'contact',
    publications: [],
    firstCampaign: null,
    facts: options.facts === undefined ? {} : options.facts,
    now,
    state: initialContact,
    events: [],
    commandCount: 0,
    lost: new Set(),
  }
  return options.campaigns.reduce<Scenario>((story, definition) => story.publish(definition), scenarioOf(start))
}

interface Story {
  readonly contactId: string
  readonly publications: readonly Parameters<DecisionContext['campaigns']['apply']>[0][]
  readonly firstCampaign: CampaignId | null
  readonly facts: Facts | null
  readonly now: Instant
  readonly state: ContactState
  readonly events: readonly RecordedContactEvent[]
  readonly commandCount: number
  /** Keys of sendings whose worker died. */
  readonly lost: ReadonlySet<string>
}

function scenarioOf(story: Story): Scenario {
  const { contactId, state, now, facts } = story
  let known: DecisionContext['campaigns'] | undefined
  const catalog = () => {
    if (known === undefined) {
      known = createCatalog()
      for (const publication of story.publications) known.apply(publication)
    }
    return known
  }
  const self: Scenario = {
    contactId,
    now,
    state,
    events: story.events,
    get plan() {
      return plan(contactId, state, catalog(), facts, now, inFlightOf(story))
    },
    get context() {
      return { campaigns: catalog(), facts, now, history: story.events }
    },
    given: (...told) =>
      told.reduce<Scenario>((scene, one) => {
        const before = storyOf(scene)
        if ('id' in one && 'data' in one && 'cause' in one) return scenarioOf(withEvents(before, [one as ContactEvent]))
        const verdict = decided(scene, one as ScenarioCommand)
        if (isLeft(verdict.result))
          throw new Error(`given ${show(one)}: refused with ${show(verdict.result.left)}; a story holds what was done.`)
        return verdict.after
      }, self),
    at: (when) => scenarioOf({ ...story, now: instantFrom(now, when) }),
    facts: (next) => scenarioOf({ ...story, facts: next }),
    publish(definition) {
      const decided = decidePublish({ type: 'PublishCampaign', definition, ...metaOf(story) }, catalog(), now)
      if (isLeft(decided)) throw EnfoldFault.invalidInput('definition', decided.left.problems, 'a valid campaign')
      return scenarioOf(withPublications(story, decided.right.events))
    },
    unpublish(campaignId = story.firstCampaign ?? '') {
      const decided = decideUnpublish({ type: 'UnpublishCampaign', campaignId, ...metaOf(story) }, catalog(), now)
      if (isLeft(decided)) throw EnfoldFault.invalidInput('campaignId', campaignId, 'the id of a campaign')
      return scenarioOf(withPublications(story, decided.right.events))
    },
    pauseCampaign({ campaignId = story.firstCampaign ?? '', entries = 'open', ...more } = {}) {
      const command = { type: 'PauseCampaign', campaignId, entries, ...more, ...metaOf(story) } as const
      const decided = decidePauseCampaign(command, catalog(), now)
      if (isLeft(decided)) throw EnfoldFault.invalidInput('pauseCampaign', decided.left, 'a campaign and its sequences')
      return scenarioOf(withPublications(story, decided.right.events))
    },
    resumeCampaign({ campaignId = story.firstCampaign ?? '', overdue = 'shift' } = {}) {
      const command = { type: 'ResumeCampaign', campaignId, overdue, ...metaOf(story) } as const
      const decided = decideResumeCampaign(command, catalog(), now)
      if (isLeft(decided)) throw EnfoldFault.invalidInput('campaignId', campaignId, 'the id of a campaign')
      return scenarioOf(withPublications(story, decided.right.events))
    },
    dispatched: (outcomeOf = () => ({ outcome: 'sent' })) => dispatchedOf(self, outcomeOf),
    passed(until, outcomeOf = () => ({ outcome: 'sent' })) {
      const end = instantFrom(now, until)
      let scene: Scenario = self
      for (let rounds = 0; rounds < MAX_ROUNDS; rounds++) {
        const { due } = scene.plan
        const next = due.length > 0 ? scene.now : freeWake(scene.plan)
        // Nothing due, and a wake that is not in the future: a handler is still at work.
        if (next === null || next > end || (due.length === 0 && next <= scene.now)) return scene.at(end)
        scene = dispatchedOf(next > scene.now ? scene.at(next) : scene, outcomeOf)
      }
      throw new Error(`passed(${show(until)}): still something due after ${MAX_ROUNDS} rounds; does a sequence loop?`)
    },
    when: (command) => decided(self, command as ScenarioCommand) as never,
  }
  stories.set(self, story)
  return self
}

const MAX_ROUNDS = 10_000
const stories = new WeakMap<Scenario, Story>()
const storyOf = (scene: Scenario): Story => stories.get(scene) as Story

function withEvents(story: Story, events: readonly ContactEvent[]): Story {
  const stream = contactStream(story.contactId)
  const recorded = events.map((event, i): RecordedContactEvent => {
    const version = story.events.length + i + 1
    return { ...event, stream, version, position: version }
  })
  return { ...story, events: [...story.events, ...recorded], state: events.reduce(evolve, story.state) }
}

type NewPublication = Omit<Story['publications'][number], 'version'>

function withPublications(story: Story, events: readonly NewPublication[]): Story {
  const added = events.map((event) => {
    const before = story.publications.filter((one) => one.data.campaignId === event.data.campaignId).length
    return { ...event, version: before + 1 } as Story['publications'][number]
  })
  return {
    ...story,
    publications: [...story.publications, ...added],
    firstCampaign: story.firstCampaign ?? added[0]?.data.campaignId ?? null,
    commandCount: story.commandCount + 1,
  }
}

function metaOf(story: Story) {
  return { commandId: `command-${story.commandCount + 1}`, actor: 'operator' }
}

function instantFrom(now: Instant, when: Instant | string): Instant {
  if (isInstant(when)) return when
  const ms = durationMs(when)
  if (ms === null) throw EnfoldFault.invalidInput('when', when, 'an instant, or an ISO 8601 duration such as "P2D"')
  return instantOf(epochMsOf(now) + ms)
}

/** Every sending that was dispatched and has no outcome, save those whose worker died. */
function inFlightOf({ contactId, state, lost }: Story): ReadonlySet<string> {
  const keys = new Set<string>()
  for (const enrollment of state.enrollments)
    for (const run of enrollment.runs)
      for (const { stepId, occurrence, status, resends } of run.steps) {
        const time = occurrence === undefined ? {} : { occurrence }
        const keyOf = (resend: number) =>
          idempotencyKeyOf({ contactId, ...refOf(enrollment), run: sendingRun(run, resend), stepId, ...time, resend })
        if (status === 'dispatched') keys.add(keyOf(0))
        for (const resend of resends) if (resend.status === 'dispatched') keys.add(keyOf(resend.resend))
      }
  for (const key of lost) keys.delete(key)
  return keys
}

/** The command with everything that it left out. */
function filled(story: Story, loose: ScenarioCommand): ContactCommand {
  const count = story.commandCount + 1
  const machine = loose.type === 'DispatchDue' || loose.type === 'RecordOutcome'
  const meta = { contactId: story.contactId, commandId: `command-${count}`, actor: machine ? null : 'operator' }
  const ofCampaign = 'sequenceId' in loose ? { campaignId: story.firstCampaign ?? '' } : {}
  const command = { ...meta, ...ofCampaign, ...defaultsOf(story, loose, count), ...loose }
  const verb = VERB_OF_COMMAND.get(loose.type)
  return verb === undefined ? (command as ContactCommand) : commandOf(verb, command)
}

const VERB_OF_COMMAND: ReadonlyMap<string, VerbName> = new Map(VERB_NAMES.map((name) => [VERBS[name].command, name]))

function defaultsOf(story: Story, loose: ScenarioCommand, count: number): object {
  switch (loose.type) {
    case 'HandleSignal': {
      const signalId = loose.signalId ?? `signal-${count}`
      return { signalId, commandId: `signal ${signalId}`, data: {}, fromStep: false }
    }
    case 'DispatchDue':
      return { inFlight: inFlightOf(story), limit: 100 }
    case 'RecordOutcome': {
      const { key = '', sequenceId } = loose
      const sequence = { campaignId: loose.campaignId ?? story.firstCampaign ?? '', sequenceId, key }
      const run = loose.run ?? newestRun(enrollmentOf(story.state, sequence))?.run ?? 0
      const known = runOf(story.state, { ...sequence, run })
      const time: Pick<StepRef, 'occurrence'> = known === undefined ? {} : occurrenceIn(known, loose.stepId)
      const record =
        known === undefined ? undefined : recordFor(known, loose.stepId, loose.occurrence ?? time.occurrence)
      const sending = loose.resend === undefined || loose.resend === 0 ? record : record?.resends[loose.resend - 1]
      const retryAt = instantOf(epochMsOf(story.now) + 60_000)
      return { run, ...time, resend: 0, attempt: sending?.attempt ?? 0, retryAt }
    }
    default:
      return {}
  }
}

function dispatchedOf(scene: Scenario, outcomeOf: OutcomeOf): Scenario {
  let current = scene
  for (let rounds = 0; rounds < MAX_ROUNDS; rounds++) {
    if (current.plan.due.length === 0) return current
    const verdict = decided(current, commands.dispatch())
    current = verdict.after
    const added = isLeft(verdict.result) ? [] : verdict.result.right.events
    for (const event of added) {
      if (event.type !== 'StepDispatched') continue
      const outcome = outcomeOf(event.data, current.now)
      if (outcome === 'lost') {
        const story = storyOf(current)
        current = scenarioOf({ ...story, lost: story.lost.union(new Set([event.data.idempotencyKey])) })
      } else current = decided(current, { type: 'RecordOutcome', ...event.data, outcome }).after
    }
    // A worker that died is found dead by the next look, not by this one.
    if (storyOf(current).lost.size > storyOf(scene).lost.size) return current
  }
  throw new Error(
    `Still something due at ${scene.now} after ${MAX_ROUNDS} rounds; does a sequence loop without a wait?`,
  )
}

// --- The verdict ----------------------------------------------------------------------------------------------------

function decided(scene: Scenario, loose: ScenarioCommand): Verdict<ContactCommand['type']> {
  const story = storyOf(scene)
  const command = filled(story, loose)
  const decision = decideOnce(command, story.events, scene.context, story.state)
  const events = isLeft(decision) ? [] : decision.right.events
  const dispatchedAgain = events.flatMap(({ type, data }) => (type === 'StepDispatched' ? [data.idempotencyKey] : []))
  const lost = story.lost.difference(new Set(dispatchedAgain))
  const after = scenarioOf(withEvents({ ...story, commandCount: story.commandCount + 1, lost }, events))
  const fail = (expected: string, difference = '') => {
    const came = isLeft(decision)
      ? `it was refused with ${show(decision.left)}`
      : `it came to ${show(decision.right.answer)} with ${
          decision.right.events.length === 0
            ? 'no event'
            : `the events\n  ${decision.right.events.map(sketch).join('\n  ')}`
        }`
    const where = difference === '' ? '' : `\n${difference}`
    throw new Error(`when ${show(loose)}\nexpected ${expected}, but ${came}${where}`)
  }
  const verdict: Verdict<ContactCommand['type']> = {
    result: isLeft(decision) ? decision : right({ events: decision.right.events, answer: decision.right.answer }),
    after,
    thenEvents(...expected) {
      const wanted = expected.map((one) => {
        if (typeof one === 'string') return { type: one }
        return Array.isArray(one) ? { type: one[0], data: one[1] } : one
      })
      const said = expected.length === 0 ? 'no event' : `the events\n  ${expected.map(show).join('\n  ')}\n`
      if (isLeft(decision)) return fail(said)
      const difference = differenceOf('events', decision.right.events, wanted, 'part')
      return difference === null ? verdict : fail(said, difference)
    },
    thenNothing(answer) {
      if (isLeft(decision) || decision.right.events.length > 0) return fail('no event')
      return answer === undefined ? verdict : verdict.thenAnswer(answer)
    },
    thenAnswer(expected) {
      if (isLeft(decision)) return fail(`the answer ${show(expected)}`)
      const difference = differenceOf('answer', decision.right.answer, expected, 'whole')
      return difference === null ? verdict : fail(`the answer ${show(expected)}`, difference)
    },
    thenRejected(type, fields = {}) {
      const said = `a refusal ${show({ type, ...fields })}`
      if (!isLeft(decision)) return fail(said)
      const difference = differenceOf('rejection', decision.left, { type, ...fields }, 'part')
      return difference === null ? verdict : fail(said, difference)
    },
  }
  return verdict
}

function sketch({ type, data }: ContactEvent): string {
  return `${type} ${show(data)}`
}

// --- The projector --------------------------------------------------------------------------------------------------

/** What a projection of contact events gives for some events. */
export interface Projection<Change> {
  /** Events whose changes are of no interest here. */
  given(...events: readonly ContactEvent[]): Projection<Change>
  when(...events: readonly ContactEvent[]): {
    /** Exactly these changes, in order, whole. */
    thenChanges(...expected: readonly Change[]): void
  }
}

/**
 * Given, when, then for a projector: a function from a contact and one of its events to changes.
 *
 * @example
 * projection(tagChanges).when(...scenario({ campaigns }).given(start('nurture')).events)
 *   .thenChanges({ change: 'add', contactId: 'contact', tag: 'pool/nurture' })
 */
export function projection<Change>(
  project: (contactId: string, event: RecordedContactEvent) => readonly Change[],
  contactId = 'contact',
  past: readonly ContactEvent[] = [],
): Projection<Change> {
  const placed = (events: readonly ContactEvent[], before: number) =>
    events.map((event, i): RecordedContactEvent => {
      const version = before + i + 1
      return { ...event, stream: contactStream(contactId), version, position: version }
    })
  return {
    given: (...events) => projection(project, contactId, [...past, ...events]),
    when(...events) {
      for (const event of placed(past, 0)) project(contactId, event)
      const changes = placed(events, past.length).flatMap((event) => project(contactId, event))
      return {
        thenChanges(...expected) {
          const difference = differenceOf('changes', changes, expected, 'whole')
          if (difference !== null)
            throw new Error(`expected the changes ${show(expected)}, but got ${show(changes)}\n${difference}`)
        },
      }
    },
  }
}
