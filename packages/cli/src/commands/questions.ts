/**
 * The commands that ask a log, check it or move it: their arguments and options. What is asked is in `questions.ts`,
 * how a log is opened and an answer printed in `ask-log.ts`.
 */
import { type Instant, instantOf, type StepRef } from '@enfold/core'
import type { GoalQuestion } from '@enfold/core/log'
import { Argument, type Command, Option } from 'commander'
import { goalIn, idIn, instantIn, millisecondsIn, stepIn, wholeNumberIn } from '../arguments.ts'
import { type Ask, askLog, type SharedOptions } from '../ask-log.ts'
import { UsageError } from '../errors.ts'
import { queryFunnel } from '../funnel.ts'
import {
  queryDiff,
  queryExplain,
  queryExplainGoal,
  queryExplainNot,
  queryHistory,
  queryMembers,
  queryReplay,
  queryState,
  queryStats,
  queryVerify,
} from '../questions.ts'
import { makeKeys, readSeal, sealLog } from '../seal-file.ts'
import { STORE_URLS } from '../store-url.ts'
import type { Streams } from '../streams.ts'
import { paintFor } from '../text.ts'
import { exportLog, importLog } from '../transfer.ts'

/** @param fail is called where something is wrong with the log: exit status 1 */
export function addQuestionCommands(program: Command, io: Streams, fail: () => void): void {
  const answer: Answering = async (url, options, ask, foreign) => {
    if (await askLog(io, url, options, ask, foreign)) fail()
  }
  program.commandsGroup('Questions:')
  addManyContacts(program, answer)
  addFunnel(program, io, answer)
  addVerification(program, io, answer)
  addOneContact(program, answer)
  addExplain(program, answer)
  addTransfers(program, io, answer)
}

type Answering = (url: string | undefined, options: SharedOptions, ask: Ask, foreign?: boolean) => Promise<void>

// --- Many contacts --------------------------------------------------------------------------------------------------

function addManyContacts(program: Command, answer: Answering): void {
  question(program, 'replay', 'count events and contacts, and say who is where')
    .addOption(at('as of then (default: the end of the log)'))
    .argument('[source]')
    .action((source: string | undefined, options: SharedOptions & { at?: Instant }) =>
      answer(source, options, (log) => queryReplay(log, options.at ?? null, clockNow())),
    )

  question(program, 'members', 'name the contacts that were in a sequence')
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
          queryMembers(log, { campaignId, sequenceId }, options.status, options.at ?? null, clockNow()),
        ),
    )

  question(program, 'diff', 'say what changed between two instants')
    .argument('[source]')
    .addOption(new Option('--from <instant>', 'what was recorded after it').argParser(instantIn).makeOptionMandatory())
    .addOption(new Option('--to <instant>', 'and up to it').argParser(instantIn).makeOptionMandatory())
    .action((source: string | undefined, options: SharedOptions & { from: Instant; to: Instant }) => {
      if (options.from > options.to)
        throw new UsageError(`--from is ${options.from}, which is after --to, ${options.to}.`)
      return answer(source, options, (log) => queryDiff(log, options.from, options.to))
    })

  question(program, 'stats', 'count events by type')
    .argument('[source]')
    .action((source: string | undefined, options: SharedOptions) =>
      answer(source, options, (log) => queryStats(log, clockNow())),
    )
}

type FunnelOptions = SharedOptions & { version?: number; from?: Instant; to?: Instant }

function addFunnel(program: Command, { stderr }: Streams, answer: Answering): void {
  question(program, 'funnel', 'count who came to each step of a campaign, and where they are')
    .addArgument(new Argument('<campaign>', 'id of a campaign').argParser(idIn))
    .argument('[source]')
    .addOption(new Option('--version <n>', 'of this version (default: all, added up)').argParser(wholeNumberIn))
    .addOption(new Option('--from <instant>', 'what changed from then on').argParser(instantIn))
    .addOption(new Option('--to <instant>', 'what changed before then').argParser(instantIn))
    .action((campaignId: string, source: string | undefined, options: FunnelOptions) => {
      const { version, from, to } = options
      if (from !== undefined && to !== undefined && from >= to)
        throw new UsageError(`--from is ${from}, which is not before --to, ${to}.`)
      const query = {
        ...(version === undefined ? {} : { version }),
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
      }
      return answer(source, options, (log) => queryFunnel(log, campaignId, query, stderr))
    })
}

// --- Checks and seals -----------------------------------------------------------------------------------------------

function addVerification(program: Command, io: Streams, answer: Answering): void {
  question(program, 'verify', 'check versions, positions, hashes and the order of events; of a store also its index')
    .argument('[source]')
    .addOption(new Option('--seal <file>', 'and whether the log still holds what was sealed; with --key'))
    .addOption(new Option('--key <file>', 'the public key of who sealed it'))
    .addOption(gate())
    .action((source: string | undefined, options: SharedOptions & { seal?: string; key?: string; gateMs?: number }) => {
      const { seal, key, gateMs } = options
      if ((seal === undefined) !== (key === undefined)) throw new UsageError('--seal and --key go together.')
      const given = seal === undefined || key === undefined ? null : readSeal(seal, key)
      return answer(source, options, (log) =>
        queryVerify(log, given, { now: clockNow(), gateMs: gateMs ?? log.gateMs }),
      )
    })

  question(program, 'seal', 'write down what the log is now, signed, so that any later change is found', {
    keepGoing: false,
  })
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
}

/** A store knows whether it checks in the append that a campaign is published. A file does not say of which store it is. */
const gate = () =>
  new Option(
    '--gate-ms <ms>',
    'how long after an unpublishing a worker may have started contacts by its view of the campaign (default: of EventStoreDB 2000; else 0, also of a file that was exported from there)',
  ).argParser(millisecondsIn)

// --- One contact ----------------------------------------------------------------------------------------------------

function addOneContact(program: Command, answer: Answering): void {
  question(program, 'state', 'show a contact as it was')
    .addArgument(contact())
    .argument('[source]')
    .addOption(at('as of then (default: the end of the log)'))
    .action((contactId: string, source: string | undefined, options: SharedOptions & { at?: Instant }) =>
      answer(source, options, (log) => queryState(log, contactId, options.at ?? null, clockNow())),
    )

  question(program, 'history', "list a contact's events")
    .addArgument(contact())
    .argument('[source]')
    .option('--changes', 'with what each event changed, as JSON patches')
    .action((contactId: string, source: string | undefined, options: SharedOptions & { changes?: boolean }) =>
      answer(source, options, (log) => queryHistory(log, contactId, options.changes === true, clockNow())),
    )
}

interface ExplainOptions {
  readonly step?: Omit<StepRef, 'run'>
  readonly goal?: Omit<GoalQuestion, 'signalId'>
  readonly signal?: string
  readonly key?: string
  readonly run?: number
  readonly at?: Instant
}

/** @throws UsageError for options of `--step` where another question is asked */
function requireOfStep({ run, key, at }: ExplainOptions): void {
  if (run !== undefined || key !== undefined || at !== undefined)
    throw new UsageError('--key, --run and --at go with --step.')
}

function addExplain(program: Command, answer: Answering): void {
  question(program, 'explain', 'say why an event happened, or why a step or a goal did not')
    .addArgument(contact())
    .argument('[event]', 'id of the event; not with --step or --goal')
    .argument('[source]')
    .addOption(new Option('--step <step>', 'why not: CAMPAIGN/SEQUENCE/STEP, each percent-encoded').argParser(stepIn))
    .addOption(new Option('--goal <goal>', 'why a signal did not satisfy it: CAMPAIGN/GOAL').argParser(goalIn))
    .addOption(new Option('--signal <id>', 'with --goal: the id of the signal').argParser(idIn))
    .addOption(new Option('--key <key>', 'with --step: of the run of this key').argParser(idIn))
    .addOption(new Option('--run <n>', 'with --step: of this run (default: the newest)').argParser(wholeNumberIn))
    .addOption(at('with --step: as of then (default: now)'))
    .action(
      (
        contactId: string,
        first: string | undefined,
        second: string | undefined,
        options: SharedOptions & ExplainOptions,
      ) => {
        const { step, run, key, goal, signal } = options
        if ((goal === undefined) !== (signal === undefined)) throw new UsageError('--goal and --signal go together.')
        if (goal !== undefined && signal !== undefined) {
          if (step !== undefined || second !== undefined)
            throw new UsageError('explain takes the id of an event, --step, or --goal with --signal.')
          requireOfStep(options)
          return answer(first, options, (log) =>
            queryExplainGoal(log, contactId, { ...goal, signalId: signal }, clockNow()),
          )
        }
        if (step === undefined) {
          if (first === undefined)
            throw new UsageError('explain needs the id of an event, or --step. See: enfold history.')
          requireOfStep(options)
          return answer(second, options, (log) => queryExplain(log, contactId, first, clockNow()))
        }
        if (second !== undefined) throw new UsageError('explain takes the id of an event or --step, not both.')
        const keyed = key === undefined ? {} : { key }
        return answer(first, options, (log) =>
          queryExplainNot(
            log,
            contactId,
            { ...step, ...keyed, ...(run === undefined ? {} : { run }) },
            options.at ?? null,
            clockNow(),
          ),
        )
      },
    )
}

// --- From one place to another --------------------------------------------------------------------------------------

function addTransfers(program: Command, io: Streams, answer: Answering): void {
  question(program, 'export', 'write the log as JSON lines in CloudEvents form')
    .argument('[source]')
    .option('--out <file>', 'a new file; packed if it ends in .gz or .zst (default: the standard output)')
    .action((source: string | undefined, options: SharedOptions & { out?: string }) =>
      answer(source, options, (log) => exportLog(log, options.out ?? null, io.stdout)),
    )

  question(program, 'import', 'read a log into a store that is empty, or holds its beginning', { keepGoing: false })
    .argument('[source]')
    .requiredOption('--into <url>', STORE_URLS)
    .addOption(gate())
    .action((source: string | undefined, options: SharedOptions & { into: string; gateMs?: number }) =>
      answer(source, options, (log) => importLog(log, options.into, options.gateMs ?? log.gateMs), true),
    )
}

// --- What they share ------------------------------------------------------------------------------------------------

function question(program: Command, name: string, description: string, { keepGoing = true } = {}): Command {
  const made = program
    .command(name)
    .description(description)
    .option('--store <url>', 'the log, if it is not the last argument')
    .option('--read-model <url>', 'of a log on a server: where its index is, for verify')
    .option('--json', 'for programs: the answer as JSON, and bad lines as JSON lines on the error output')
  // An import must have every line of the log, so it cannot leave bad lines out.
  return keepGoing
    ? made.option('--keep-going', 'report bad lines and read on; the exit status is 1 all the same')
    : made
}

const clockNow = (): Instant => instantOf(Date.now())

const contact = () => new Argument('<contact>', 'id of a contact').argParser(idIn)
const at = (what: string) => new Option('--at <instant>', what).argParser(instantIn)
