/** All commands on a contact: those of the verbs and of the dispatcher. What decides each, and its answer. */
import type { OfContact } from './commands.ts'
import { dispatchDue } from './decision/dispatch-due.ts'
import { recordOutcome } from './decision/record-outcome.ts'
import { VERBS } from './verbs/index.ts'
import type { Decider } from './verbs/verb.ts'

const OF_DISPATCHER = { dispatchDue, recordOutcome } as const
const DECIDERS = { ...VERBS, ...OF_DISPATCHER }

type Deciders = (typeof DECIDERS)[keyof typeof DECIDERS]
type CommandOf<D> = D extends { decide(command: infer Command, decision: never): unknown } ? Command : never
type AnswerBy<D> = D extends { answerFrom(added: never, command: never): infer Answer } ? Answer : never

/** An order that `decide` turns into events and an answer, or refuses. */
export type ContactCommand = CommandOf<Deciders>

/** The answer of a command, by its type. `run` is 0 if the contact never was in the sequence. */
export type Answers = { [D in Deciders as CommandOf<D>['type']]: AnswerBy<D> }

export type AnswerTo<Command extends ContactCommand> = Answers[Command['type']]

const BY_TYPE: ReadonlyMap<string, unknown> = new Map(
  Object.values(DECIDERS).map((decider) => [decider.command, decider]),
)

export function deciderOf<Command extends ContactCommand>({ type }: Command): Decider<Command, AnswerTo<Command>> {
  return BY_TYPE.get(type) as Decider<Command, AnswerTo<Command>>
}

/** The dispatcher goes on with a contact that was erased: what is in flight is still recorded (ERASE-1). */
export function isOfDispatcher({ type }: OfContact & { readonly type: string }): boolean {
  return Object.values(OF_DISPATCHER).some(({ command }) => command === type)
}

/**
 * Whether the decision on a command reads the host's facts of the contact (FACTS-1). For a command that reads none the
 * host's directory is not asked, so it works while the directory is down.
 */
export function readsFacts<Command extends ContactCommand>(command: Command): boolean {
  const { readsFacts } = deciderOf(command)
  return typeof readsFacts === 'function' ? readsFacts(command) : readsFacts
}

/** Whether it rests on what is published now: then the engine looks for news of campaigns first. */
export const READS_PUBLISHED = Object.fromEntries(
  Object.values(DECIDERS).map(({ command, readsPublished }) => [command, readsPublished]),
) as { readonly [Type in ContactCommand['type']]: boolean }
