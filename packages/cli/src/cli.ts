/**
 * The arguments of `enfold`, its answers and its exit status. What is asked and answered is in `questions.ts`; the
 * commands that give orders are in `order-commands.ts`.
 */
import { type GoalQuestion, type Instant, instantOf, isEnfoldFault, type StepRef } from '@enfold/core'
import { Argument, Command, CommanderError, Option } from 'commander'
import { aheadInWords } from './ahead.ts'
import { goalIn, idIn, instantIn, millisecondsIn, stepIn, wholeNumberIn } from './arguments.ts'
import { withStoreFirst } from './command-options.ts'
import { CommandFailedError, InvalidLogError, UsageError } from './errors.ts'
import { addOrderCommands } from './order-commands.ts'
import {
  type Answer,
  askDiff,
  askExplain,
  askExplainGoal,
  askExplainNot,
  askHistory,
  askMembers,
  askReplay,
  askState,
  askStats,
  askVerify,
} from './questions.ts'
import { makeKeys, readSeal, sealLog } from './seal-file.ts'
import { openSource, type Source } from './source.ts'
import { STORE_HELP, STORE_URLS } from './store-url.ts'
import { guardWrites, type Streams } from './streams.ts'
import { jsonText, paintFor, plain } from './text.ts'
import { exportLog, importLog } from './transfer.ts'
import { addWorkCommands } from './work-commands.ts'

/**
 * One run of the command line. Answers go to `stdout`, everything else to `stderr`.
 *
 * @returns the exit status: 0 fine; 1 something is wrong with the log, or an order was refused; 2 something is wrong with
 *   the command
 */
export async function run(args: readonly string[], io: Streams): Promise<number> {
  let status = 0
  guardWrites(io.stderr)
  const program = createProgram(io, async (url, options, ask, foreign) => {
    if (await answer(io, url, options, ask, foreign)) status = 1
  })
  const fail = () => {
    status = 1
  }
  addOrderCommands(program, io, fail)
  addWorkCommands(program, io, fail)
  try {
    await program.parseAsync(withStoreFirst(program, args), { from: 'user' })
    return status
  } catch (error) {
    // Commander has said what is wrong, or shown its help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (isTold(error)) {
      const code = isEnfoldFault(error) ? `${error.code}: ` : ''
      io.stderr.write(`${paintFor(io.stderr)('red', plain(code + error.message))}\n`)
      return error instanceof UsageError || (isEnfoldFault(error) && CALLERS_FAULT.has(error.code)) ? 2 : 1
    }
    // A mistake of ours, or of a client library: its message may hold the URL, so it is not left to Node to print.
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    io.stderr.write(`${text.split('\n').map(plain).join('\n')}\n`)
    return 1
  }
}

const CALLERS_FAULT: ReadonlySet<string> = new Set(['INVALID_INPUT', 'STORE_INCOMPATIBLE', 'STORE_UNAVAILABLE'])

function isTold(error: unknown): error is Error {
  const isOurs = error instanceof UsageError || error instanceof InvalidLogError || error instanceof CommandFailedError
  return isOurs || isEnfoldFault(error) || isSystemError(error)
}

/** Of the file system and of streams: no permission, disk full. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}

/** True if something is wrong with the log. */
async function answer(
  { stdin, stdout, stderr }: Streams,
  url: string | undefined,
  { store, json = false, keepGoing = false, readModel }: SharedOptions,
  ask: Ask,
  foreign = false,
): Promise<boolean> {
  if (url !== undefined && store !== undefined)
    throw new UsageError('The log is named twice: by --store and as an argument.')
  const named = url ?? store
  if (named === undefined) throw new UsageError('Which log? Name it with --store URL, or as the last argument.')
  const source = await openSource(named, { keepGoing, json, stdin, stderr, readModel, foreign })
  try {
    const answered = await ask(source)
    const text = answered === null ? '' : json ? jsonText(answered.json) : answered.text(paintFor(stdout))
    if (text !== '') stdout.write(`${text}\n`)
    const ahead = json || answered?.ahead === undefined ? null : aheadInWords(answered.ahead)
    if (ahead !== null) stderr.write(`${ahead}\n`)
    const bad = source.badLines()
    if (bad > 0 && !json) stderr.write(`Bad lines: ${bad}. The answer is of the others.\n`)
    return bad > 0 || answered?.fault === true
  } finally {
    await source.close()
  }
}

type Ask = (source: Source) => Promise<Answer | null>

interface SharedOptions {
  readonly store?: string
  readonly json?: boolean
  readonly keepGoing?: boolean
  readonly readModel?: string
}

interface ExplainOptions {
  readonly step?: Omit<StepRef, 'run'>
  readonly goal?: Omit<GoalQuestion, 'signalId'>
  readonly signal?: string
  readonly run?: number
  readonly at?: Instant
}

// --- The commands ---------------------------------------------------------------------------------------------------

function createProgram(
  io: Streams,
  answer: (url: string | undefined, options: SharedOptions, ask: Ask, foreign?: boolean) => Promise<void>,
): Command {
  const program = new Command('enfold')
    .description(
      'Operates a campaign engine from the terminal; replays its log, answers who was where and why, and verifies it.',
    )
    .helpCommand(false)
    .configureHelp({ subcommandTerm: (one) => `${one.name()} ${one.usage()}`.replace(' [options]', '') })
    .commandsGroup('Questions:')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(`${paintFor(io.stderr)('red', complaint(text))}\n`),
    })
    .addHelpText(
      'after',
      `
  A log is named by --store URL, or by the last argument:
    FILE.jsonl, FILE.jsonl.gz, FILE.jsonl.zst   a file of JSON lines, as "export" writes it
    -                                           the standard input
${STORE_HELP}

  Orders (publish, start, stop, …), due, attention, run, parked and console take a store as their first argument, or
  --store URL, then the contacts, then what else they name: enfold cancel sqlite:PATH ada pool-owners/nurture mistake-2.
  A sequence is CAMPAIGN/SEQUENCE, each percent-encoded. More than one contact: you are asked first, unless --yes.

  An instant is 2026-03-01T09:00:00.000Z or shorter: 2026-03-01 is the beginning of that day, in UTC.
  Ids that begin with a dash come after --.

  Exit status: 0 fine, 1 something is wrong with the log or an order was refused, 2 something is wrong with the command.`,
    )

  // --- Many contacts --------------------------------------------------------------------------------------------------

  command('replay', 'count events and contacts, and say who is where')
    .addOption(at('as of then (default: the end of the log)'))
    .argument('[source]')
    .action((source: string | undefined, options: SharedOptions & { at?: Instant }) =>
      answer(source, options, (log) => askReplay(log, options.at ?? null, clockNow())),
    )

  command('members', 'name the contacts that were in a sequence')
    .addArgument(new Argument('<campaign>', 'id of a campaign').argParser(idIn))
    .addArgument(new Argument('<sequence>', 'id of a sequence').argParser(idIn))
    .argument('[source]')
    .addOption(at('as of then (default: the end of the log)'))
    .addOption(
      new Option('--status <status>', 'active: in progress').choices(['active', 'waiting', 'either']).default('active'),
    )
    .action(
      (
        campaignId: string,
        sequenceId: string,
        source: string | undefined,
        options: SharedOptions & { at?: Instant; status: 'active' | 'waiting' | 'either' },
      ) =>
        answer(source, options, (log) =>
          askMembers(log, { campaignId, sequenceId }, options.status, options.at ?? null, clockNow()),
        ),
    )

  command('diff', 'say what changed between two instants')
    .argument('[source]')
    .addOption(new Option('--from <instant>', 'what was recorded after it').argParser(instantIn).makeOptionMandatory())
    .addOption(new Option('--to <instant>', 'and up to it').argParser(instantIn).makeOptionMandatory())
    .action((source: string | undefined, options: SharedOptions & { from: Instant; to: Instant }) => {
      if (options.from > options.to)
        throw new UsageError(`--from is ${options.from}, which is after --to, ${options.to}.`)
      return answer(source, options, (log) => askDiff(log, options.from, options.to))
    })

  command('stats', 'count events by type')
    .argument('[source]')
    .action((source: string | undefined, options: SharedOptions) =>
      answer(source, options, (log) => askStats(log, clockNow())),
    )

  command('verify', 'check versions, positions, hashes and the order of events; of a store also its index')
    .argument('[source]')
    .addOption(new Option('--seal <file>', 'and whether the log still holds what was sealed; with --key'))
    .addOption(new Option('--key <file>', 'the public key of who sealed it'))
    .addOption(gate())
    .action((source: string | undefined, options: SharedOptions & { seal?: string; key?: string; gateMs?: number }) => {
      const { seal, key, gateMs } = options
      if ((seal === undefined) !== (key === undefined)) throw new UsageError('--seal and --key go together.')
      const given = seal === undefined || key === undefined ? null : readSeal(seal, key)
      return answer(source, options, (log) => askVerify(log, given, { now: clockNow(), gateMs: gateMs ?? log.gateMs }))
    })

  command('seal', 'write down what the log is now, signed, so that any later change is found', { keepGoing: false })
    .argument('[source]')
    .addOption(new Option('--key <file>', 'the private key').makeOptionMandatory())
    .addOption(new Option('--out <file>', 'the seal').makeOptionMandatory())
    .addOption(gate())
    .action((source: string | undefined, options: SharedOptions & { key: string; out: string; gateMs?: number }) =>
      answer(source, options, (log) =>
        sealLog(log, options.key, options.out, clockNow(), options.gateMs ?? log.gateMs),
      ),
    )

  program
    .command('keygen')
    .description('make a pair of keys for seals: FILE and FILE.pub')
    .argument('<file>')
    .action((path: string) => {
      io.stdout.write(`${makeKeys(path).text(paintFor(io.stdout))}\n`)
    })

  // --- One contact ----------------------------------------------------------------------------------------------------

  command('state', 'show a contact as it was')
    .addArgument(contact())
    .argument('[source]')
    .addOption(at('as of then (default: the end of the log)'))
    .action((contactId: string, source: string | undefined, options: SharedOptions & { at?: Instant }) =>
      answer(source, options, (log) => askState(log, contactId, options.at ?? null, clockNow())),
    )

  command('history', "list a contact's events")
    .addArgument(contact())
    .argument('[source]')
    .option('--changes', 'with what each event changed, as JSON patches')
    .action((contactId: string, source: string | undefined, options: SharedOptions & { changes?: boolean }) =>
      answer(source, options, (log) => askHistory(log, contactId, options.changes === true, clockNow())),
    )

  command('explain', 'say why an event happened, or why a step or a goal did not')
    .addArgument(contact())
    .argument('[event]', 'id of the event; not with --step or --goal')
    .argument('[source]')
    .addOption(new Option('--step <step>', 'why not: CAMPAIGN/SEQUENCE/STEP, each percent-encoded').argParser(stepIn))
    .addOption(new Option('--goal <goal>', 'why a signal did not satisfy it: CAMPAIGN/GOAL').argParser(goalIn))
    .addOption(new Option('--signal <id>', 'with --goal: the id of the signal').argParser(idIn))
    .addOption(new Option('--run <n>', 'of this run (default: the newest)').argParser(wholeNumberIn))
    .addOption(at('with --step: as of then (default: now)'))
    .action(
      (
        contactId: string,
        first: string | undefined,
        second: string | undefined,
        options: SharedOptions & ExplainOptions,
      ) => {
        const { step, run, goal, signal } = options
        if ((goal === undefined) !== (signal === undefined)) throw new UsageError('--goal and --signal go together.')
        if (goal !== undefined && signal !== undefined) {
          if (step !== undefined || second !== undefined)
            throw new UsageError('explain takes the id of an event, --step, or --goal with --signal.')
          return answer(first, options, (log) =>
            askExplainGoal(log, contactId, { ...goal, signalId: signal }, clockNow()),
          )
        }
        if (step === undefined) {
          if (first === undefined)
            throw new UsageError('explain needs the id of an event, or --step. See: enfold history.')
          if (run !== undefined || options.at !== undefined) throw new UsageError('--run and --at go with --step.')
          return answer(second, options, (log) => askExplain(log, contactId, first, clockNow()))
        }
        if (second !== undefined) throw new UsageError('explain takes the id of an event or --step, not both.')
        return answer(first, options, (log) =>
          askExplainNot(log, contactId, run === undefined ? step : { ...step, run }, options.at ?? null, clockNow()),
        )
      },
    )

  // --- From one place to another --------------------------------------------------------------------------------------

  command('export', 'write the log as JSON lines in CloudEvents form')
    .argument('[source]')
    .option('--out <file>', 'a new file; packed if it ends in .gz or .zst (default: the standard output)')
    .action((source: string | undefined, options: SharedOptions & { out?: string }) =>
      answer(source, options, (log) => exportLog(log, options.out ?? null, io.stdout)),
    )

  command('import', 'read a log into a store that is empty, or holds its beginning', { keepGoing: false })
    .argument('[source]')
    .requiredOption('--into <url>', STORE_URLS)
    .addOption(gate())
    .action((source: string | undefined, options: SharedOptions & { into: string; gateMs?: number }) =>
      answer(source, options, (log) => importLog(log, options.into, options.gateMs ?? log.gateMs), true),
    )

  function command(name: string, description: string, { keepGoing = true } = {}): Command {
    const made = program
      .command(name)
      .description(description)
      .option('--store <url>', 'the log, if it is not the last argument')
      .option('--read-model <url>', 'of a log on a server: where its index is, for verify')
      .option('--json', 'for programs: the answer as JSON, and bad lines as JSON lines on the error output')
    // Half a log is no log to be imported.
    return keepGoing
      ? made.option('--keep-going', 'report bad lines and read on; the exit status is 1 all the same')
      : made
  }

  return program
}

/** What commander says of the arguments, with nothing invisible of theirs; only its own hint stands on a second line. */
const complaint = (text: string) =>
  plain(text.trimEnd())
    // What was meant for an option that is misspelled may be a secret.
    .replace(/^(error: unknown option '[^=']*)=.*'/, "$1=…'")
    .replace(/'[^\s':/]+:(?!\/)[^']*@/g, "'…@")
    .replace('\\u{a}(Did you mean', '\n(Did you mean')

/** A store knows whether it checks in the append that a campaign is published. A file does not say of which store it is. */
const gate = () =>
  new Option(
    '--gate-ms <ms>',
    'how long after an unpublishing a worker may have started contacts by its view of the campaign (default: of EventStoreDB 2000; else 0, also of a file that was exported from there)',
  ).argParser(millisecondsIn)

const clockNow = (): Instant => instantOf(Date.now())

const contact = () => new Argument('<contact>', 'id of a contact').argParser(idIn)
const at = (what: string) => new Option('--at <instant>', what).argParser(instantIn)
