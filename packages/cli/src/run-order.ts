/**
 * One operation for the contacts that were selected: whether to ask first, and what is printed for each. What can be
 * ordered is in `operations.ts`.
 */
import {
  type ContactId,
  createCatalog,
  describeRejection,
  type Either,
  isCampaignEvent,
  isEnfoldFault,
  isLeft,
  type Rejection,
  type Store,
} from '@enfold/core'
import type { ActionTarget, Engine } from '@enfold/engine'
import { finalInWords, foreseenInWords, scheduleInWords } from './bulk.ts'
import type { ContactSelector } from './contact-selector.ts'
import { CommandFailedError, messageOf, UsageError } from './errors.ts'
import type { Done, Operation } from './operations.ts'
import type { Access } from './places.ts'
import { createProgress } from './progress.ts'
import { confirm } from './prompt.ts'
import { type Streams, writeLine } from './streams.ts'
import { counted, jsonText, named, paintFor, plain } from './text.ts'
import { type OrderOptions, withEngine } from './with-engine.ts'

/**
 * The work on contacts that are named one by one, with an engine on the store.
 *
 * @param access `read`: nothing is written
 * @throws UsageError for a signal that needs to know more of contacts
 */
export function withContacts(
  url: string,
  access: Access,
  { ids }: ContactSelector,
  { signalKind }: Operation,
  options: OrderOptions,
  work: (engine: Engine, contacts: readonly ContactId[]) => Promise<boolean>,
): Promise<boolean> {
  return withEngine(url, access, options, async (engine, store) => {
    await requireNoCondition(signalKind, store, options)
    return work(engine, [...new Set(ids)])
  })
}

/** @returns false if it was refused or failed for any contact */
export function runOrder(
  io: Streams,
  url: string,
  selector: ContactSelector,
  operation: Operation,
  options: OrderOptions,
): Promise<boolean> {
  return withContacts(url, 'write', selector, operation, options, async (engine, contacts) => {
    const question = options.yes === true ? null : await questionOn(operation, engine, contacts)
    if (question !== null) await confirm(io, question)
    return report(io, operation, engine, contacts, options)
  })
}

/** What would happen, with counts: a sentence. `null`: it is for one contact, and has an inverse. */
async function questionOn(
  operation: Operation,
  engine: Engine,
  contacts: readonly ContactId[],
): Promise<string | null> {
  const { target, final } = operation
  if (contacts.length === 1 && final === undefined) return null
  const who = contacts.length === 1 ? named(contacts[0] as ContactId) : counted(contacts.length, 'contact')
  const previewed = await engine.previewAction({ ...target, contacts: { ids: contacts } } as ActionTarget)
  const end = finalInWords(final, isLeft(previewed) ? [] : previewed.right.schedule.changes)
  if (contacts.length === 1 && end === null) return null
  // Where it can be done for nobody at all, each contact is told so.
  const counts = isLeft(previewed) ? '' : `: ${foreseenInWords(previewed.right)}`
  const lines = isLeft(previewed) ? [] : scheduleInWords(previewed.right.schedule)
  return [`This would ${operation.describe(who)}${counts}.${end === null ? '' : ` ${end}`}`, ...lines].join('\n')
}

/** How many contacts are worked on at once: the engine shares a transaction among them. */
const AT_ONCE = 50

/** The answers in the order of the contacts. Where `goOn` says no, no further one is begun. */
async function* inOrder<Answer>(
  contacts: readonly ContactId[],
  work: (contactId: ContactId) => Promise<Answer>,
  goOn: () => boolean = () => true,
): AsyncGenerator<Answer> {
  const underway: Promise<Answer>[] = []
  for (const contactId of contacts) {
    if (!goOn()) break
    if (underway.length === AT_ONCE) yield (await underway.shift()) as Answer
    const working = work(contactId)
    // What goes wrong is thrown when its turn comes, or not at all if one before it failed.
    working.catch(() => {})
    underway.push(working)
  }
  for (const one of underway) yield await one
}

type Result = { readonly contactId: ContactId } & (
  | { readonly answered: Either<Rejection, Done>; readonly error?: never }
  | { readonly error: unknown; readonly answered?: never }
)

async function report(
  io: Streams,
  operation: Operation,
  engine: Engine,
  contacts: readonly ContactId[],
  { json = false }: OrderOptions,
): Promise<boolean> {
  const { stdout, stderr } = io
  // On a terminal the lines themselves show how far it has come.
  const progress = stdout.isTTY ? null : createProgress(stderr, undefined, 'contacts')
  const outcomes = new Map<string, number>()
  let [done, fine] = [0, true]
  let broken: unknown = null

  const work = async (contactId: ContactId): Promise<Result> => {
    try {
      return { contactId, answered: await operation.run(engine, contactId) }
    } catch (error) {
      if (isOfStore(error)) broken ??= error
      return { contactId, error }
    }
  }
  for await (const result of inOrder(contacts, work, () => broken === null)) {
    const told = inWords(operation, result)
    outcomes.set(told.outcome, (outcomes.get(told.outcome) ?? 0) + 1)
    if (!told.fine) fine = false
    progress?.done()
    if (json) await writeLine(stdout, jsonText(told.json))
    else if (told.fine) await writeLine(stdout, told.text)
    else await writeLine(stderr, paintFor(stderr)('red', told.text))
    done += 1
    progress?.show(done, done / contacts.length)
  }
  progress?.done()
  if (!json && contacts.length !== 1) {
    const tallied = [...outcomes].map(
      ([outcome, count]) => `${count.toLocaleString('en')} ${outcome.replaceAll('_', ' ')}`,
    )
    await writeLine(stdout, `${counted(done, 'contact')}${tallied.length === 0 ? '' : `: ${tallied.join(', ')}`}`)
  }
  if (done < contacts.length)
    throw new CommandFailedError(
      `Stopped, because the store failed: ${counted(contacts.length - done, 'contact')} left. ${again(operation)}`,
    )
  return fine
}

/** Of the store as a whole: the next contact would fare no better. */
function isOfStore(error: unknown): boolean {
  return isEnfoldFault(error) && error.code.startsWith('STORE_')
}

function again({ idempotencyKey }: Operation): string {
  return 'commandId' in idempotencyKey
    ? `Put it right and repeat the order with --command-id ${idempotencyKey.commandId}: what is done already is not done twice.`
    : `Put it right and repeat the signal with --signal-id ${named(idempotencyKey.signalId)}: what is done already is not done twice.`
}

function inWords(operation: Operation, { contactId, answered, error }: Result) {
  if (answered === undefined) {
    const code = isEnfoldFault(error) ? error.code : null
    const message = messageOf(error)
    const text = `${named(contactId)}: ${code === null ? '' : `${code}: `}${plain(message)}`
    return {
      fine: false,
      outcome: 'failed',
      text,
      json: { contactId, ...operation.idempotencyKey, fault: { code, message } },
    }
  }
  if (isLeft(answered)) {
    const message = describeRejection(answered.left)
    const json = { contactId, ...operation.idempotencyKey, rejection: answered.left, message }
    return { fine: false, outcome: 'refused', text: `${named(contactId)}: ${plain(message)}`, json }
  }
  const { outcome, answer, changed, text } = answered.right
  const mark =
    'commandId' in operation.idempotencyKey
      ? `command ${named(operation.idempotencyKey.commandId)}`
      : `signal ${named(operation.idempotencyKey.signalId)}`
  const where = changed ? `at version ${answer.version}, ${mark}` : `nothing changed, at version ${answer.version}`
  return {
    fine: true,
    outcome,
    text: `${text}${changed ? ', ' : ': '}${where}`,
    json: { contactId, ...operation.idempotencyKey, answer },
  }
}

/**
 * A goal that decides by tags and fields decides wrongly without them.
 *
 * @param kind of the signal; `undefined`: the order is none
 * @throws UsageError if a signal of this kind may satisfy one, and no module says what is known of contacts
 */
export async function requireNoCondition(
  kind: string | undefined,
  store: Store,
  { hostModule }: OrderOptions,
): Promise<void> {
  if (kind === undefined || hostModule !== undefined) return
  const catalog = createCatalog()
  for await (const event of store.readAll(0, { streams: 'campaigns' })) if (isCampaignEvent(event)) catalog.apply(event)
  for (const { published, goal } of catalog.goalsFor(kind))
    if (goal.next?.some((route) => typeof route === 'object' && 'if' in route))
      throw new UsageError(
        `The goal ${named(published.campaignId)}/${named(goal.id)} decides by tags or fields of the contact. Name a module that exports contacts: --host-module FILE.`,
      )
}
