/** The arguments and options that several commands share, and what they mean. */
import { randomUUID } from 'node:crypto'
import { userInfo } from 'node:os'
import { ACTION_OUTCOMES, type ActionOutcome, type Pace, type SequenceRef } from '@enfold/core'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { commandIdIn, idIn, read, sequenceIn, textIn, wholeNumberIn } from '../arguments.ts'
import type { ContactSelector } from '../contact-selector.ts'
import { UsageError } from '../errors.ts'
import type { Ordered } from '../operations.ts'
import { isStoreUrl, STORE_URLS } from '../store-url.ts'
import { named } from '../text.ts'
import type { OrderOptions } from '../with-engine.ts'

export interface GivenOptions extends OrderOptions {
  readonly actor?: string
  readonly reason?: string
  readonly commandId?: string
  readonly from?: string
  readonly column?: string
  readonly keyColumn?: string
  readonly in?: SequenceRef
  readonly ofAction?: string
  readonly outcome?: readonly ActionOutcome[]
  readonly allowUnknown?: boolean
  readonly allowUntouched?: boolean
}

// --- The store ------------------------------------------------------------------------------------------------------

export function withStore(command: Command): Command {
  return command
    .argument('<store>', STORE_URLS)
    .option('--store <url>', 'the store, instead of the first argument')
    .option('--read-model <url>', 'of a log that keeps no index and agenda: sqlite:PATH or postgres://…')
}

export function storeCommand(program: Command, name: string, description: string): Command {
  return withStore(program.command(name).description(description)).option('--json', 'for programs: JSON lines')
}

/** For what writes: with a separate read model it feeds that, and may meet an event that cannot be shown there. */
export function feeding(command: Command): Command {
  return command.addOption(
    new Option(
      '--on-poison <what>',
      'with --read-model, if an event cannot be shown there: stop, or park its contact',
    ).choices(['stop', 'park']),
  )
}

export function hosted(command: Command): Command {
  return command.option('--host-module <file>', 'a module that exports contacts: what you know of them')
}

/**
 * The arguments with what `--store` names where the command wants its store: first. So each command has one way to it.
 *
 * @throws UsageError if a store is named in both places
 */
export function withStoreFirst(program: Command, args: readonly string[]): readonly string[] {
  const command = program.commands.find((one) => one.name() === args[0])
  if (command?.registeredArguments[0]?.name() !== 'store') return args
  const end = args.indexOf('--')
  const at = args.findIndex((arg, i) => (end < 0 || i < end) && (arg === '--store' || arg.startsWith('--store=')))
  if (at < 0) return args
  const isApart = args[at] === '--store'
  const store = isApart ? args[at + 1] : args[at]?.slice('--store='.length)
  if (store === undefined || store === '') throw new UsageError(`--store names nothing; expected ${STORE_URLS}.`)
  const rest = args.toSpliced(at, isApart ? 2 : 1)
  const untilEnd = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest
  if (untilEnd.some((arg, i) => i > 0 && isStoreUrl(arg) && untilEnd[i - 1] !== '--read-model'))
    throw new UsageError('The store is named twice: by --store and as an argument.')
  return rest.toSpliced(1, 0, store)
}

// --- Orders ---------------------------------------------------------------------------------------------------------

export const actorOption = () =>
  new Option('--actor <id>', 'who orders it; recorded (default: your user name)').argParser(idIn)

export function asking(command: Command): Command {
  return command.option('-y, --yes', 'go ahead without asking')
}

export function orderCommand(program: Command, name: string, description: string): Command {
  return feeding(storeCommand(program, name, description))
    .addOption(actorOption())
    .addOption(new Option('--reason <text>', 'why; recorded, so no personal data').argParser(textIn))
    .addOption(
      new Option('--command-id <id>', 'the same id again changes nothing (default: drawn)').argParser(commandIdIn),
    )
}

export function orderedBy(options: GivenOptions): Ordered {
  const { reason, commandId = randomUUID() } = options
  return { actor: actorOf(options), commandId, ...(reason === undefined ? {} : { reason }) }
}

/** @throws UsageError if nobody is named, and this user has no name on this machine */
export function actorOf({ actor }: Pick<GivenOptions, 'actor'>): string {
  if (actor !== undefined) return actor
  try {
    return read(idIn, userInfo().username)
  } catch {
    throw new UsageError('Who orders this? Say it with --actor ID.')
  }
}

/**
 * How many overdue steps may begin in each span (GATE-4); `undefined`: no limit was named.
 *
 * @throws UsageError for a span alone, which would limit nothing
 */
export function paceOf({ most, per }: { readonly most?: number; readonly per?: string }): Pace | undefined {
  if (most !== undefined) return { most, per: per ?? 'PT1H' }
  if (per === undefined) return undefined
  throw new UsageError(`--per ${named(per)} is the span of a limit. Say how many may begin in it: --most 500.`)
}

// --- Contacts -------------------------------------------------------------------------------------------------------

/** @param names what is named after the contacts */
export function selecting(command: Command, names: readonly string[]): Command {
  const rest = names.map((name) => ` <${name}>`).join('')
  return command
    .usage(`[options] <store> <contacts...>${rest}`)
    .argument('[words...]', `ids of contacts${names.length === 0 ? '' : `, then the ${names.join(' and the ')}`}`)
    .option('--from <file>', 'the contacts: a list of ids, or a table with a column contactId; "-": the standard input')
    .addOption(new Option('--column <name>', 'with --from: the column of ids, if another').argParser(textIn))
    .option('--allow-unknown', 'with --from: contacts that the directory does not know are fine')
    .option('--allow-untouched', 'with --from: contacts for which nothing changes are fine')
    .addOption(new Option('--in <sequence>', 'the contacts: those in CAMPAIGN/SEQUENCE').argParser(sequenceIn))
    .addOption(new Option('--of-action <id>', 'the contacts: those of an action that is over').argParser(idIn))
    .addOption(
      new Option('--outcome <word>', 'with --of-action: only those that came to it; again for more').argParser(
        outcomeIn,
      ),
    )
}

function outcomeIn(value: string, before: readonly ActionOutcome[] = []): readonly ActionOutcome[] {
  const outcome = ACTION_OUTCOMES.find((one) => one === value.replaceAll(' ', '_'))
  if (outcome !== undefined) return [...before, outcome]
  throw new InvalidArgumentError(`Expected one of ${ACTION_OUTCOMES.join(', ')}.`)
}

/**
 * The contacts, and what is named after them.
 *
 * @throws UsageError if a name is missing, or no contact is selected
 */
export function selected(
  command: string,
  words: readonly string[],
  names: readonly string[],
  given: Pick<GivenOptions, 'from' | 'column' | 'keyColumn' | 'in' | 'ofAction' | 'outcome'>,
): { readonly selector: ContactSelector; readonly named: readonly string[] } {
  const { from, column, keyColumn, in: sequence, ofAction, outcome: outcomes } = given
  const isListed = from !== undefined || sequence !== undefined || ofAction !== undefined
  const ids = words.slice(0, Math.max(0, words.length - names.length)).map((word) => read(idIn, word))
  const named = words.slice(ids.length)
  if (named.length < names.length || (ids.length === 0 && !isListed)) {
    const expected = `enfold ${command} STORE CONTACT…${names.map((name) => ` ${name.toUpperCase()}`).join('')}`
    throw new UsageError(
      `Too few arguments. Expected ${expected}, or --from FILE, --in SEQUENCE or --of-action ID for the contacts.`,
    )
  }
  const selector = {
    ids,
    ...(from === undefined ? {} : { from }),
    ...(column === undefined ? {} : { column }),
    ...(keyColumn === undefined ? {} : { keyColumn }),
    ...(sequence === undefined ? {} : { in: sequence }),
    ...(ofAction === undefined ? {} : { ofAction }),
    ...(outcomes === undefined ? {} : { outcomes }),
  }
  return { selector, named }
}

// --- Numbers --------------------------------------------------------------------------------------------------------

export function portIn(value: string): number {
  return atMost(65_535, value)
}

export function limitIn(value: string): number {
  return atMost(1000, value)
}

function atMost(most: number, value: string): number {
  const number = wholeNumberIn(value)
  if (number <= most) return number
  throw new InvalidArgumentError(`Expected a whole number from 1 to ${most}.`)
}
