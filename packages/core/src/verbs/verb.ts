/**
 * What a verb is. Everything that is known of one stands in its own file: what it is called, what it is about, who may
 * order it, what can come of it, and how it is decided. Engine, HTTP, console, command line, `simulate` and `scenario`
 * read it there.
 */

import type { OfContact } from '../commands.ts'
import type { DecisionBuilder } from '../decision/builder.ts'
import type { Either } from '../either.ts'
import type {
  ContactEvent,
  ContactEventData,
  ContactEventOf,
  ContactEventType,
  RunRef,
  UndoneRun,
  Vars,
} from '../events.ts'
import { type HeldValues, heldValues } from '../held-values.ts'
import type { CampaignId, CommandId, GoalId, Instant, SequenceId, StepId } from '../ids.ts'
import type { Rejection } from '../rejection.ts'
import type { Permission } from './permission.ts'

/**
 * What a command names: the contact alone, a sequence of a campaign, one of its steps, what happened in the CRM, or a
 * signal that was received.
 */
export type About = 'contact' | 'sequence' | 'step' | 'signal' | 'received'

export const WAITS = ['keep', 'none'] as const

/** What a verb may take besides what it is about, and what it means to leave it out. */
export const TAKEN = {
  flag: false,
  instantOrNull: null,
  instant: undefined,
  duration: undefined,
  step: undefined,
  sequence: undefined,
  wait: undefined,
  key: undefined,
  vars: undefined,
  command: undefined,
} as const
export interface TakenTypes {
  readonly flag: boolean
  readonly instantOrNull: Instant | null
  readonly instant: Instant
  /** An ISO 8601 duration of elapsed time, with "-" for earlier. */
  readonly duration: string
  readonly step: StepId
  readonly sequence: SequenceId
  /** What becomes of the wait of a step: it is counted from now, or the step is due now. */
  readonly wait: (typeof WAITS)[number]
  /** Which enrollment is meant, where the sequence runs once for each key (KEY-2). */
  readonly key: string
  /** What a run is to begin with, by the names of the sequence's variables (VAR-1). */
  readonly vars: Vars
  /** The id of a command that was given before. */
  readonly command: CommandId
}
export type Takes = { readonly [option: string]: keyof TakenTypes }

/** What a verb may be told besides what it is about. */
export type OptionsOf<Options extends Takes> = { readonly [Option in keyof Options]?: TakenTypes[Options[Option]] }

export const GOAL_OUTCOMES = ['satisfied', 'not_member', 'suppressed', 'automated'] as const

/** What became of one goal that a signal matched. */
export interface GoalAnswer {
  readonly campaignId: CampaignId
  readonly goalId: GoalId
  readonly outcome: (typeof GOAL_OUTCOMES)[number]
  /** `key`, where the run has one (KEY-1). */
  readonly stopped: readonly { readonly sequenceId: SequenceId; readonly key?: string; readonly run: number }[]
  readonly started: readonly {
    readonly sequenceId: SequenceId
    readonly key?: string
    readonly run: number
    readonly outcome: 'started' | 'already_active'
  }[]
}

/** What became of one run of a keyed sequence, where an order was for all of them (KEY-2). */
export interface KeyedOutcome {
  readonly key: string
  readonly run: number
  /** One of the words of the verb. */
  readonly outcome: string
}

/** What an answer may hold besides its outcome. */
export interface AnswerTypes {
  readonly count: number
  readonly runs: readonly RunRef[]
  /** What became of each run that was started or stopped (UNDO-5). */
  readonly undone: readonly UndoneRun[]
  readonly goals: readonly GoalAnswer[]
  readonly step: StepId
  readonly instantOrNull: Instant | null
  /** Of the run that the answer is about; absent where it has none. */
  readonly key: string
  /** Only of a keyed sequence, where the order named no key. */
  readonly keyedRuns: readonly KeyedOutcome[]
}
export type AnswerFields = { readonly [field: string]: keyof AnswerTypes }

/** What is absent where no key is about. */
export const SOMETIMES = ['key', 'keyedRuns'] as const satisfies readonly (keyof AnswerTypes)[]
type Sometimes<Fields extends AnswerFields> = {
  [Field in keyof Fields]: Fields[Field] extends (typeof SOMETIMES)[number] ? Field : never
}[keyof Fields]

/** The answer of a verb: its outcome, if it has words for it, and its fields. */
export type AnswerWith<Outcome extends string, Fields extends AnswerFields> = {
  readonly [Field in
    | (Outcome extends string ? 'outcome' : never)
    | Exclude<keyof Fields, Sometimes<Fields>>]: Field extends keyof Fields ? AnswerTypes[Fields[Field]] : Outcome
} & { readonly [Field in Sometimes<Fields>]?: AnswerTypes[Fields[Field]] }

/** What the engine can tell of the contact's whole history up to the command and with it, next to the answer. */
export const TOLD = { heldValues } as const
export interface ToldTypes {
  readonly heldValues: HeldValues
}
export type Tells = { readonly [field: string]: keyof typeof TOLD }

/** Right `null`: the events say the answer. */
export type Decided<Answer> = Either<Rejection, Answer | null>

export type TypedCommand = OfContact & { readonly type: string }

/** How a command is decided, and how its answer is read from the events that it added. */
export interface Decider<Command extends TypedCommand, Answer> {
  readonly command: Command['type']
  /**
   * Whether the decision reads the host's facts of the contact (FACTS-1). For a command that reads none the host's
   * directory is not asked, so it works while the directory is down.
   */
  readonly readsFacts: boolean | ((command: Command) => boolean)
  /** Whether it rests on what is published now: then the engine looks for news of campaigns first. */
  readonly readsPublished: boolean
  /** The event that it adds if it adds any; `null`: any. By it a reused command id is found out. */
  readonly recordedBy: ContactEventType | null
  decide(command: Command, decision: DecisionBuilder): Decided<Answer>
  /** @param added what the command added, at least one event */
  answerFrom(added: readonly ContactEvent[], command: Command): Answer
}

/** What every surface reads of a verb. */
export interface VerbFacts {
  readonly command: string
  /** Its name in paths, on the command line and in stories: 'stop-all'. */
  readonly word: string
  /** What it does, in one line for readers of the API. */
  readonly summary: string
  readonly about: About
  /** All of these are needed. */
  readonly permission: readonly Permission[]
  /** Options of its order; what each means when it is left out, `TAKEN` says. */
  readonly takes: Takes
  /** Those of its options that cannot be left out. */
  readonly needs: readonly string[]
  /** What its options have to be together, as a sentence about what is missing or too much; `null`: they are so. */
  expects(order: { readonly [option: string]: unknown }): string | null
  /** The words for what can come of it; none: its fields say it. */
  readonly outcomes: readonly string[]
  /** Those of them that leave the contact as it was: nothing is recorded. */
  readonly unchanged: readonly string[]
  /** What its answer holds besides. */
  readonly answers: AnswerFields
  /** What is told of the history besides. */
  readonly tells: Tells
}

export interface Verb<
  Command extends TypedCommand,
  Word extends string,
  Of extends About,
  Outcome extends string,
  Fields extends AnswerFields,
  Taken extends Takes,
  Told extends Tells,
  Needed extends string,
> extends VerbFacts,
    Decider<Command, AnswerWith<Outcome, Fields>> {
  readonly command: Command['type']
  readonly word: Word
  readonly about: Of
  readonly outcomes: readonly Outcome[]
  readonly unchanged: readonly Outcome[]
  readonly takes: Taken
  readonly needs: readonly Needed[]
  readonly answers: Fields
  readonly tells: Told
}

/** What may be left out of a verb's own file. Defaults: no options, no field, each outcome a change, nothing published is read. */
type LeftOut = 'takes' | 'needs' | 'expects' | 'answers' | 'tells' | 'readsPublished' | 'unchanged'

/** Of a verb whose options go with one another in any way. */
const expects = () => null

/** Makes the verb of a command: `defineVerb<ItsCommand>()({ … })`. Its answer follows from `outcomes` and `answers`. */
export function defineVerb<Command extends TypedCommand>() {
  return <
    const Word extends string,
    Of extends About,
    const Outcome extends string = never,
    const Fields extends AnswerFields = Record<never, never>,
    const Taken extends Takes = Record<never, never>,
    const Told extends Tells = Record<never, never>,
    const Needed extends keyof Taken & string = never,
  >(
    written: Omit<VerbFacts & Decider<Command, never>, LeftOut | 'decide' | 'answerFrom'> & {
      readonly word: Word
      readonly about: Of
      readonly outcomes: readonly Outcome[]
      readonly unchanged?: readonly NoInfer<Outcome>[]
      readonly takes?: Taken
      readonly needs?: readonly Needed[]
      expects?(order: OptionsOf<NoInfer<Taken>>): string | null
      readonly answers?: Fields
      readonly tells?: Told
      readonly readsPublished?: boolean
      decide(command: Command, decision: DecisionBuilder): Decided<AnswerWith<NoInfer<Outcome>, NoInfer<Fields>>>
      answerFrom(added: readonly ContactEvent[], command: Command): AnswerWith<NoInfer<Outcome>, NoInfer<Fields>>
    },
  ): Verb<Command, Word, Of, Outcome, Fields, Taken, Told, Needed> => {
    const left = { takes: {}, needs: [], expects, answers: {}, tells: {}, unchanged: [], readsPublished: false }
    return { ...left, ...written } as unknown as Verb<Command, Word, Of, Outcome, Fields, Taken, Told, Needed>
  }
}

/** The data of the first event of a type among those that a command added. */
export function firstOf<Type extends ContactEventType>(
  added: readonly ContactEvent[],
  type: Type,
): ContactEventData[Type] {
  return (added.find((event) => event.type === type) as ContactEventOf<Type>).data as ContactEventData[Type]
}

export function countOf(added: readonly ContactEvent[], type: ContactEventType): number {
  return added.filter((event) => event.type === type).length
}
