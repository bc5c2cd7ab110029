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
import type { Engine } from '@enfold/engine'
import { foreseenInWords, isEmptyFine, untouchedInWords } from './bulk.ts'
import { type Allowed, type ContactSelector, contactsOf, requireList } from './contact-selector.ts'
import { CommandFailedError, messageOf, UsageError } from './errors.ts'
import type { Done, Operation } from './operations.ts'
import { createProgress } from './progress.ts'
import { confirm } from './prompt.ts'
import { type Streams, writeLine } from './streams.ts'
import { counted, jsonText, named, paintFor, plain } from './text.ts'
import { type OrderOptions, withEngine } from './with-engine.ts'

/** @returns false if it was refused or failed for any contact, or changed nothing for one of a list */
export async function runOrder(
  io: Streams,
  url: string,
  selector: ContactSelector,
  operation: Operation,
  options: OrderOptions & Allowed,
): Promise<boolean> {
  requireList(selector, options)
  return withEngine(url, 'write', options, async (engine, store) => {
    if (operation.signalKind !== undefined && options.hostModule === undefined)
      await requireNoCondition(operation.signalKind, store)
    const contacts = await contactsOf(selector, engine, io)
    if ((contacts.length > 1 || (operation.isFinal && contacts.length > 0)) && options.yes !== true)
      await confirm(io, await wouldDo(operation, engine, contacts))
    const fine = await report(io, operation, engine, contacts, {
      ...options,
      allowUntouched: selector.from === undefined || options.allowUntouched === true,
    })
    return fine && (contacts.length > 0 || (await isEmptyFine(io, selector, options)))
  })
}

/** What would happen, with counts: a sentence. */
async function wouldDo(operation: Operation, engine: Engine, contacts: readonly ContactId[]): Promise<string> {
  const { action, isFinal } = operation
  const who = contacts.length === 1 ? named(contacts[0] as ContactId) : counted(contacts.length, 'contact')
  const end = isFinal ? ' Nothing undoes that.' : ''
  const previewed = action === undefined ? null : await engine.previewAction({ ...action, contacts: { ids: contacts } })
  // Where nobody can be started at all, each contact is told so.
  const counts = previewed === null || isLeft(previewed) ? '' : `: ${foreseenInWords(previewed.right)}`
  return `This would ${operation.describe(who)}${counts}.${end}`
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
  { json = false, allowUnknown = false, allowUntouched = false }: OrderOptions & Allowed,
): Promise<boolean> {
  const { stdout, stderr } = io
  // On a terminal the lines themselves show how far it has come.
  const progress = stdout.isTTY ? null : createProgress(stderr, undefined, 'contacts')
  const outcomes = new Map<string, number>()
  let [done, untouched, fine] = [0, 0, true]
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
    if (!told.fine && !(allowUnknown && told.isUnknown)) fine = false
    if (told.isUntouched) untouched += 1
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
  if (untouched > 0 && !allowUntouched) {
    fine = false
    if (!json) await writeLine(stderr, untouchedInWords(untouched))
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

const NOT_FINE = { fine: false, isUntouched: false } as const

function inWords(operation: Operation, { contactId, answered, error }: Result) {
  if (answered === undefined) {
    const code = isEnfoldFault(error) ? error.code : null
    const message = messageOf(error)
    const text = `${named(contactId)}: ${code === null ? '' : `${code}: `}${plain(message)}`
    return {
      ...NOT_FINE,
      isUnknown: false,
      outcome: 'failed',
      text,
      json: { contactId, ...operation.idempotencyKey, fault: { code, message } },
    }
  }
  if (isLeft(answered)) {
    const message = describeRejection(answered.left)
    const json = { contactId, ...operation.idempotencyKey, rejection: answered.left, message }
    const isUnknown = answered.left.type === 'ContactUnknown'
    return { ...NOT_FINE, isUnknown, outcome: 'refused', text: `${named(contactId)}: ${plain(message)}`, json }
  }
  const { outcome, answer, changed, text } = answered.right
  const mark =
    'commandId' in operation.idempotencyKey
      ? `command ${named(operation.idempotencyKey.commandId)}`
      : `signal ${named(operation.idempotencyKey.signalId)}`
  const where = changed ? `at version ${answer.version}, ${mark}` : `nothing changed, at version ${answer.version}`
  return {
    fine: true,
    isUnknown: false,
    isUntouched: !changed,
    outcome,
    text: `${text}${changed ? ', ' : ': '}${where}`,
    json: { contactId, ...operation.idempotencyKey, answer },
  }
}

/**
 * A goal that decides by tags and fields decides wrongly without them.
 *
 * @throws UsageError if a signal of this kind may satisfy one
 */
export async function requireNoCondition(kind: string, store: Store): Promise<void> {
  const catalog = createCatalog()
  for await (const event of store.readAll(0, { streams: 'campaigns' })) if (isCampaignEvent(event)) catalog.apply(event)
  for (const { published, goal } of catalog.goalsFor(kind))
    if (goal.next?.some((route) => typeof route === 'object' && 'if' in route))
      throw new UsageError(
        `The goal ${named(published.campaignId)}/${named(goal.id)} decides by tags or fields of the contact. Name a module that exports contacts: --host-module FILE.`,
      )
}
