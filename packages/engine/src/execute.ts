/** One command: load, decide, append, answer; again on conflict. The loop that everything goes through. */
import {
  type AnswerTo,
  type ContactCommand,
  type ContactEvent,
  type DecisionContext,
  decideOnce,
  type Either,
  EnfoldFault,
  type Facts,
  isLeft,
  left,
  READS_PUBLISHED,
  type RecordedContactEvent,
  type Rejection,
  readsFacts,
  right,
  VERBS,
  type VerbFacts,
} from '@enfold/core'
import { appendDecided, giveWay, mayTryAgain } from './append-decided.ts'
import { observeBrakedStart, observeBrakes } from './brakes.ts'
import type { CommandContext } from './engine-context.ts'
import { type ContactSnapshot, type LoadedContact, load } from './load-contact.ts'
import type { LogPosition } from './logged-contact.ts'
import { decidedOn } from './stored-states.ts'
import { inSpan, traceparent } from './telemetry.ts'

export interface Executed<Command extends ContactCommand> extends LogPosition {
  readonly answer: AnswerTo<Command>
  /** What was appended now; empty if nothing changed or it was a repeat. */
  readonly events: readonly ContactEvent[]
  readonly known: ContactSnapshot
  /** What stood in the log when it was decided: all of it for a verb that tells of it, else perhaps the latest events. */
  readonly history: readonly RecordedContactEvent[]
}

/** A contact as the caller holds it, with its stream where the caller has read all of it. */
export type KnownContact = ContactSnapshot & Partial<Pick<LoadedContact, 'history' | 'isWhole' | 'mayBeOld'>>

/**
 * @param known what the caller holds of the contact already, to spare the first look; only for commands whose id
 *   cannot stand in the history that the caller has seen.
 * @throws EnfoldFault `CONTENTION` if other writers were always first (`mayTryAgain`), and whatever store and directory throw
 */
export function execute<Command extends ContactCommand>(
  context: CommandContext,
  command: Command,
  known?: KnownContact,
): Promise<Either<Rejection, Executed<Command>>> {
  return inSpan('enfold.command', { 'enfold.command': command.type, 'enfold.contact': command.contactId }, () => {
    const trace = traceparent()
    return executeTraced(context, trace === undefined ? command : { ...command, trace }, known)
  })
}

async function executeTraced<Command extends ContactCommand>(
  context: CommandContext,
  command: Command,
  known: KnownContact | undefined,
): Promise<Either<Rejection, Executed<Command>>> {
  const tell = createTeller(context, command)
  let refreshed = false
  let written = false
  let whole = TELLS_OF_HISTORY.has(command.type)
  const since = performance.now()
  let attempt = 1
  for (; mayTryAgain(attempt, since); attempt++) {
    const isFirst = attempt === 1 && !whole
    const contact = await contactFor(context, command, isFirst ? (known ?? 'seen before') : 'looked up', whole)
    const decision = decidedOn(contact, () =>
      decideOnce(command, contact.history, decidingOn(context, command, contact), contact.state),
    )
    if (decision === null) {
      whole = true
      continue
    }
    // What was seen before is good for an append alone: the log refuses that where it is so no more.
    if (contact.mayBeOld && (isLeft(decision) || decision.right.events.length === 0)) continue
    if (isLeft(decision)) {
      // Published a moment ago by another process? Look before refusing.
      if (!refreshed && STALE_REJECTIONS.has(decision.left.type)) {
        refreshed = true
        await context.campaigns.refresh()
        continue
      }
      tell.rejected(decision.left)
      return left(decision.left)
    }
    const { answer, events, recorded, state } = decision.right
    const { history } = contact
    if (events.length === 0) {
      if (recorded.length === 0) context.keptSignals.decided(command, contact.state, events, context.campaigns.catalog)
      const appended = written ? recorded : []
      tell.decided(appended)
      // A repeat returns the place of the first time.
      const { version, position } = recorded.at(-1) ?? contact
      return right({ answer, events: appended, version, position, known: contact, history })
    }
    const result = await appendDecided(context, command.contactId, contact, { events, state })
    if (result === null) continue
    if (result.outcome !== 'appended') {
      await giveWay(context, command.contactId, attempt, result)
      continue
    }
    if (command.type !== BY_DISPATCHER) context.wakeUp()
    if (!result.repeated) {
      tell.appended(events)
      context.keptSignals.decided(command, contact.state, events, context.campaigns.catalog)
      const { version, position, stored } = result
      const { facts, areFactsOld = false } = contact
      return right({
        answer,
        events,
        version,
        position,
        known: { facts, areFactsOld, state, stored, version, position },
        history,
      })
    }
    // An answer was lost, or another process has the same command. What it came to there is in the log (ONCE-1).
    written = true
  }
  throw contention(command, attempt - 1)
}

const STALE_REJECTIONS: ReadonlySet<string> = new Set(['CampaignUnknown', 'CampaignNotPublished', 'SequenceUnknown'])

const TELLS_OF_HISTORY: ReadonlySet<string> = new Set(
  Object.values<VerbFacts>(VERBS).flatMap(({ command, tells }) => (Object.keys(tells).length > 0 ? [command] : [])),
)

/** A command after which the dispatcher looks again by itself. */
const BY_DISPATCHER: ContactCommand['type'] = 'DispatchDue'

/** The contact as the caller knows it, or as it is now, with the facts that the decision needs and no others (FACTS-1). */
async function contactFor(
  context: CommandContext,
  command: ContactCommand,
  known: KnownContact | 'seen before' | 'looked up',
  whole: boolean,
): Promise<LoadedContact> {
  const { campaigns, factsOf, lastSeen } = context
  const { contactId, type, commandId } = command
  const asked = async () => ({ facts: readsFacts(command) ? await factsOf(contactId) : undefined })
  const commands = [commandId]
  const seen = known === 'seen before' ? lastSeen.of(contactId, commands) : null
  const [contact] = await Promise.all([
    typeof known === 'string'
      ? load(context, contactId, asked(), { commands, whole, seen })
      : { history: [], isWhole: false, ...known, mayBeRecorded: false, alongside: null },
    // What is published decides here: a signal that misses a goal of a moment ago would be lost for good.
    READS_PUBLISHED[type] ? campaigns.refresh() : campaigns.fresh(),
  ])
  await campaigns.ensure(contact.state)
  return contact
}

/** Of a contact whose facts nothing reads. */
const NOT_READ: Facts = Object.freeze({})

export function decidingOn(
  { campaigns, clock, keptSignals }: CommandContext,
  { contactId }: Pick<ContactCommand, 'contactId'>,
  { facts = NOT_READ, history, isWhole }: Pick<LoadedContact, 'facts' | 'history' | 'isWhole'>,
): DecisionContext {
  const signals = keptSignals.limitsFor(contactId)
  return { campaigns: campaigns.catalog, facts, now: clock.now(), signals, ...(isWhole ? { history } : {}) }
}

/** Tells observers what became of a command. */
function createTeller({ observe }: CommandContext, { contactId, type: command }: ContactCommand) {
  const startedAt = performance.now()
  const tell = (events: number, rejection: Rejection | null) => {
    const durationMs = performance.now() - startedAt
    observe({ type: 'command-decided', command, contactId, events, rejection, durationMs })
  }
  return {
    rejected(rejection: Rejection): void {
      tell(0, rejection)
      observeBrakedStart(observe, contactId, rejection)
    },
    /** Nothing was appended now; `events` by an append whose answer was lost. */
    decided: (events: readonly ContactEvent[]): void => tell(events.length, null),
    appended(events: readonly ContactEvent[]): void {
      tell(events.length, null)
      observeBrakes(observe, contactId, events)
    },
  }
}

function contention({ contactId, commandId }: ContactCommand, attempts: number): EnfoldFault {
  return new EnfoldFault(
    'CONTENTION',
    `Other writers were first ${attempts} times in a row for the contact ${JSON.stringify(contactId)}. Nothing was written; try again with the same command id.`,
    { contactId, commandId },
  )
}
