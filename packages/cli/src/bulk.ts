/**
 * An order for all contacts of a file or a sequence, however many: one action of the engine, previewed, asked about,
 * processed in constant memory, resumed by its id. Rules BULK-1 to BULK-3.
 */
import { createWriteStream, existsSync } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  ACTION_OUTCOMES,
  type ActionContact,
  type ActionCounts,
  type ActionId,
  type ActionOutcome,
  type ActionVerb,
  actionTroublesOf,
  actionUnchangedOf,
  describeRejection,
  type Either,
  isEnfoldFault,
  isLeft,
  type Rejection,
} from '@enfold/core'
import type {
  ActionOrder,
  ActionPreview,
  ActionView,
  BeginOptions,
  ContactSource,
  Engine,
  UndoActionOrder,
} from '@enfold/engine'
import { type Allowed, type ContactSelector, itemsIn } from './contact-selector.ts'
import { CommandFailedError, UsageError } from './errors.ts'
import { createNewFile } from './new-file.ts'
import type { Operation } from './operations.ts'
import { placeText } from './places.ts'
import { createProgress } from './progress.ts'
import { confirm } from './prompt.ts'
import { type Streams, writeLine } from './streams.ts'
import { counted, jsonText, keyInWords, named, paintFor, plain, sequenceName } from './text.ts'

/** What to do, and for which contacts. */
export interface BulkOrder {
  readonly operation: Operation
  readonly selector: ContactSelector
  /** One that stands in the store already goes on where it was (BULK-2). */
  readonly actionId: ActionId
  readonly actor: string
  readonly reason?: string
}

export interface BulkOptions extends Allowed {
  readonly json?: boolean
  /** Goes ahead without preview and question. */
  readonly yes?: boolean
  /** Prints the preview, and writes nothing. */
  readonly dryRun?: boolean
  /** A new file for what became of each contact. */
  readonly csv?: string
}

/** Of each trouble, so many contacts are named on the screen. */
const NAMED = 5

/**
 * Told to stop (SIGINT or SIGTERM), it finishes the group in hand and says how to go on; told again, the process ends
 * at once, and the action goes on all the same when it is ordered again.
 *
 * @returns false if it was refused, or came for any contact to what is not fine: see `notFine`
 */
export async function processMany(
  io: Streams,
  engine: Engine,
  order: BulkOrder,
  options: BulkOptions,
): Promise<boolean> {
  const { actionId, selector, operation, ...rest } = order
  const progress = createProgress(io.stderr, undefined, 'contacts')
  const orderNow = () =>
    ({ ...rest, ...operation.target, actionId, contacts: sourceOf(selector, io, progress.show) }) as ActionOrder
  const { vars: _, data: __, ...head } = operation.target as { readonly vars?: unknown; readonly data?: unknown }
  return carryOut(io, engine, options, {
    actionId,
    head,
    progress,
    would: (contacts) => operation.describe(contacts),
    final: operation.final,
    preview: () => engine.previewAction(orderNow()),
    process: (how) => engine.processAction(orderNow(), how),
    isEmptyFine: () => isEmptyFine(io, selector, options),
    bad: notFine(operation.target.action, selector, options),
  })
}

/** Undoes an action: an action of its own (UNDO-1). What cannot be undone any more is no failure. */
export async function undoMany(
  io: Streams,
  engine: Engine,
  order: UndoActionOrder,
  options: BulkOptions,
): Promise<boolean> {
  const { actionId, undoes } = order
  return carryOut(io, engine, options, {
    actionId,
    head: { action: 'undo', undoes },
    progress: createProgress(io.stderr, undefined, 'contacts'),
    would: (contacts) => `undo the action ${named(undoes)} for ${contacts}`,
    preview: () => engine.previewUndo(order),
    process: (how) => engine.undoAction(order, how),
    final: undefined,
    isEmptyFine: async () => true,
    bad: ['failed'],
  })
}

/** An action on its way: previewed, asked about, processed, reported. */
interface Carried {
  readonly actionId: ActionId
  /** What a program is told first. */
  readonly head: object
  readonly progress: ReturnType<typeof createProgress>
  would(contacts: string): string
  readonly final: Operation['final']
  preview(): Promise<Either<Rejection, ActionPreview>>
  process(options: BeginOptions): Promise<Either<Rejection, ActionView>>
  isEmptyFine(): Promise<boolean>
  /** What makes exit status 1. */
  readonly bad: readonly ActionOutcome[]
}

async function carryOut(io: Streams, engine: Engine, options: BulkOptions, carried: Carried): Promise<boolean> {
  const { actionId, head, progress, bad } = carried
  if (options.csv !== undefined && options.dryRun === true)
    throw new UsageError('--csv says what became of each contact, and --dry-run does nothing: leave one of them out.')
  if (options.csv !== undefined && existsSync(options.csv))
    throw new UsageError(`${placeText(options.csv)} exists; results overwrite nothing.`)
  const stored = await engine.inspect.action(actionId)
  let preview: ActionPreview | null = null
  // An action that is continued was confirmed before.
  const isAsked =
    options.dryRun === true || (options.yes !== true && (stored === null || stored.state === 'collecting'))
  if (isAsked) {
    const previewed = await carried.preview()
    progress.done()
    if (isLeft(previewed)) return refuse(io, actionId, previewed.left, options)
    preview = previewed.right
    if (options.dryRun === true) return tellPreview(io, carried, preview, options)
    if (preview.contacts === 0) {
      if (options.json !== true) await writeLine(io.stdout, '0 contacts')
      return carried.isEmptyFine()
    }
    if (preview.contacts > 1 || finalInWords(carried.final, preview.schedule.changes) !== null)
      await confirm(io, wouldDo(carried, preview))
  }
  await writeLine(io.stdout, options.json === true ? jsonText({ actionId, ...head }) : `action ${named(actionId)}`)
  const { view, refused } = await processed(engine, carried, preview)
  if (refused !== undefined) return refuse(io, actionId, refused, options)
  const fine = await report(io, engine, view, options, bad)
  return fine && (view.contacts > 0 || (await carried.isEmptyFine()))
}

/** What would happen, with counts, and what of schedules: a sentence, or several lines. */
function wouldDo({ would, final }: Carried, preview: ActionPreview): string {
  const counts = foreseenInWords(preview)
  const end = finalInWords(final, preview.schedule.changes)
  const first = `This would ${would(counted(preview.contacts, 'contact'))}${counts === '' ? '' : `: ${counts}`}.${end === null ? '' : ` ${end}`}`
  return [first, ...scheduleInWords(preview.schedule)].join('\n')
}

/** `--dry-run`: for programs all of it. */
async function tellPreview(
  { stdout }: Streams,
  carried: Carried,
  preview: ActionPreview,
  { json = false }: BulkOptions,
): Promise<boolean> {
  if (json) await writeLine(stdout, jsonText({ ...carried.head, dryRun: true, preview }))
  else await writeLine(stdout, wouldDo(carried, preview))
  return carried.bad.every((outcome) => preview.outcomes[outcome] === 0)
}

/** A list that names nobody is mostly a mistake, so it is one unless that is allowed; a sequence may be empty. */
export async function isEmptyFine(
  { stderr }: Streams,
  { from }: ContactSelector,
  { allowUntouched = false, json = false }: Allowed & { readonly json?: boolean },
): Promise<boolean> {
  if (from === undefined || allowUntouched) return true
  if (!json) await writeLine(stderr, 'The list names no contact. If that is right, say --allow-untouched.')
  return false
}

function sourceOf(selector: ContactSelector, { stdin }: Streams, show: Show): ContactSource {
  const { in: sequence, ofAction: action, outcomes } = selector
  if (action !== undefined) return outcomes === undefined ? { action } : { action, outcomes }
  // In progress, or waiting at its end.
  if (sequence !== undefined) return { query: { any: [sequence, { ...sequence, status: 'waiting' }] } }
  return { ids: showing(itemsIn(selector, stdin), show) }
}

/** What makes exit status 1: troubles; and, of a list, contacts that are left unchanged, unless that is allowed. */
function notFine(
  action: ActionVerb,
  { from }: ContactSelector,
  { allowUnknown = false, allowUntouched = false }: Allowed,
): readonly ActionOutcome[] {
  const troubles = actionTroublesOf(action).filter((trouble) => !(allowUnknown && trouble === 'contact_unknown'))
  return from === undefined || allowUntouched ? troubles : [...troubles, ...actionUnchangedOf(action)]
}

type Show = (count: number, share: number | null) => void

async function* showing<Thing>(things: AsyncIterable<Thing>, show: Show): AsyncGenerator<Thing> {
  let count = 0
  for await (const thing of things) {
    show(++count, null)
    yield thing
  }
}

type Processed =
  | { readonly view: ActionView; readonly refused?: never }
  | { readonly refused: Rejection; readonly view?: never }

async function processed(
  engine: Engine,
  { actionId, process: begin, progress }: Carried,
  preview: ActionPreview | null,
): Promise<Processed> {
  const goOn = `repeat the order with --action-id ${named(actionId)}: it goes on where it stopped.`
  let isStopped = false
  const stop = () => {
    isStopped = true
    for (const name of STOPS) process.off(name, stop)
    // Not cancelled, which would be final: left as it stands.
    void engine.close()
  }
  for (const name of STOPS) process.on(name, stop)
  let last: ActionView | null = null
  try {
    const onProgress = (view: ActionView) => {
      last = view
      progress.show(view.processed, view.contacts === 0 ? null : view.processed / view.contacts)
    }
    const either = await begin({ onProgress, ...(preview === null ? {} : { preview }) })
    return isLeft(either) ? { refused: either.left } : { view: either.right }
  } catch (error) {
    if (isStopped && isEnfoldFault(error) && error.code === 'CLOSED')
      throw new CommandFailedError(`Stopped, ${howFar(last)}. To go on, ${goOn}`)
    if (isEnfoldFault(error) && error.code.startsWith('STORE_'))
      throw new CommandFailedError(`${error.code}: ${error.message} Stopped, ${howFar(last)}. Put it right and ${goOn}`)
    throw error
  } finally {
    progress.done()
    for (const name of STOPS) process.off(name, stop)
  }
}

const STOPS = ['SIGINT', 'SIGTERM'] as const

function howFar(view: ActionView | null): string {
  return view === null
    ? 'with no contact touched'
    : `with ${view.processed.toLocaleString('en')} of ${counted(view.contacts, 'contact')} done`
}

// --- In words -------------------------------------------------------------------------------------------------------

/** Where the outcome itself would say that it is done. */
const FORESEEN: ReadonlyMap<string, string> = new Map([
  ['started', 'to start'],
  ['restarted', 'to restart'],
  ['already_active', 'in it already'],
  ['stopped', 'to stop'],
  ['not_active', 'not in it'],
  ['contact_unknown', 'unknown'],
  ['undone', 'as if never ordered'],
  ['restored', 'to go on where they stood'],
  ['already_sent', 'sent already'],
  ['changed_since', 'changed since'],
  ['nothing_to_undo', 'with nothing to undo'],
  ['failed', 'refused'],
])

/** "2 to start, 1 in it already". */
export function foreseenInWords({ complete, contacts, outcomes, reasons }: ActionPreview): string {
  const why = reasons.map(({ reason, contacts: count }) => `${count.toLocaleString('en')} ${plain(reason)}`)
  const because = why.length === 0 ? '' : ` (${why.join(', ')})`
  const tallied = tally(
    outcomes,
    (outcome) => `${FORESEEN.get(outcome) ?? asWords(outcome)}${outcome === 'failed' ? because : ''}`,
  )
  return complete ? tallied : `of the first ${contacts.toLocaleString('en')} of them ${tallied}`
}

interface ForeseenChange {
  readonly after: object | null
  /** Absent: of one run. */
  readonly runs?: number
}

/** What nothing undoes of it, as a sentence; `null` if there is nothing like that. */
export function finalInWords(final: Operation['final'], changes: readonly ForeseenChange[]): string | null {
  if (final === 'order') return 'Nothing undoes that.'
  if (final === undefined) return null
  const runs = changes.reduce((sum, { after, runs = 1 }) => sum + (after === null ? runs : 0), 0)
  return runs === 0 ? null : `${counted(runs, 'run')} would have no step left and end. Nothing undoes that.`
}

/** The changes that no outcome says: of runs that go on with another step, or at another instant. */
export function scheduleInWords({ contacts, changes }: ActionPreview['schedule']): readonly string[] {
  return changes.flatMap(({ before, after, runs, ...ref }) => {
    if (before === null || after === null) return []
    const [from, to] = [spanOf(before), spanOf(after)]
    const step = `${named(after.stepId)} of ${sequenceName(ref)}`
    const what =
      before.stepId === after.stepId ? `from ${from} to ${to}` : `due ${to}, instead of ${named(before.stepId)}`
    return [`  ${step}: ${counted(runs, 'run')} ${what}${contacts === LOOKED_AT ? ' (of the first 500 contacts)' : ''}`]
  })
}

/** So many contacts are looked at for it. */
const LOOKED_AT = 500

const spanOf = ({ first, last }: { readonly first: string; readonly last: string }) =>
  first === last ? first : `${first} … ${last}`

function tally(counts: ActionCounts, inWords: (outcome: ActionOutcome) => string): string {
  return ACTION_OUTCOMES.filter((outcome) => counts[outcome] > 0)
    .map((outcome) => `${counts[outcome].toLocaleString('en')} ${inWords(outcome)}`)
    .join(', ')
}

const asWords = (outcome: ActionOutcome) => outcome.replaceAll('_', ' ')

async function refuse(
  { stdout, stderr }: Streams,
  actionId: ActionId,
  rejection: Rejection,
  { json = false }: BulkOptions,
): Promise<false> {
  const message = describeRejection(rejection)
  if (json) await writeLine(stdout, jsonText({ actionId, rejection, message }))
  else await writeLine(stderr, paintFor(stderr)('red', plain(message)))
  return false
}

async function report(
  { stdout, stderr }: Streams,
  engine: Engine,
  view: ActionView,
  { csv, json = false }: BulkOptions,
  bad: readonly ActionOutcome[],
): Promise<boolean> {
  const { actionId, contacts, differences, outcomes, repeated } = view
  if (view.state === 'running')
    throw new CommandFailedError(`Another process goes on with the action ${named(actionId)}: it has its results.`)
  if (csv !== undefined) await writeCsv(engine, actionId, csv)
  if (json) {
    for await (const { number: _, ...result } of resultsOf(engine, actionId))
      await writeLine(stdout, jsonText({ actionId, ...result }))
  } else {
    for (const outcome of new Set([...actionTroublesOf(view.action), ...bad]))
      await nameSome(stderr, engine, view, outcome)
    const tallied = tally(outcomes, asWords)
    const again = repeated === 0 ? '' : `; ${repeated.toLocaleString('en')} named again`
    await writeLine(stdout, `${counted(contacts, 'contact')}${tallied === '' ? '' : `: ${tallied}`}${again}`)
    const otherwise = differences.map(
      ({ outcome, previewed, happened }) =>
        `${happened.toLocaleString('en')} ${asWords(outcome)} instead of ${previewed.toLocaleString('en')}`,
    )
    if (otherwise.length > 0) await writeLine(stdout, `otherwise than previewed: ${otherwise.join(', ')}`)
    const unchanged = actionUnchangedOf(view.action).filter((outcome) => bad.includes(outcome))
    const untouched = unchanged.reduce((sum, outcome) => sum + outcomes[outcome], 0)
    if (untouched > 0) await writeLine(stderr, untouchedInWords(untouched))
  }
  if (view.state === 'cancelled')
    throw new CommandFailedError(
      `The action was cancelled${view.cancelledBy === null ? '' : ` by ${named(view.cancelledBy)}`}, ${howFar(view)}.`,
    )
  return bad.every((outcome) => outcomes[outcome] === 0)
}

/** Why the exit status is 1 though nothing was refused. */
export function untouchedInWords(count: number): string {
  return `The order changed nothing for ${counted(count, 'contact')} of the list. If that is right, say --allow-untouched.`
}

/** The first few, each with its reason, and how many more. */
async function nameSome(
  stderr: NodeJS.WriteStream,
  engine: Engine,
  { actionId, outcomes }: ActionView,
  outcome: ActionOutcome,
): Promise<void> {
  if (outcomes[outcome] === 0) return
  const { contacts } = await engine.inspect.actionContacts({ actionId, outcome, limit: NAMED })
  const lines = contacts.map(
    ({ contactId, key, reason }) =>
      `${named(contactId)}${keyInWords(key)}: ${asWords(outcome)}${reason === null ? '' : `, ${plain(reason)}`}`,
  )
  const more = outcomes[outcome] - contacts.length
  if (more > 0) lines.push(`and ${more.toLocaleString('en')} more ${asWords(outcome)}; --csv FILE names each.`)
  await writeLine(stderr, paintFor(stderr)('red', lines.join('\n')))
}

async function* resultsOf(engine: Engine, actionId: ActionId): AsyncGenerator<ActionContact> {
  for (let after: number | null = 0; after !== null; ) {
    const page: Awaited<ReturnType<Engine['inspect']['actionContacts']>> = await engine.inspect.actionContacts({
      actionId,
      after,
      limit: 1000,
    })
    yield* page.contacts
    after = page.next
  }
}

async function writeCsv(engine: Engine, actionId: ActionId, path: string): Promise<void> {
  const file = createNewFile(path)
  try {
    await pipeline(Readable.from(engine.inspect.actionCsv(actionId)), createWriteStream(path, { fd: file.fd }))
  } catch (error) {
    // Half a list looks like a whole one.
    file.discard()
    throw error
  }
}
