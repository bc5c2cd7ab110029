/**
 * The life of a due step, for one claimed contact, from top to bottom:
 * decide what is due and append `StepDispatched` → call the handler → append the outcome.
 * Rules STEP-4 to STEP-9, STOP-6, ONCE-3. Who claims, how many at once and how often is decided by `dispatcher.ts`.
 */
import {
  type Claim,
  type ContactEvent,
  type ContactId,
  commandsAfter,
  type DispatchDue,
  derivedCommandId,
  EnfoldFault,
  isLeft,
  isMarkOfPlan,
  markOf,
  membershipsAfter,
  pausedCampaignOf,
  plan,
  type ReadModel,
  unreadMarks,
} from '@enfold/core'
import type { EngineContext } from '../engine-context.ts'
import type { DispatchOptions } from '../engine-options.ts'
import { type Executed, execute } from '../execute.ts'
import { restoreContact } from '../index-repair.ts'
import type { Kinds } from '../kinds.ts'
import { type ContactSnapshot, type LoadedContact, load } from '../load-contact.ts'
import type { ProjectedContact } from '../logged-contact.ts'
import { contactAfter } from '../projection/rows.ts'
import { type Holding, isStillHeld } from './holding.ts'
import { createRecorder, type Recorder, type RecorderOptions } from './record.ts'
import { outcomeOf, type Sender, send } from './send.ts'
import { askAgain } from './unknown-contacts.ts'

/** What ends work before its time. */
export interface WorkSignals {
  /** Aborts handlers that outlast a shutdown. */
  readonly giveUp: AbortSignal
  /** Dispatches are recorded, and their handlers are called next. */
  readonly onDispatched: () => void
  /** As `RecorderOptions`. */
  readonly onFault: RecorderOptions['onFault']
  readonly abandoned: AbortSignal
}

export interface Worked {
  /** What was recorded. */
  readonly events: readonly ContactEvent[]
  /** Whether the claim is still this worker's to give back. */
  readonly held: boolean
  /** The contact after all that was recorded, if nobody else has written meanwhile and its memberships are known. */
  readonly shown?: ProjectedContact | null
}

export interface DueWork {
  /** Does what is due of the contact, at most `limit` steps of it. */
  work(holding: Holding, limit: number, signals: WorkSignals): Promise<Worked>
  /** Handlers that were called and have not answered. */
  inFlight(): number
}

interface Worker extends Sender {
  readonly readModel: ReadModel
}

export function createDueWork(
  context: EngineContext,
  readModel: ReadModel,
  kinds: Kinds,
  options: DispatchOptions,
): DueWork {
  const worker: Worker = { context, readModel, kinds, options, inFlight: 0 }
  return {
    work: (holding, limit, signals) => work(worker, holding, limit, signals),
    inFlight: () => worker.inFlight,
  }
}

async function work(worker: Worker, holding: Holding, limit: number, signals: WorkSignals): Promise<Worked> {
  const { context, options } = worker
  const { contactId } = holding.claim
  if (!isStillHeld(context.observe, options, holding, null)) return { events: [], held: false }
  const loaded = await loadedToWorkOn(worker, holding.claim)
  if (await isLeftToTheDirectory(worker, holding.claim, loaded)) return { events: [], held: true }
  const { events, known } = await dispatchDue(worker, holding.claim, limit, loaded)
  if (events.length === 0) return nothingDue(worker, holding.claim, known)
  if (events.some(({ type }) => type === 'StepDispatched')) signals.onDispatched()
  const sent = await sendAndRecord(worker, holding, events, known, signals)
  await clearMarks(worker, holding.claim, known)
  const recorded = [...events, ...sent.events]
  return { events: recorded, held: sent.held, shown: shownAfter(context, loaded, recorded, sent.known, contactId) }
}

/** For a read model apart from the log, so that its row can be written without another look at the stream. */
function shownAfter(
  { storesStates }: EngineContext,
  loaded: LoadedContact,
  recorded: readonly ContactEvent[],
  { version, position, state }: ContactSnapshot,
  contactId: ContactId,
): ProjectedContact | null {
  if (storesStates || version !== loaded.version + recorded.length) return null
  const { alongside, history, isWhole, stored } = loaded
  if (alongside === null && !isWhole) return null
  const { memberships, commands } = alongside ?? {
    memberships: membershipsAfter(contactId, history),
    commands: commandsAfter(history),
  }
  const lastEventId = history.at(-1)?.id ?? ''
  const before = { memberships, commands, lastEventId, storedAt: stored.version, latestAt: stored.latestAt }
  return contactAfter(contactId, before, recorded, { version, position, state })
}

/** A contact whose facts cannot be read is marked for a person to see, and its fault is thrown (FACTS-2). */
async function loadedToWorkOn({ context, readModel }: Worker, { contactId }: Claim): Promise<LoadedContact> {
  try {
    const seen = await load(context, contactId, undefined, { seen: context.lastSeen.of(contactId, []) })
    // Of a contact that the directory does not know the agenda is written, and no append tells whether the log has more.
    return seen.mayBeOld && (seen.facts ?? null) === null ? await load(context, contactId) : seen
  } catch (error) {
    const isUnread = error instanceof EnfoldFault && error.code === 'FACTS_UNREADABLE'
    if (isUnread && !(await readModel.tagsOf(contactId)).includes(markOf('unread')))
      await restoreContact(context, readModel, contactId, { marks: unreadMarks })
    throw error
  }
}

/**
 * Whether the directory does not know the contact, of which something is due: then it is asked again later, and the
 * contact's wake is moved to that instant.
 */
async function isLeftToTheDirectory(worker: Worker, { contactId }: Claim, contact: LoadedContact): Promise<boolean> {
  const { context, readModel } = worker
  if ((contact.facts ?? null) !== null) return false
  await context.campaigns.ensure(contact.state)
  const now = context.clock.now()
  const { due } = plan(contactId, contact.state, context.campaigns.catalog, null, now)
  const again = due.length === 0 ? null : askAgain(await readModel.tagsOf(contactId), now)
  if (again === null) return false
  const { at, mark } = again
  await restoreContact(context, readModel, contactId, { factsOf: async () => null, notBefore: at, marks: () => [mark] })
  return true
}

/** Decides what is due and appends it. From here on the expected version decides who wins against a stop or a goal. */
async function dispatchDue(
  worker: Worker,
  { contactId, kind }: Claim,
  limit: number,
  loaded: LoadedContact,
): Promise<Executed<DispatchDue>> {
  const due: DispatchDue = {
    type: 'DispatchDue',
    commandId: derivedCommandId('due', crypto.randomUUID()),
    actor: null,
    contactId,
    inFlight: new Set(),
    limit,
    permits: { get: (one) => permitsOf(worker, one, kind) },
  }
  const executed = await execute(worker.context, due, loaded)
  if (isLeft(executed)) throw new Error(`The dispatcher was refused: ${executed.left.type}`)
  return executed.right
}

/**
 * Nothing of a kind that this worker has no handler for (KIND-1). Of kinds that have a limit, one of the kind that the
 * claim was made for; another such kind waits for a claim of its own. So does what a campaign begins by its pace (GATE-4).
 */
function permitsOf({ kinds, options }: Worker, kind: string, claimed: string): number | undefined {
  if (pausedCampaignOf(kind) !== null) return kind === claimed ? 1 : 0
  if (kinds.handlerOf(kind) === undefined) return 0
  return Object.hasOwn(options.kinds, kind) ? (kind === claimed ? 1 : 0) : undefined
}

/** Claimed, but nothing is due: the contact's facts have changed since its wake was written. */
async function nothingDue(worker: Worker, { contactId }: Claim, known: ContactSnapshot): Promise<Worked> {
  await restoreKnown(worker, contactId, known)
  return { events: [], held: true }
}

/** Calls the handlers of all that was dispatched, and records each outcome when it is there. */
async function sendAndRecord(
  worker: Worker,
  holding: Holding,
  events: readonly ContactEvent[],
  known: ContactSnapshot,
  signals: WorkSignals,
): Promise<Worked & { readonly known: ContactSnapshot }> {
  const { contactId } = holding.claim
  const recorder = createRecorder(worker.context, { contactId, known, ...signals })
  const settled = await Promise.allSettled(
    events.map((event) => sendOne(worker, holding, event, known, recorder, signals.giveUp)),
  )
  // All have come to their end before the fault of one is passed on.
  const sent = settled.map((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value
  })
  return { events: recorder.recorded(), held: sent.every((isHeld) => isHeld), known: recorder.known() }
}

/** Whether the claim was still held. */
async function sendOne(
  worker: Worker,
  holding: Holding,
  event: ContactEvent,
  known: ContactSnapshot,
  recorder: Recorder,
  giveUp: AbortSignal,
): Promise<boolean> {
  if (event.type !== 'StepDispatched') return true
  const answered = await send(worker, event, holding, known, giveUp)
  if (answered === null) return false
  const command = outcomeOf(worker, holding.claim.contactId, event.data, answered)
  await recorder.add(command)
  return true
}

/**
 * A contact with a run that could not be planned, or with facts that could not be had, is claimed for no kind. That it is
 * otherwise now is not seen by the appends of its steps.
 */
async function clearMarks(worker: Worker, { contactId, kind }: Claim, known: ContactSnapshot): Promise<void> {
  if (kind !== '') return
  if ((await worker.readModel.tagsOf(contactId)).some(isMarkOfPlan)) await restoreKnown(worker, contactId, known)
}

/** Sets the contact's rows right by the facts that are known already. */
async function restoreKnown({ context, readModel }: Worker, contactId: ContactId, known: ContactSnapshot) {
  await restoreContact(context, readModel, contactId, { factsOf: async () => known.facts ?? null })
}
