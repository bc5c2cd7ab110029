/**
 * One run of `enfold`: its help, its exit status and what it says of an error. The commands are in `commands/`, a file
 * for each group of the help.
 */
import { isEnfoldFault } from '@enfold/core'
import { Command, CommanderError } from 'commander'
import { addDevCommand } from './commands/dev.ts'
import { addInitCommand } from './commands/init.ts'
import { addMcpCommand } from './commands/mcp.ts'
import { addMigrateCommand } from './commands/migrate.ts'
import { withStoreFirst } from './commands/options.ts'
import { addOrderCommands } from './commands/orders.ts'
import { addQuestionCommands } from './commands/questions.ts'
import { addWorkCommands } from './commands/work.ts'
import { CommandFailedError, InvalidLogError, UsageError } from './errors.ts'
import { withArgumentsShown } from './places.ts'
import { STORE_HELP } from './store-url.ts'
import { guardWrites, type Streams } from './streams.ts'
import { paintFor, plain } from './text.ts'

/**
 * One run of the command line. Answers go to `stdout`, everything else to `stderr`.
 *
 * @returns the exit status: 0 fine; 1 something is wrong with the log, or an order was refused; 2 something is wrong with
 *   the command
 */
export async function run(args: readonly string[], io: Streams): Promise<number> {
  let status = 0
  guardWrites(io.stderr, args)
  const program = createCommands(args, io, () => {
    status = 1
  })
  try {
    await program.parseAsync(withStoreFirst(program, args), { from: 'user' })
    return status
  } catch (error) {
    // Commander has said what is wrong, or shown its help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (isTold(error)) {
      const code = isEnfoldFault(error) ? `${error.code}: ` : ''
      const message = isSystemError(error) ? withArgumentsShown(error.message, args) : error.message
      io.stderr.write(`${paintFor(io.stderr)('red', plain(code + message))}\n`)
      return error instanceof UsageError || (isEnfoldFault(error) && CALLERS_FAULT.has(error.code)) ? 2 : 1
    }
    // A mistake of ours, or of a client library: its message may hold the URL, so it is not left to Node to print.
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    io.stderr.write(`${withArgumentsShown(text, args).split('\n').map(plain).join('\n')}\n`)
    return 1
  }
}

/** All commands. `fail` is called where something was refused or is wrong with the log: exit status 1. */
export function createCommands(args: readonly string[], io: Streams, fail: () => void): Command {
  const program = createProgram(args, io)
  addQuestionCommands(program, io, fail)
  addOrderCommands(program, io, fail)
  addWorkCommands(program, io, fail)
  addMigrateCommand(program, io, fail)
  addMcpCommand(program, io)
  addDevCommand(program, io)
  addInitCommand(program, io)
  return program
}

const CALLERS_FAULT: ReadonlySet<string> = new Set([
  'INVALID_INPUT',
  'DRIVER_MISSING',
  'STORE_INCOMPATIBLE',
  'STORE_UNAVAILABLE',
])

function isTold(error: unknown): error is Error {
  const isOurs = error instanceof UsageError || error instanceof InvalidLogError || error instanceof CommandFailedError
  return isOurs || isEnfoldFault(error) || isSystemError(error)
}

/** Of the file system and of streams: no permission, disk full. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}

/** The command without its subcommands: its help, and how it complains. */
function createProgram(args: readonly string[], io: Streams): Command {
  return new Command('enfold')
    .description(
      'Operates a campaign engine from the terminal; replays its log, answers who was where and why, and verifies it.',
    )
    .helpCommand(false)
    .configureHelp({ subcommandTerm: (one) => `${one.name()} ${one.usage()}`.replace(' [options]', '') })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(`${paintFor(io.stderr)('red', complaint(withArgumentsShown(text, args)))}\n`),
    })
    .addHelpText(
      'after',
      `
  A log is named by --store URL, or by the last argument:
    FILE.jsonl, FILE.jsonl.gz, FILE.jsonl.zst   a file of JSON lines, as "export" writes it
    -                                           the standard input
${STORE_HELP}

  Orders (publish, start, stop, …), due, attention, actions, run, parked and console take a store as their first argument, or
  --store URL, then the contacts, then what else they name: enfold cancel sqlite:PATH ada pool-owners/nurture mistake-2.
  A sequence is CAMPAIGN/SEQUENCE, each percent-encoded. More than one contact: you are asked first, unless --yes.

  An instant is 2026-03-01T09:00:00.000Z or shorter: 2026-03-01 is the beginning of that day, in UTC.
  Ids that begin with a dash come after --.

  Exit status: 0 fine, 1 something is wrong with the log or an order was refused, 2 something is wrong with the command.`,
    )
}

/** What commander says of the arguments, with nothing invisible of theirs; only its own hint stands on a second line. */
const complaint = (text: string) =>
  plain(text.trimEnd())
    // What was meant for an option that is misspelled may be a secret.
    .replace(/^(error: unknown option '[^=']*)=.*'/, "$1=…'")
    // So may be what is joined to a letter, as `-p` takes it in other programs.
    .replace(/^(error: unknown option '-[^-'])[^']+'/, "$1…'")
    .replace(/'[^\s':/]+:(?!\/)[^']*@/g, "'…@")
    .replace('\\u{a}(Did you mean', '\n(Did you mean')
