/**
 * Orders from the command line: which store, which contacts, whether to ask first, and what is printed for each. What
 * can be ordered is in `deeds.ts`.
 */
import {
  type CampaignId,
  type ContactDirectory,
  type ContactId,
  createCatalog,
  describeRejection,
  type Either,
  instantOf,
  isCampaignEvent,
  isEnfoldFault,
  isLeft,
  type Rejection,
  type Store,
} from '@enfold/core'
import { buildReadModel, createEngine, type Engine } from '@enfold/engine'
import { confirm } from './ask.ts'
import { foreseenInWords, untouchedInWords } from './bulk.ts'
import type { Deed, Done, Ordered } from './deeds.ts'
import { type HostModule, loadHostModule } from './host-module.ts'
import { Failed, Misuse, messageOf } from './misuse.ts'
import { createProgress } from './progress.ts'
import { type Access, openStore, placeName, STORE_URLS } from './store-url.ts'
import { readText, type Streams, writeLine } from './streams.ts'
import { counted, jsonText, named, paintFor, plain } from './text.ts'
import { type Allowed, contactsOf, requireList, type Whom } from './whom.ts'

/** What every order may be told beside itself. */
export interface OrderOptions {
  readonly json?: boolean
  /** Goes ahead without asking. */
  readonly yes?: boolean
  readonly hostModule?: string
  /** URL of the store that keeps index and agenda beside a log. */
  readonly readModel?: string
  /** What to do with a contact of whom an event cannot be shown in the read model. Default "stop". */
  readonly onPoison?: 'stop' | 'park'
}

// --- One deed, for one contact or many --------------------------------------------------------------------------------

/** @returns false if it was refused or failed for any contact, or changed nothing for one of a list */
export async function carryOut(
  io: Streams,
  url: string,
  whom: Whom,
  deed: Deed,
  options: OrderOptions & Allowed,
): Promise<boolean> {
  requireList(whom, options)
  return withEngine(url, 'write', options, async (engine, store) => {
    if (deed.signalKind !== undefined && options.hostModule === undefined)
      await requireNoCondition(deed.signalKind, store)
    const contacts = await contactsOf(whom, engine, io)
    if ((contacts.length > 1 || (deed.isFinal === true && contacts.length > 0)) && options.yes !== true)
      await confirm(io, await wouldDo(deed, engine, contacts))
    return report(io, deed, engine, contacts, {
      ...options,
      allowUntouched: whom.from === undefined || options.allowUntouched === true,
    })
  })
}

/** What would happen, with counts: a sentence. */
async function wouldDo(deed: Deed, engine: Engine, contacts: readonly ContactId[]): Promise<string> {
  const { bulk, isFinal = false } = deed
  const whom = contacts.length === 1 ? named(contacts[0] as ContactId) : counted(contacts.length, 'contact')
  const end = isFinal ? ' Nothing undoes that.' : ''
  const previewed = bulk === undefined ? null : await engine.previewAction({ ...bulk, contacts: { ids: contacts } })
  // Where nobody can be started at all, each contact is told so.
  const counts = previewed === null || isLeft(previewed) ? '' : `: ${foreseenInWords(previewed.right)}`
  return `This would ${deed.what(whom)}${counts}.${end}`
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
  deed: Deed,
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
      return { contactId, answered: await deed.doFor(engine, contactId) }
    } catch (error) {
      if (isOfStore(error)) broken ??= error
      return { contactId, error }
    }
  }
  for await (const result of inOrder(contacts, work, () => broken === null)) {
    const told = inWords(deed, result)
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
    throw new Failed(
      `Stopped, for the store failed: ${counted(contacts.length - done, 'contact')} left. ${again(deed)}`,
    )
  return fine
}

/** Of the store as a whole: the next contact would fare no better. */
function isOfStore(error: unknown): boolean {
  return isEnfoldFault(error) && error.code.startsWith('STORE_')
}

function again({ mark }: Deed): string {
  return 'commandId' in mark
    ? `Put it right and repeat the order with --command-id ${mark.commandId}: what is done already is not done twice.`
    : `Put it right and repeat the signal with --signal-id ${named(mark.signalId)}: what is done already is not done twice.`
}

const NOT_FINE = { fine: false, isUntouched: false } as const

function inWords(deed: Deed, { contactId, answered, error }: Result) {
  if (answered === undefined) {
    const code = isEnfoldFault(error) ? error.code : null
    const message = messageOf(error)
    const text = `${named(contactId)}: ${code === null ? '' : `${code}: `}${plain(message)}`
    return {
      ...NOT_FINE,
      isUnknown: false,
      outcome: 'failed',
      text,
      json: { contactId, ...deed.mark, fault: { code, message } },
    }
  }
  if (isLeft(answered)) {
    const message = describeRejection(answered.left)
    const json = { contactId, ...deed.mark, rejection: answered.left, message }
    const isUnknown = answered.left.type === 'ContactUnknown'
    return { ...NOT_FINE, isUnknown, outcome: 'refused', text: `${named(contactId)}: ${plain(message)}`, json }
  }
  const { outcome, answer, changed, text } = answered.right
  const mark =
    'commandId' in deed.mark ? `command ${named(deed.mark.commandId)}` : `signal ${named(deed.mark.signalId)}`
  const where = changed ? `at version ${answer.version}, ${mark}` : `nothing changed, at version ${answer.version}`
  return {
    fine: true,
    isUnknown: false,
    isUntouched: !changed,
    outcome,
    text: `${text}${changed ? ', ' : ': '}${where}`,
    json: { contactId, ...deed.mark, answer },
  }
}

// --- A campaign -----------------------------------------------------------------------------------------------------

/** @returns false if the definition was refused */
export async function publishFile(
  io: Streams,
  url: string,
  path: string,
  create: boolean,
  ordered: Ordered,
  options: OrderOptions,
): Promise<boolean> {
  const { json = false, readModel, onPoison } = options
  const { stdout, stderr } = io
  const text = await readText(path, io.stdin)
  let definition: { readonly id?: unknown } | null
  try {
    definition = JSON.parse(text)
  } catch (error) {
    throw new Misuse(`${plain(path)} is no JSON: ${plain(messageOf(error))}`)
  }
  const beside = { ...(readModel === undefined ? {} : { readModel }), ...(onPoison === undefined ? {} : { onPoison }) }
  return withEngine(url, create ? 'create' : 'write', beside, async (engine) => {
    const answered = await engine.publish(definition, ordered)
    const { commandId } = ordered
    if (isLeft(answered)) {
      const rejection = answered.left
      const message = describeRejection(rejection)
      const problems =
        rejection.type === 'CampaignInvalid'
          ? rejection.problems.map(
              (problem) => `${plain(path)}: ${plain(problem.path) || '/'}: ${plain(problem.message)}`,
            )
          : [plain(message)]
      if (json) await writeLine(stdout, jsonText({ commandId, rejection, message }))
      else await writeLine(stderr, paintFor(stderr)('red', problems.join('\n')))
      return false
    }
    const campaignId = String(definition?.id)
    const { outcome, version, warnings } = answered.right
    if (json) await writeLine(stdout, jsonText({ campaignId, commandId, answer: answered.right }))
    else {
      for (const warning of warnings)
        await writeLine(stderr, `${plain(path)}: ${plain(warning.path) || '/'}: ${plain(warning.message)}`)
      await writeLine(
        stdout,
        outcome === 'published'
          ? `published version ${version} of ${named(campaignId)}, command ${named(commandId)}`
          : outcome === 'superseded'
            ? `version ${version} of ${named(campaignId)} has a higher revision: nothing changed`
            : `${named(campaignId)} is published already as it is: nothing changed, at version ${version}`,
      )
    }
    return true
  })
}

/** @returns false if there is no such campaign */
export async function unpublish(
  io: Streams,
  url: string,
  campaignId: CampaignId,
  stopRuns: boolean,
  ordered: Ordered,
  options: OrderOptions,
): Promise<boolean> {
  const { stdout, stderr } = io
  return withEngine(url, 'write', options, async (engine) => {
    if (stopRuns && options.yes !== true) {
      const counts = await engine.inspect.counts({ campaignId })
      const runs = counts.reduce((sum, { active, waiting }) => sum + active + waiting, 0)
      if (runs > 1) await confirm(io, `This would unpublish ${named(campaignId)} and stop ${counted(runs, 'run')}.`)
    }
    const answered = await engine.unpublish(campaignId, { ...ordered, stopRuns })
    const { commandId } = ordered
    if (isLeft(answered)) {
      const message = describeRejection(answered.left)
      if (options.json === true)
        await writeLine(stdout, jsonText({ campaignId, commandId, rejection: answered.left, message }))
      else await writeLine(stderr, paintFor(stderr)('red', plain(message)))
      return false
    }
    const { outcome, version, stopped } = answered.right
    const told =
      outcome === 'unpublished'
        ? `unpublished ${named(campaignId)}, which was at version ${version}, command ${named(commandId)}`
        : `${named(campaignId)} is not published: nothing changed, at version ${version}`
    const text = stopRuns ? `${told}; stopped ${counted(stopped, 'run')}` : told
    await writeLine(stdout, options.json === true ? jsonText({ campaignId, commandId, answer: answered.right }) : text)
    return true
  })
}

// --- The store ------------------------------------------------------------------------------------------------------

/** @throws Misuse for what is no store, for a log can only be read; and for `onPoison` where nothing is fed */
export function openForOrders(
  url: string,
  access: Access,
  { readModel, onPoison }: Pick<OrderOptions, 'readModel' | 'onPoison'>,
): Store {
  if (onPoison !== undefined && readModel === undefined)
    throw new Misuse('--on-poison goes with --read-model: any other store shows its events as it takes them.')
  const store = openStore(url, access, { readModel })
  if (store !== null) return store
  if (/^[a-z]+:\/\//i.test(url))
    throw new Misuse(`${placeName(url)} is no store that is known here; expected ${STORE_URLS}.`)
  throw new Misuse(
    `${placeName(url)} is a log, which can only be read. Orders go to a store, ${STORE_URLS}; "enfold import" makes one of a log.`,
  )
}

/** An engine that gives orders and works on nothing. With `read` it only answers. */
export async function withEngine<Answer>(
  url: string,
  access: Access,
  { hostModule, ...beside }: OrderOptions,
  work: (engine: Engine, store: Store) => Promise<Answer>,
): Promise<Answer> {
  const host: HostModule = hostModule === undefined ? {} : await loadHostModule(hostModule)
  const { contacts } = host
  if (hostModule !== undefined && contacts === undefined)
    throw new Misuse(`${plain(hostModule)} exports no contacts; expected an object with get(contactId).`)
  const opened = openForOrders(url, access, beside)
  const store = contacts === undefined ? wakingAtOnce(opened) : opened
  const directory = contacts === undefined ? {} : { contacts }
  const poison = beside.onPoison === undefined ? {} : { onPoison: beside.onPoison }
  const engine = createEngine({ store, handlers: {}, ...directory, ...poison })
  const isFed = !store.capabilities.projectsInAppend && access !== 'read'
  try {
    // A server is opened by the first question: what is wrong with it is told before any contact is begun with.
    await store.checkpoint()
    return isFed
      ? await whileFed(engine, { store, ...directory, ...poison }, () => work(engine, store))
      : await work(engine, store)
  } finally {
    await engine.close()
    await opened.close()
    await host.close?.()
  }
}

/** The read model beside the log is up to date before and behind the work, and fed meanwhile. */
async function whileFed<Answer>(
  engine: Engine,
  {
    store,
    ...options
  }: { readonly store: Store; readonly contacts?: ContactDirectory; readonly onPoison?: 'stop' | 'park' },
  work: () => Promise<Answer>,
): Promise<Answer> {
  const toHead = () => buildReadModel({ store, readModel: store, ...options })
  await toHead()
  const end = new AbortController()
  // What stops it is thrown by the last `toHead`, when it has been said what was done.
  const feeding = engine.project({ signal: end.signal }).catch(() => {})
  let answer: Answer
  try {
    answer = await work()
  } finally {
    end.abort()
    await feeding
  }
  await toHead()
  return answer
}

/**
 * When something is due depends on zone and fields of the contact, which the host's directory knows and we do not. So
 * that the worker, who has it, looks at the contact at once and sets its wake right; what is not due stays undone.
 */
function wakingAtOnce(store: Store): Store {
  return {
    ...store,
    // A read model beside the log is fed with these.
    apply: (changes, checkpoint) =>
      store.apply(
        changes.map((change) =>
          change.derived.wakeAt === null
            ? change
            : { ...change, derived: { tags: change.derived.tags, wakeAt: instantOf(Date.now()) } },
        ),
        checkpoint,
      ),
    appendMany: (appends) =>
      store.appendMany(
        appends.map((append) => {
          const { derived, events } = append
          const at = events.at(-1)?.at
          if (derived === undefined || derived.wakeAt === null || at === undefined) return append
          return { ...append, derived: { tags: derived.tags, wakeAt: at } }
        }),
      ),
  }
}

/**
 * A goal that decides by tags and fields decides wrongly without them.
 *
 * @throws Misuse if a signal of this kind may satisfy one
 */
async function requireNoCondition(kind: string, store: Store): Promise<void> {
  const catalog = createCatalog()
  for await (const event of store.readAll(0, { streams: 'campaigns' })) if (isCampaignEvent(event)) catalog.apply(event)
  for (const { published, goal } of catalog.goalsFor(kind))
    if (goal.next?.some((route) => typeof route === 'object' && 'if' in route))
      throw new Misuse(
        `The goal ${named(published.campaignId)}/${named(goal.id)} decides by tags or fields of the contact. Name a module that exports contacts: --host-module FILE.`,
      )
}
