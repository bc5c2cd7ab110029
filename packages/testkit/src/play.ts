/**
 * Plays moves for one contact in one campaign through the engine's own decisions, so that every history can really happen.
 * What a move means depends on the state that it finds; which moves there are, and how often, is in `generators.ts`.
 */
import {
  type CampaignDefinition,
  type CampaignEvent,
  type ContactCommand,
  type ContactEvent,
  type ContactState,
  campaignStream,
  commandOf,
  contactStream,
  createCatalog,
  type DecisionContext,
  decide,
  decidePauseCampaign,
  decidePublish,
  decideResumeCampaign,
  decideUnpublish,
  type Facts,
  type Instant,
  initialContact,
  instantOf,
  isLeft,
  type JsonObject,
  newestRun,
  plan,
  type RecordedCampaignEvent,
  type RecordedContactEvent,
  refOf,
  type SequenceDefinition,
  type StepDefinition,
  type StepOutcome,
  type StoryWord,
  type TakenTypes,
  VERB_OF_STORY,
  VERBS,
  type VerbFacts,
  type VerbName,
} from '@enfold/core'

/** One command of a history: what it found, and its result. */
export interface Played {
  readonly command: ContactCommand
  readonly context: DecisionContext
  readonly before: ContactState
  /** `null`: it was refused. */
  readonly decision: {
    readonly events: readonly ContactEvent[]
    readonly answer: unknown
  } | null
  /** How many events the history had before. */
  readonly at: number
}

/** A contact's history, and how it came about. */
export interface History {
  readonly contactId: string
  readonly definition: CampaignDefinition
  /** All versions that were published; at the end of the history. */
  readonly campaigns: DecisionContext['campaigns']
  readonly events: readonly RecordedContactEvent[]
  /** The events of the campaign's stream. */
  readonly publications: readonly RecordedCampaignEvent[]
  readonly played: readonly Played[]
  readonly state: ContactState
  readonly now: Instant
  readonly facts: Facts | null
}

/** What can happen besides the verbs. */
export type OwnMove =
  | ('wait' | 'wake' | 'dispatch' | 'report' | 'crash' | 'facts')
  | ('publish' | 'unpublish' | 'pauseCampaign' | 'resumeCampaign')
export type MoveKind = OwnMove | StoryWord
/** Numbers that a move is made of; what they mean depends on the state that the move finds. */
export type Move = readonly [kind: MoveKind, a: number, b: number]

export const SIGNAL_KINDS = ['tag-applied', 'note-added', 'form-submitted', 'purchased'] as const
const SIGNAL_DATA: readonly JsonObject[] = [
  {},
  { which: 1 },
  { which: 2, colour: 'red' },
  { which: '1', colour: ['blue'] },
  { which: 1, day: '2026-03-05' },
  { which: 2, colour: 'red', day: '2026-03-04T10:30' },
  { which: null, colour: 'x'.repeat(300), day: 'soon' },
]

const BEGINNING = Date.parse('2026-03-02T09:00:00.000Z')
const WAITS_MS = [0, 1, 60_000, 3_600_000, 86_400_000, 9 * 86_400_000]
const OUTCOMES: readonly StepOutcome[] = [
  { outcome: 'sent' },
  { outcome: 'sent', receipt: 'r' },
  { outcome: 'failed', reason: 'busy' },
  { outcome: 'failed', reason: 'gone', permanent: true },
  { outcome: 'skipped', reason: 'unsubscribed' },
  { outcome: 'sent' },
  { outcome: 'failed', reason: 'cut off', unknown: true },
]
/** Where a sending went instead of to the contact (DELIVER-3). */
const INSTEAD = [undefined, undefined, undefined, 'nobody', 'me@example.com']

type Order = { readonly [field: string]: unknown }

/** What an option is drawn from: a number, the instant, and the sequence and key that the order is about. */
interface Drawn {
  readonly drawn: number
  readonly nowMs: number
  readonly sequence: SequenceDefinition
  readonly sequences: readonly SequenceDefinition[]
  /** Of the enrollment that the order is for; `undefined`: none. */
  readonly key: string | undefined
  /** Command ids of what was ordered, the newest first. */
  readonly ordered: readonly string[]
}

/** Options of verbs. `undefined`: the order leaves it out. */
const OPTIONS: { readonly [Of in keyof TakenTypes]: (from: Drawn) => TakenTypes[Of] | undefined } = {
  flag: ({ drawn }) => drawn % 2 === 0,
  instantOrNull: ({ drawn, nowMs }) => (drawn % 3 === 0 ? null : instantOf(nowMs + drawn * 3_600_000)),
  instant: ({ drawn, nowMs }) => (drawn % 4 === 0 ? undefined : instantOf(nowMs + (drawn - 3) * 1_800_000)),
  duration: ({ drawn }) => pick(['P1D', 'PT90M', '-PT5H', '-P3D', 'P9D'], drawn),
  step: ({ drawn, sequence }) => (drawn % 3 === 0 ? undefined : pick(sequence.steps, drawn)?.id),
  sequence: ({ drawn, sequences }) => (drawn % 3 === 0 ? pick(sequences, drawn)?.id : undefined),
  wait: ({ drawn }) => pick(['keep', 'none', undefined], drawn),
  // Sometimes none where there should be one: then all are meant, or the order is refused.
  key: ({ drawn, sequence, key }) => {
    if (key !== undefined) return key === '' || drawn % 5 === 0 ? undefined : key
    return sequence.per !== undefined && drawn % 3 !== 0 ? pick(['1', '2', 'red'], drawn) : undefined
  },
  vars: ({ drawn, sequence: { vars, per } }) => {
    if (vars === undefined || drawn % 4 === 1) return undefined
    // Where a key is drawn, the variable that says it is left out.
    const names = Object.keys(vars).filter((name) => name !== per || drawn % 3 === 0)
    return Object.fromEntries(names.map((name, i) => [name, pick([1, '2026-03-05', 'red', true], drawn + i) ?? null]))
  },
  // What was ordered last, mostly: whatever comes in between may keep it from being undone.
  command: ({ drawn, ordered }) => pick(ordered, drawn % 3 === 0 ? drawn % 8 : 0) ?? 'none',
}

interface Sending {
  readonly campaignId: string
  readonly sequenceId: string
  readonly key?: string
  readonly run: number
  readonly stepId: string
  readonly occurrence?: number
  readonly resend: number
  readonly attempt: number
}

export function play(
  definition: CampaignDefinition,
  contactId: string,
  factsList: readonly Facts[],
  moves: readonly Move[],
): History {
  const player = new Player(definition, contactId, factsList)
  for (const move of moves) player.play(move)
  return player.history()
}

const READS_HISTORY: ReadonlySet<ContactCommand['type']> = new Set<ContactCommand['type']>([
  'UndoOrder',
  'RetractSignal',
])

class Player {
  readonly #events: RecordedContactEvent[] = []
  readonly #played: Played[] = []
  #publications: readonly RecordedCampaignEvent[] = []
  #campaigns = createCatalog()
  #state = initialContact
  #nowMs = BEGINNING
  #facts: Facts | null
  #commandCount = 0
  /** Sendings whose handler runs, and those whose worker was given up but may still report. */
  readonly #inFlight = new Map<string, Sending>()
  readonly #givenUp: Sending[] = []
  readonly definition: CampaignDefinition
  readonly contactId: string
  readonly factsList: readonly Facts[]

  constructor(definition: CampaignDefinition, contactId: string, factsList: readonly Facts[]) {
    this.definition = definition
    this.contactId = contactId
    this.factsList = factsList
    this.#facts = pick(factsList, 0) ?? null
    this.#publish(definition)
  }

  play([kind, a, b]: Move): void {
    // With nobody at work there is nothing to report: time goes on instead.
    const isIdle = kind === 'report' && this.#inFlight.size + this.#givenUp.length === 0
    const move = isIdle ? 'wake' : kind
    const verb = VERB_OF_STORY.get(move)
    if (verb !== undefined) {
      const order = this.#orderOf(verb, kind, a, b)
      const { expects }: VerbFacts = VERBS[verb]
      // What does not go together is refused before it comes to a decision.
      if (expects(order) === null) this.#run(commandOf(verb, { ...this.#meta(), ...order }))
    } else if (isOwnMove(move)) this.#own[move](a, b)
  }

  history(): History {
    const { contactId, definition } = this
    const playedBy = { contactId, definition, campaigns: this.#campaigns, events: this.#events, played: this.#played }
    return {
      ...playedBy,
      publications: this.#publications,
      state: this.#state,
      now: this.#now(),
      facts: this.#facts,
    }
  }

  readonly #own: { readonly [Kind in OwnMove]: (a: number, b: number) => void } = {
    wait: (a) => {
      this.#nowMs += WAITS_MS[a % WAITS_MS.length] ?? 0
    },
    wake: (a, b) => {
      const inFlight = new Set(this.#inFlight.keys())
      const { wakeAt } = plan(this.contactId, this.#state, this.#campaigns, this.#facts, this.#now(), inFlight)
      // Sometimes a little late, as machines are.
      if (wakeAt !== null) this.#nowMs = Math.max(this.#nowMs, Date.parse(wakeAt) + (b % 5 === 0 ? a * 3_600_000 : 0))
      this.#run({ type: 'DispatchDue', ...this.#meta(null), inFlight, limit: 20 })
    },
    dispatch: (a) => {
      const inFlight = new Set(this.#inFlight.keys())
      this.#run({ type: 'DispatchDue', ...this.#meta(null), inFlight, limit: 1 + (a % 20) })
    },
    report: (a, b) => this.#report(a, b),
    crash: (a) => {
      const [key, sending] = pick([...this.#inFlight], a) ?? []
      if (key === undefined || sending === undefined) return
      this.#inFlight.delete(key)
      this.#givenUp.push(sending)
    },
    publish: (a, b) => this.#publish(revised(this.definition, a, b)),
    unpublish: () => this.#unpublish(),
    pauseCampaign: (a, b) => this.#pause(a, b),
    resumeCampaign: (a) => this.#resume(a),
    facts: (a, b) => {
      this.#facts = b % 10 === 0 ? null : (pick(this.factsList, a) ?? null)
    },
  }

  #now(): Instant {
    return instantOf(this.#nowMs)
  }

  #meta(actor: string | null = 'operator') {
    return { contactId: this.contactId, commandId: `k${++this.#commandCount}`, actor }
  }

  #run(command: ContactCommand): void {
    // So few are kept that some histories have more (SIGNAL-6).
    const context: DecisionContext = {
      campaigns: this.#campaigns,
      facts: this.#facts,
      now: this.#now(),
      signals: { most: 2, dropped: 0 },
      // Decisions keep the history that they saw.
      ...(READS_HISTORY.has(command.type) ? { history: [...this.#events] } : {}),
    }
    const decided = decide(command, this.#state, context)
    const decision = isLeft(decided) ? null : { events: decided.right.events, answer: decided.right.answer }
    this.#played.push({ command, context, before: this.#state, decision, at: this.#events.length })
    if (isLeft(decided)) return
    const stream = contactStream(this.contactId)
    for (const event of decided.right.events) {
      const version = this.#events.length + 1
      this.#events.push({ ...event, stream, version, position: version + this.#publications.length })
      if (event.type === 'StepDispatched') this.#inFlight.set(event.data.idempotencyKey, event.data)
    }
    this.#state = decided.right.state
  }

  #report(a: number, b: number): void {
    const isLate = this.#inFlight.size === 0 || (this.#givenUp.length > 0 && b % 3 === 0)
    const sending = isLate ? pick(this.#givenUp, a) : pick([...this.#inFlight.values()], a)
    const outcome = pick(OUTCOMES, b)
    if (sending === undefined || outcome === undefined) return
    if (!isLate) for (const [key, one] of this.#inFlight) if (one === sending) this.#inFlight.delete(key)
    const { run: ofRun, stepId, occurrence, resend, attempt } = sending
    const time = occurrence === undefined ? {} : { occurrence }
    const what = { ...refOf(sending), run: ofRun, stepId, ...time, resend, attempt, outcome }
    const instead = pick(INSTEAD, a)
    const redirected = instead === undefined ? {} : { deliverTo: instead }
    const retryAt = instantOf(this.#nowMs + 1 + a * 60_000)
    this.#run({ type: 'RecordOutcome', ...this.#meta(null), ...what, ...redirected, retryAt })
  }

  // --- Publications -------------------------------------------------------------------------------------------------

  #publish(definition: CampaignDefinition): void {
    const command = { type: 'PublishCampaign' as const, definition, commandId: this.#nextPublication(), actor: null }
    const decided = decidePublish(command, this.#campaigns, this.#now())
    if (isLeft(decided)) throw new Error(`The generator made an invalid campaign: ${JSON.stringify(decided.left)}`)
    this.#catalogue(decided.right.remembered)
  }

  #unpublish(): void {
    const meta = { campaignId: this.definition.id, commandId: this.#nextPublication(), actor: null }
    const decided = decideUnpublish({ type: 'UnpublishCampaign', ...meta }, this.#campaigns, this.#now())
    if (!isLeft(decided)) this.#catalogue(decided.right.remembered)
  }

  #pause(a: number, b: number): void {
    const meta = { campaignId: this.definition.id, commandId: this.#nextPublication(), actor: null }
    const one = pick(this.definition.sequences, b)
    const some = a % 2 === 0 || one === undefined ? {} : { sequences: [one.id] }
    const entries = b % 3 === 0 ? 'closed' : 'open'
    const command = { type: 'PauseCampaign', ...meta, ...some, entries } as const
    const decided = decidePauseCampaign(command, this.#campaigns, this.#now())
    if (!isLeft(decided)) this.#catalogue(decided.right.remembered)
  }

  #resume(a: number): void {
    const meta = { campaignId: this.definition.id, commandId: this.#nextPublication(), actor: null }
    const overdue = pick(['shift', 'send', 'skip'] as const, a) ?? 'shift'
    const command = { type: 'ResumeCampaign', ...meta, overdue } as const
    const decided = decideResumeCampaign(command, this.#campaigns, this.#now())
    if (!isLeft(decided)) this.#catalogue(decided.right.remembered)
  }

  #nextPublication(): string {
    return `p${this.#publications.length}`
  }

  /** Decisions keep the catalogue that they saw, so each publication makes a new one. */
  #catalogue(added: readonly CampaignEvent[]): void {
    const before = this.#publications
    const recorded = added.map((event, i) => {
      const version = before.length + i + 1
      return { ...event, stream: campaignStream(this.definition.id), version, position: this.#events.length + version }
    })
    this.#publications = [...before, ...recorded]
    this.#campaigns = createCatalog()
    for (const publication of this.#publications) this.#campaigns.apply(publication)
  }

  // --- Orders -------------------------------------------------------------------------------------------------------

  /** What the verb is about, and its options. */
  #orderOf(name: VerbName, kind: MoveKind, a: number, b: number): Order {
    const { about, takes }: VerbFacts = VERBS[name]
    const { sequence, key, stepId } = this.#aim(kind, a, b)
    const ref = { campaignId: this.definition.id, sequenceId: sequence.id }
    const ordered = this.#events.filter(({ cause }) => cause.by === 'operator').map(({ commandId }) => commandId)
    const from = { nowMs: this.#nowMs, sequence, sequences: this.definition.sequences, key, ordered: ordered.reverse() }
    const drawn = Object.entries(takes)
      .map(([option, of]) => [option, OPTIONS[of]({ ...from, drawn: b })] as const)
      .filter(([, value]) => value !== undefined)
    const options = Object.fromEntries(drawn)
    switch (about) {
      case 'contact':
        return options
      case 'sequence':
        return { ...ref, ...options }
      case 'step': {
        const isTouched = kind === 'resend' || b % 4 === 0
        return { ...options, ...((isTouched && pick(this.#touched(), a)) || { ...ref, stepId }) }
      }
      case 'received': {
        const came = this.#events.flatMap(({ data }) => ('signalId' in data ? [data.signalId] : []))
        return { signalId: pick(came.reverse(), b % 3 === 0 ? a : a % 2) ?? 'none', ...options }
      }
      case 'signal': {
        const signal = { signalId: `k${this.#commandCount}`, kind: pick(SIGNAL_KINDS, a), data: pick(SIGNAL_DATA, b) }
        const automated = b % 5 === 0 ? { automated: true } : {}
        return { ...signal, occurredAt: this.#now(), fromStep: b % 7 === 0, ...automated }
      }
    }
  }

  /** Mostly what the contact is in, because the rest is refused soon. */
  #aim(kind: MoveKind, a: number, b: number) {
    const wanted = kind === 'resume' ? 'paused' : 'active'
    const inside = this.#state.enrollments.filter((one) => b % 4 !== 0 && newestRun(one)?.status === wanted)
    const entered = kind === 'start' || kind === 'restart' ? undefined : pick(inside, a)
    const { sequences } = this.definition
    const sequence = sequences.find(({ id }) => id === entered?.sequenceId) ?? pick(sequences, a)
    if (sequence === undefined) throw new Error('The generator made a campaign without a sequence.')
    return { sequence, key: entered?.key, stepId: pick<StepDefinition>(sequence.steps, b)?.id }
  }

  #touched() {
    return this.#state.enrollments.flatMap((enrollment) =>
      (newestRun(enrollment)?.steps ?? []).map(({ stepId }) => ({ ...refOf(enrollment), stepId })),
    )
  }
}

const isOwnMove = (kind: MoveKind): kind is OwnMove => !VERB_OF_STORY.has(kind)

function pick<T>(list: readonly T[], n: number): T | undefined {
  return list[n % Math.max(1, list.length)]
}

/**
 * Another version of a campaign: the original, one without its conditions and waits, or one with fewer steps. In some the
 * sequences have no keys any more.
 */
function revised(definition: CampaignDefinition, a: number, b: number): CampaignDefinition {
  if (a % 3 === 0) return definition
  const sequences = definition.sequences.map(({ per, ...sequence }) => ({
    ...sequence,
    ...(per === undefined || b % 5 === 0 ? {} : { per }),
    steps: a % 3 === 1 ? sequence.steps.slice(0, 1) : sequence.steps.map(({ id, kind }) => ({ id, kind })),
    next: b % 2 === 0 ? [] : (sequence.next ?? []),
  }))
  return { ...definition, sequences }
}
