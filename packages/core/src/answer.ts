/**
 * The answers to commands, computed from the events that a command added, so that a repeat gives the same answer from
 * the log alone (ONCE-1). A command that added nothing left no trace and is decided again.
 */

import { type AnswerTo, type ContactCommand, deciderOf } from './contact-commands.ts'
import { type Either, left, right } from './either.ts'
import type { ContactEvent } from './events.ts'
import { orderDigest } from './order.ts'
import type { Rejection } from './rejection.ts'

/**
 * The answer to a command that added these events, all of them and at least one.
 *
 * @returns Left `CommandIdReused` if they are not what such a command adds: its id was used for another command.
 */
export function answerFrom<Command extends ContactCommand>(
  command: Command,
  events: readonly ContactEvent[],
): Either<Rejection, AnswerTo<Command>> {
  if (!isOrderOf(command, events)) {
    // An order on all keys adds as many events of one type.
    const usedFor = [...new Set(events.map((e) => e.type))].join(', ')
    // A host numbers signals, and never sees the id of the command that the engine makes of one.
    const bySignal = command.type === 'HandleSignal' ? { signalId: command.signalId } : {}
    return left({ type: 'CommandIdReused', commandId: command.commandId, ...bySignal, usedFor })
  }
  return right(deciderOf(command).answerFrom(events, command))
}

/** By the digest that the first event carries; where an early release wrote none, by what the events are about. */
function isOrderOf(command: ContactCommand, events: readonly ContactEvent[]): boolean {
  const order = events[0]?.order
  const decisive = deciderOf(command).recordedBy
  if (order !== undefined) return order === orderDigest(command)
  const event = decisive === null ? events[0] : events.find((e) => e.type === decisive)
  return event !== undefined && isAbout(command, event)
}

/** An event of the same node as the command, where the command names one. */
function isAbout(command: ContactCommand, event: ContactEvent): boolean {
  const data = event.data as { campaignId?: string; sequenceId?: string; stepId?: string; signalId?: string }
  if ('signalId' in command) return data.signalId === command.signalId
  return (
    (!('campaignId' in command) || data.campaignId === command.campaignId) &&
    (!('sequenceId' in command) || data.sequenceId === command.sequenceId) &&
    (!('stepId' in command) || data.stepId === command.stepId)
  )
}
