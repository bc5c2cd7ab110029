/** The arguments of the commands that give orders, and of those that work. What they do is in `operate.ts` and `work.ts`. */
import { randomUUID } from 'node:crypto'
import { userInfo } from 'node:os'
import {
  type ActionVerb,
  type CampaignId,
  type Instant,
  instantOf,
  type JsonObject,
  type SequenceRef,
} from '@enfold/core'
import { ATTENTION_KINDS, type AttentionKind } from '@enfold/engine'
import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import { commandIdIn, idIn, instantIn, objectIn, read, sequenceIn, textIn, wholeNumberIn } from './arguments.ts'
import { askAttention } from './attention.ts'
import { processMany } from './bulk.ts'
import { openConsole } from './console.ts'
import * as deeds from './deeds.ts'
import { askDue } from './due.ts'
import { Misuse } from './misuse.ts'
import { carryOut, type OrderOptions, publishFile, unpublish, withEngine } from './operate.ts'
import { type ParkedOptions, tellParked } from './parked.ts'
import { refresh } from './refresh.ts'
import { isStoreUrl, STORE_URLS } from './store-url.ts'
import type { Streams } from './streams.ts'
import { jsonText, paintFor } from './text.ts'
import { type WorkOptions, work } from './work.ts'

interface Given extends OrderOptions {
  readonly actor?: string
  readonly reason?: string
  readonly commandId?: string
  readonly from?: string
  readonly column?: string
  readonly in?: SequenceRef
  readonly allowUnknown?: boolean
  readonly allowUntouched?: boolean
}

interface GivenMany extends Given {
  readonly actionId?: string
  readonly csv?: string
}

/** @param fail is called where something was refused or failed: exit status 1 */
export function addOperatingCommands(program: Command, io: Streams, fail: () => void): void {
  const done = async (fine: Promise<boolean>) => {
    if (!(await fine)) fail()
  }

  program.commandsGroup('Orders:')

  // --- Campaigns ----------------------------------------------------------------------------------------------------

  ordering('publish', 'publish a campaign, or say that it is published already')
    .argument('<file>', 'its definition as JSON; "-": the standard input')
    .option('--create', 'make the store if there is none')
    .action((url: string, path: string, options: Given & { create?: boolean }) =>
      done(publishFile(io, url, path, options.create === true, orderedBy(options), options)),
    )

  asking(ordering('unpublish', 'refuse new starts and goals of a campaign; runs go on'))
    .addArgument(new Argument('<campaign>', 'its id').argParser(idIn))
    .option('--stop-runs', 'and stop every run of it')
    .action((url: string, campaignId: string, options: Given & { stopRuns?: boolean }) =>
      done(unpublish(io, url, campaignId, options.stopRuns === true, orderedBy(options), options)),
    )

  // --- Contacts in a sequence ---------------------------------------------------------------------------------------

  const SEQUENCE = ['sequence'] as const
  forMany('start', 'start contacts in a sequence; who is in it already goes on', deeds.start)
  forMany('stop', 'take contacts out of a sequence', deeds.stop)
  forMany('restart', 'stop, then start, in one', deeds.restart)
  forContacts('pause', 'hold everything of a sequence', SEQUENCE, ([name], options) =>
    deeds.pause(read(sequenceIn, name), orderedBy(options)),
  )
  forContacts('resume', 'let a sequence go on', SEQUENCE, ([name], options: Given & { shift?: boolean }) =>
    deeds.resume(read(sequenceIn, name), options.shift === true, orderedBy(options)),
  ).option('--shift', 'the wait in progress is longer by the pause (default: due times stand)')

  // --- Steps --------------------------------------------------------------------------------------------------------

  const STEP = ['sequence', 'step'] as const
  type OfRun = Given & { run?: number }
  const stepOf = (name: string, step: string, { run }: OfRun) => ({
    ...read(sequenceIn, name),
    stepId: read(idIn, step),
    ...(run === undefined ? {} : { run }),
  })
  const ofRun = () => new Option('--run <n>', 'of this run (default: the newest)').argParser(wholeNumberIn)
  forContacts('resend', 'send one step again, now', STEP, ([name, step], options: OfRun) =>
    deeds.resend(stepOf(name, step, options), orderedBy(options)),
  ).addOption(ofRun())
  forContacts('cancel', 'take out a step that was not dispatched yet', STEP, ([name, step], options: OfRun) =>
    deeds.cancel(stepOf(name, step, options), orderedBy(options)),
  ).addOption(ofRun())

  // --- Contacts as such ---------------------------------------------------------------------------------------------

  forContacts('stop-all', 'take contacts out of every sequence', [], (_, options) => deeds.stopAll(orderedBy(options)))
  forContacts('suppress', 'ban contacts: nothing starts', [], (_, options: Given & { until?: Instant }) => {
    const { until = null } = options
    if (until !== null && until <= instantOf(Date.now())) throw new Misuse(`--until is ${until}, which is over.`)
    return deeds.suppress(until, orderedBy(options))
  }).addOption(new Option('--until <instant>', 'when the ban ends (default: never)').argParser(instantIn))
  forContacts('unsuppress', 'end the ban', [], (_, options) => deeds.unsuppress(orderedBy(options)))
  forContacts('erase', 'forget contacts for good; the log keeps their bare ids', [], (_, options) =>
    deeds.erase(orderedBy(options)),
  )

  type SignalOptions = Omit<Given, 'reason' | 'commandId'> & { data?: JsonObject; signalId?: string; at?: Instant }
  whomFor(asking(hosted(feeding(storeCommand('signal', 'hand over what happened in the CRM: it may satisfy goals')))), [
    'kind',
  ])
    .addOption(actor())
    .addOption(new Option('--data <json>', 'an object, which patterns match against').argParser(objectIn))
    .addOption(
      new Option('--signal-id <id>', 'the same id again has no second effect (default: drawn)').argParser(idIn),
    )
    .addOption(new Option('--at <instant>', 'when it happened (default: now)').argParser(instantIn))
    .action((url: string, words: readonly string[], options: SignalOptions) => {
      const [ids, [kind]] = split('signal', words, ['kind'], options)
      const deed = deeds.signal({
        kind: read(textIn, kind),
        data: options.data ?? {},
        signalId: options.signalId ?? randomUUID(),
        actor: actorOf(options),
        ...(options.at === undefined ? {} : { occurredAt: options.at }),
      })
      return done(carryOut(io, url, { ids, ...whomIn(options) }, deed, options))
    })

  // --- The worker ---------------------------------------------------------------------------------------------------

  program.commandsGroup('Work:')
  hosted(storeCommand('due', 'show what is overdue and what is to come; changes nothing'))
    .argument('[contacts...]', 'ids (default: everyone)')
    .addOption(new Option('--until <instant>', 'what is due up to it (default: everything)').argParser(instantIn))
    .addOption(new Option('--limit <n>', 'of so many contacts, up to 1000').argParser(limitIn).default(100))
    .action(async (url: string, words: readonly string[], options: Given & { until?: Instant; limit: number }) => {
      const { until, limit } = options
      const ids = words.map((word) => read(idIn, word))
      const answer = await askDue(url, { ids, limit, ...(until === undefined ? {} : { until }) }, options)
      io.stdout.write(`${options.json === true ? jsonText(answer.json) : answer.text(paintFor(io.stdout))}\n`)
    })

  hosted(storeCommand('attention', 'show what waits for a person: held, failed for good, stuck; changes nothing'))
    .addOption(new Option('--kind <kind>', 'only these').choices(ATTENTION_KINDS))
    .addOption(new Option('--campaign <id>', 'only of this campaign').argParser(idIn))
    .addOption(new Option('--limit <n>', 'of so many contacts, up to 1000').argParser(limitIn).default(50))
    .addOption(new Option('--after <cursor>', 'the next page').argParser(textIn))
    .action(
      async (
        url: string,
        options: Given & { kind?: AttentionKind; campaign?: CampaignId; limit: number; after?: string },
      ) => {
        const { kind, campaign, limit, after } = options
        const choice = {
          limit,
          ...(kind === undefined ? {} : { kind }),
          ...(campaign === undefined ? {} : { campaigns: [campaign] }),
          ...(after === undefined ? {} : { after }),
        }
        const answer = await askAttention(url, choice, options)
        io.stdout.write(`${options.json === true ? jsonText(answer.json) : answer.text(paintFor(io.stdout))}\n`)
      },
    )

  feeding(hosted(storeCommand('refresh', 'compute anew when contacts are due, whose zone or dates have changed')))
    .argument('<contacts...>', 'ids')
    .action((url: string, words: readonly string[], options: OrderOptions) =>
      done(
        refresh(
          io,
          url,
          words.map((word) => read(idIn, word)),
          options,
        ),
      ),
    )

  feeding(storeCommand('run', 'do what is due with your handlers, until SIGINT or SIGTERM'))
    .option('--handlers <file>', 'a module that exports handlers, by kind of step, and contacts if you have them')
    .option('--once', 'until nothing is due')
    .action((url: string, { handlers, ...options }: WorkOptions & { handlers?: string }) => {
      if (handlers === undefined)
        throw new Misuse(
          'run sends nothing by itself. Name a module that exports handlers: --handlers ./handlers.js, with export const handlers = { email: async (call) => ({ outcome: "sent" }) }.',
        )
      return done(work(io, url, handlers, options))
    })

  asking(hosted(storeCommand('parked', 'name the contacts whose events cannot be shown in the index')))
    .argument('[contacts...]', 'ids (default: all that are parked)')
    .addOption(new Option('--retry', 'show them again, with all that has waited').conflicts('discard'))
    .option('--discard', 'give up on what has waited: they leave index and agenda until their next event')
    .action((url: string, words: readonly string[], options: ParkedOptions) =>
      done(
        tellParked(
          io,
          url,
          words.map((word) => read(idIn, word)),
          options,
        ),
      ),
    )

  hosted(
    ofStore(
      program
        .command('console')
        .description('open the console in a browser of this machine; reads only, unless --write'),
    ),
  )
    .option('--write', 'take orders, too')
    .addOption(actor())
    .addOption(new Option('--port <n>', 'on 127.0.0.1 (default: any that is free)').argParser(portIn))
    .action((url: string, options: Given & { write?: boolean; port?: number }) => {
      const { port = 0, write = false } = options
      return openConsole(io, url, { ...options, port, write, actor: actorOf(options) })
    })

  // --- What they share ----------------------------------------------------------------------------------------------

  /** A command for contacts: the store, the contacts, then what else it names. */
  function forContacts<const Names extends readonly string[], Options extends Given>(
    name: string,
    description: string,
    names: Names,
    deedOf: (words: { readonly [Key in keyof Names]: string }, options: Options) => deeds.Deed,
  ): Command {
    return whomFor(asking(hosted(ordering(name, description))), names).action(
      (url: string, words: readonly string[], options: Options) => {
        const [ids, rest] = split(name, words, names, options)
        return done(carryOut(io, url, { ids, ...whomIn(options) }, deedOf(rest, options), options))
      },
    )
  }

  /** The same for a sequence. All contacts of a file or another sequence are one action, which can be resumed. */
  function forMany(verb: ActionVerb, description: string, deedOf: typeof deeds.start): Command {
    return whomFor(asking(hosted(ordering(verb, description))), SEQUENCE)
      .addOption(new Option('--action-id <id>', 'with --from or --in: go on with this order').argParser(idIn))
      .option('--csv <file>', 'with --from or --in: what became of each contact, as a new file')
      .action((url: string, words: readonly string[], options: GivenMany) => {
        const [ids, [name]] = split(verb, words, SEQUENCE, options)
        const sequence = read(sequenceIn, name)
        const { actionId, commandId, csv } = options
        const whom = { ids, ...whomIn(options) }
        if (whom.from === undefined && whom.in === undefined) {
          if (actionId !== undefined || csv !== undefined)
            throw new Misuse('--action-id and --csv go with --from FILE or --in SEQUENCE.')
          return done(carryOut(io, url, whom, deedOf(sequence, orderedBy(options)), options))
        }
        if (commandId !== undefined)
          throw new Misuse('With --from or --in each contact has a command of its own; the order has an --action-id.')
        const { commandId: _, ...ordered } = orderedBy(options)
        const order = { action: verb, ...sequence, whom, actionId: actionId ?? randomUUID(), ...ordered }
        return done(withEngine(url, 'write', options, (engine) => processMany(io, engine, order, options)))
      })
  }

  function storeCommand(name: string, description: string): Command {
    return ofStore(program.command(name).description(description)).option('--json', 'for programs: JSON lines')
  }

  function ordering(name: string, description: string): Command {
    return feeding(storeCommand(name, description))
      .addOption(actor())
      .addOption(new Option('--reason <text>', 'why; recorded, so no personal data').argParser(textIn))
      .addOption(
        new Option('--command-id <id>', 'the same id again changes nothing (default: drawn)').argParser(commandIdIn),
      )
  }
}

function ofStore(command: Command): Command {
  return command
    .argument('<store>', STORE_URLS)
    .option('--store <url>', 'the store, in place of the first argument')
    .option('--read-model <url>', 'of a log that keeps no index and agenda: sqlite:PATH or postgres://…')
}

/** For what writes: beside a log it feeds the read model, and may meet an event that cannot be shown there. */
function feeding(command: Command): Command {
  return command.addOption(
    new Option(
      '--on-poison <what>',
      'with --read-model, if an event cannot be shown there: stop, or park its contact',
    ).choices(['stop', 'park']),
  )
}

/**
 * The arguments with what `--store` names where the command wants its store: first. So each command has one way to it.
 *
 * @throws Misuse if a store is named in both places
 */
export function withStoreFirst(program: Command, args: readonly string[]): readonly string[] {
  const command = program.commands.find((one) => one.name() === args[0])
  if (command?.registeredArguments[0]?.name() !== 'store') return args
  const end = args.indexOf('--')
  const at = args.findIndex((arg, i) => (end < 0 || i < end) && (arg === '--store' || arg.startsWith('--store=')))
  if (at < 0) return args
  const isApart = args[at] === '--store'
  const store = isApart ? args[at + 1] : args[at]?.slice('--store='.length)
  if (store === undefined || store === '') throw new Misuse(`--store names nothing; expected ${STORE_URLS}.`)
  const rest = args.toSpliced(at, isApart ? 2 : 1)
  const untilEnd = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest
  if (untilEnd.some((arg, i) => i > 0 && isStoreUrl(arg) && untilEnd[i - 1] !== '--read-model'))
    throw new Misuse('The store is named twice: by --store and as an argument.')
  return rest.toSpliced(1, 0, store)
}

const actor = () => new Option('--actor <id>', 'who orders it; recorded (default: your user name)').argParser(idIn)

function asking(command: Command): Command {
  return command.option('-y, --yes', 'go ahead without asking')
}

function hosted(command: Command): Command {
  return command.option('--host-module <file>', 'a module that exports contacts: what you know of them')
}

function whomFor(command: Command, names: readonly string[]): Command {
  const rest = names.map((name) => ` <${name}>`).join('')
  return command
    .usage(`[options] <store> <contacts...>${rest}`)
    .argument('[words...]', `ids of contacts${names.length === 0 ? '' : `, then the ${names.join(' and the ')}`}`)
    .option('--from <file>', 'the contacts: a list of ids, or a table with a column contactId; "-": the standard input')
    .addOption(new Option('--column <name>', 'with --from: the column of ids, if another').argParser(textIn))
    .option('--allow-unknown', 'with --from: contacts that the directory does not know are fine')
    .option('--allow-untouched', 'with --from: contacts for which nothing changes are fine')
    .addOption(new Option('--in <sequence>', 'the contacts: who is in CAMPAIGN/SEQUENCE').argParser(sequenceIn))
}

const whomIn = ({ from, column, in: sequence }: Pick<Given, 'from' | 'column' | 'in'>) => ({
  ...(from === undefined ? {} : { from }),
  ...(column === undefined ? {} : { column }),
  ...(sequence === undefined ? {} : { in: sequence }),
})

/** The last words are what is named; those before them are the contacts. */
function split<const Names extends readonly string[]>(
  command: string,
  words: readonly string[],
  names: Names,
  { from, in: sequence }: Pick<Given, 'from' | 'in'>,
): readonly [readonly string[], { readonly [Key in keyof Names]: string }] {
  const ids = words.slice(0, Math.max(0, words.length - names.length)).map((word) => read(idIn, word))
  const rest = words.slice(ids.length)
  if (rest.length < names.length || (ids.length === 0 && from === undefined && sequence === undefined)) {
    const expected = `enfold ${command} STORE CONTACT…${names.map((name) => ` ${name.toUpperCase()}`).join('')}`
    throw new Misuse(`Too few arguments. Expected ${expected}, or --from FILE or --in SEQUENCE for the contacts.`)
  }
  return [ids, rest as unknown as { readonly [Key in keyof Names]: string }]
}

function orderedBy(options: Given): deeds.Ordered {
  const { reason, commandId = randomUUID() } = options
  return { actor: actorOf(options), commandId, ...(reason === undefined ? {} : { reason }) }
}

function actorOf({ actor }: Pick<Given, 'actor'>): string {
  if (actor !== undefined) return actor
  try {
    return read(idIn, userInfo().username)
  } catch {
    // This user has no name on this machine.
    throw new Misuse('Who orders this? Say it with --actor ID.')
  }
}

function portIn(value: string): number {
  const port = wholeNumberIn(value)
  if (port <= 65_535) return port
  throw new InvalidArgumentError('Expected a whole number from 1 to 65535.')
}

function limitIn(value: string): number {
  const limit = wholeNumberIn(value)
  if (limit <= 1000) return limit
  throw new InvalidArgumentError('Expected a whole number from 1 to 1000.')
}
