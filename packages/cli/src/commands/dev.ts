/** The command `dev`. What it does is loaded when it is called: it needs more than the others. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { wholeNumberIn } from '../arguments.ts'
import type { Streams } from '../streams.ts'
import { portIn } from './options.ts'

interface DevOptions {
  readonly store?: string
  readonly contacts?: string
  readonly madeUp?: number
  readonly seed?: number
  readonly clock: 'simulated' | 'real'
  readonly port?: number
}

const MOST_MADE_UP = 100_000

export function addDevCommand(program: Command, io: Streams): void {
  program.commandsGroup('See it:')
  program
    .command('dev')
    .description('try a campaign on this machine: console, outbox, clock; nothing is sent (default: an example)')
    .argument('[campaign]', 'a file: JSON, or a module that exports a campaign')
    .option('--store <file>', 'keep everything in a SQLite file of its own (default: in memory)')
    .option('--contacts <file>', 'a CSV file: id, and if there are any timeZone, tags and any field')
    .addOption(
      new Option('--made-up <n>', 'so many contacts that do not exist (default: 50)')
        .argParser(madeUpIn)
        .conflicts('contacts'),
    )
    .addOption(
      new Option('--seed <n>', 'of what is made up: the same number, the same contacts (default: 1)')
        .argParser(wholeNumberIn)
        .conflicts('contacts'),
    )
    .addOption(
      new Option('--clock <which>', 'one that you move, or that of this machine')
        .choices(['simulated', 'real'])
        .default('simulated'),
    )
    .addOption(new Option('--port <n>', 'on 127.0.0.1 (default: any that is free)').argParser(portIn))
    .action(async (campaign: string | undefined, options: DevOptions) => {
      const { clock, contacts, madeUp = 50, port = 0, seed = 1, store } = options
      const { dev } = await import('../dev/dev.ts')
      const given = { campaign: campaign ?? null, store: store ?? null, contacts: contacts ?? null }
      await dev(io, { ...given, madeUp, seed, clock, port })
    })
}

function madeUpIn(value: string): number {
  const count = wholeNumberIn(value)
  if (count <= MOST_MADE_UP) return count
  throw new InvalidArgumentError(`Expected a whole number from 1 to ${MOST_MADE_UP.toLocaleString('en')}.`)
}
