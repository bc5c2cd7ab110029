/**
 * The verbs on one contact, from the table of core: each checks its input and makes a command of it. The caller
 * executes it.
 */
import {
  type About,
  type Answers,
  type AnyNames,
  type CampaignId,
  type CommandId,
  type ContactCommand,
  type ContactId,
  commandOf,
  derivedCommandId,
  type Either,
  type Instant,
  isLeft,
  type Names,
  type OptionsOf,
  type Position,
  type Rejection,
  right,
  type SequenceId,
  type StepId,
  type TakenTypes,
  TOLD,
  type ToldTypes,
  VERB_NAMES,
  VERBS,
  type VerbFacts,
  type VerbName,
  type VerbOf,
  type Version,
  WAITS,
} from '@enfold/core'
import type { Executed } from './execute.ts'
import * as input from './input.ts'

/** What every verb of an operator takes. */
export interface Order {
  /** Your id of who orders this; `null` for nobody. Recorded. */
  readonly actor: string | null
  /** For people; recorded. No personal data (LOG-4). */
  readonly reason?: string
  /**
   * The same id again has the same effect, once, and the same answer; with another order it is refused (ONCE-1). None
   * that begins with "enfold:", which are the engine's own. Default: drawn.
   */
  readonly commandId?: CommandId
}

export interface ContactOrder extends Order {
  readonly contactId: ContactId
}

export interface SequenceOrder extends ContactOrder {
  readonly campaignId: CampaignId
  readonly sequenceId: SequenceId
}

export interface StepOrder extends SequenceOrder {
  readonly stepId: StepId
  /** Default: the newest run. */
  readonly run?: number
}

/** Something that happened in the CRM and may satisfy goals. */
export interface Signal extends SignalMeta, AnySignal {}

type AnySignal = AnyNames['signal']

interface SignalMeta {
  readonly contactId: ContactId
  /** The same id again has one effect and the same answer (GOAL-10). Default: drawn. */
  readonly signalId?: string
  /** Default: now. */
  readonly occurredAt?: Instant
  readonly actor?: string | null
  /** True: a sequence's own step caused it (GOAL-11). Default false. */
  readonly fromStep?: boolean
  /** True: a program caused it and no person, such as a mail scanner that opens every link (MATCH-2). Default false. */
  readonly automated?: boolean
}

/** A signal that was received before. */
export interface RetractionOrder extends ContactOrder {
  readonly signalId: string
}

/** An answer, and where the log stood after it: `version` of the contact's stream, `position` in the whole log. */
export type Answered<Answer> = Promise<
  Either<Rejection, Answer & { readonly version: Version; readonly position: Position }>
>

/** `N`: what an order may name, as far as the campaigns are known. */
interface OrderAbout<N extends Names> {
  readonly contact: ContactOrder
  readonly sequence: Omit<SequenceOrder, keyof Names['sequence']> & N['sequence']
  readonly step: Omit<StepOrder, keyof Names['step']> & N['step']
  readonly signal: SignalMeta & N['signal']
  readonly received: RetractionOrder
}

type ToldBy<Tells extends VerbFacts['tells']> = { readonly [Field in keyof Tells]: ToldTypes[Tells[Field]] }

/** What the verb is ordered with. */
export type OrderOf<Name extends VerbName, N extends Names> = OrderAbout<N>[VerbOf<Name>['about']] &
  OptionsOf<VerbOf<Name>['takes']> & {
    readonly [Option in VerbOf<Name>['needs'][number]]: Exclude<
      OptionsOf<VerbOf<Name>['takes']>[Option & keyof VerbOf<Name>['takes']],
      undefined
    >
  }
/** Its answer. */
type AnswerOf<Name extends VerbName> = Answers[VerbOf<Name>['command']] & ToldBy<VerbOf<Name>['tells']>

/** What can be ordered for one contact. */
export type ContactVerbs<N extends Names = AnyNames> = {
  readonly [Name in keyof typeof VERBS]: Verb<OrderOf<Name, N>, AnswerOf<Name>>
}
/** As a method: so verbs that know their campaigns may stand where any verbs are wanted. */
type Verb<Order, Answer> = { verb(order: Order): Answered<Answer> }['verb']

/** The shape of an order. */
export const ORDER = { actor: input.actor, 'reason?': input.text, 'commandId?': input.commandId }
const CONTACT = { contactId: input.id, ...ORDER }
const IN_SEQUENCE = { campaignId: input.id, sequenceId: input.id }

/** What every command takes of an order. */
export const metaOf = ({ actor, reason, commandId }: Order) => ({
  commandId: commandId ?? crypto.randomUUID(),
  actor,
  ...(reason === undefined ? {} : { reason }),
})

/** An answer with where the log stood after it. */
function placed<Command extends ContactCommand>({ answer, version, position }: Executed<Command>) {
  return { ...(answer as Answers[Command['type']]), version, position }
}

/** Executes a checked command. */
export type Execute = <Command extends ContactCommand>(
  command: Command,
) => Promise<Either<Rejection, Executed<Command>>>

/** Has a checked command executed, and gives the answer with its place. */
export function answering(execute: Execute) {
  return async <Command extends ContactCommand>(command: Command): Answered<Answers[Command['type']]> => {
    const executed = await execute(command)
    return isLeft(executed) ? executed : right(placed(executed.right))
  }
}

const SIGNALLED = {
  kind: input.text,
  'data?': input.anything,
  'signalId?': input.id,
  'occurredAt?': input.instant,
  'automated?': input.flag,
}
/** What an order names, but for the contact, by what its verb is about. */
const NAMED = {
  contact: {},
  sequence: IN_SEQUENCE,
  step: { ...IN_SEQUENCE, stepId: input.id, 'run?': input.wholeNumber(1, Number.MAX_SAFE_INTEGER) },
  signal: SIGNALLED,
  received: { signalId: input.id },
} satisfies Record<About, input.Shape>
const OF_SIGNAL = { contactId: input.id, 'actor?': input.actor, 'fromStep?': input.flag }
/** Who orders it for which contact. */
const GIVEN = {
  contact: CONTACT,
  sequence: CONTACT,
  step: CONTACT,
  signal: OF_SIGNAL,
  received: CONTACT,
} satisfies Record<About, input.Shape>
const CHECKS = {
  flag: input.flag,
  instantOrNull: input.instantOrNull,
  instant: input.instant,
  duration: input.signedDuration,
  step: input.id,
  sequence: input.id,
  wait: input.oneOf(...WAITS),
  key: input.id,
  vars: input.vars,
  command: input.id,
} satisfies Record<keyof TakenTypes, unknown>

export function createContactVerbs(execute: Execute): ContactVerbs {
  const verbs = VERB_NAMES.map((name) => [name, createVerb(name, execute)] as const)
  return Object.fromEntries(verbs) as unknown as ContactVerbs
}

/** The shape of what each verb is ordered with, but for the contact and who orders it. */
const TARGETS: ReadonlyMap<VerbName, input.Shape> = new Map(
  VERB_NAMES.map((name) => {
    const { about, takes, needs }: VerbFacts = VERBS[name]
    const checks = Object.entries(takes).map(([option, kind]) => [
      needs.includes(option) ? option : `${option}?`,
      CHECKS[kind],
    ])
    return [name, { ...NAMED[about], ...Object.fromEntries(checks) }]
  }),
)

export const targetShape = (name: VerbName): input.Shape => TARGETS.get(name) ?? {}

/** The shape of the orders of each verb. */
const ORDERS: ReadonlyMap<VerbName, input.Shape> = new Map(
  VERB_NAMES.map((name) => [name, { ...GIVEN[VERBS[name].about], ...targetShape(name) }]),
)

/**
 * The command of an order as a host gives it.
 *
 * @throws EnfoldFault `INVALID_INPUT` for what is no order of the verb
 */
export function checkedCommand(name: VerbName, order: object): ContactCommand {
  input.checkInput(name, order, ORDERS.get(name) ?? {})
  return commandOf(name, ordered(VERBS[name], order))
}

function createVerb(name: VerbName, execute: Execute) {
  const { tells }: VerbFacts = VERBS[name]
  const told = Object.entries(tells)
  return async (order: object) => {
    const executed = await execute(checkedCommand(name, order))
    if (isLeft(executed)) return executed
    if (told.length === 0) return right(placed(executed.right))
    // Up to this command: outcomes that came in since must not change the answer to a repeat (ONCE-1).
    const { events, history, version } = executed.right
    const until = [...history.filter((event) => event.version <= version), ...events]
    const more = told.map(([field, reader]) => [field, TOLD[reader](until)])
    return right({ ...placed(executed.right), ...Object.fromEntries(more) })
  }
}

/** What goes from an order into its command. */
function ordered({ about, takes }: VerbFacts, order: object): { readonly [key: string]: unknown } {
  if (about === 'signal') return signalOf(order as Signal)
  const checked = order as StepOrder & RetractionOrder & { readonly [option: string]: unknown }
  // Copies: what the host changes later must not be what is decided on.
  const options = Object.keys(takes).map((option) => [option, copied(checked[option])])
  return { ...IDS[about](checked), ...metaOf(checked), ...Object.fromEntries(options) }
}

/** To clone what is not an object, as most options are not, or are left out, would cost a command as much as its decision. */
const copied = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? structuredClone(value) : value

const IDS = {
  contact: ({ contactId }: ContactOrder) => ({ contactId }),
  sequence: sequenceOf,
  step: stepOf,
  received: ({ contactId, signalId }: RetractionOrder) => ({ contactId, signalId }),
} satisfies Record<Exclude<About, 'signal'>, unknown>

function sequenceOf({ contactId, campaignId, sequenceId }: SequenceOrder) {
  return { contactId, campaignId, sequenceId }
}

function stepOf(order: StepOrder) {
  const { stepId, run } = order
  return { ...sequenceOf(order), stepId, ...(run === undefined ? {} : { run }) }
}

function signalOf(signal: Signal) {
  const { contactId, kind, data = {}, signalId = crypto.randomUUID(), actor = null, fromStep = false } = signal
  return {
    contactId,
    // Signals and commands are numbered by different programs: their ids must not meet (ONCE-1).
    commandId: derivedCommandId('signal', signalId),
    actor,
    signalId,
    kind,
    data: input.jsonObject('signal.data', data),
    ...(signal.occurredAt === undefined ? {} : { occurredAt: signal.occurredAt }),
    fromStep,
    ...(signal.automated === true ? { automated: true } : {}),
  }
}
