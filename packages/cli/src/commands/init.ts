/** The command that adds Enfold to a project. What it does is in `create-enfold`, which is loaded only for it. */

import type { Command } from 'commander'
import type { InitOptions } from 'create-enfold'
import { UsageError } from '../errors.ts'
import type { Streams } from '../streams.ts'

export function addInitCommand(program: Command, { stdout }: Streams): void {
  program.commandsGroup('Projects:')
  program
    .command('init')
    .description('add Enfold to a project: a campaign, an engine, a worker, a test and the pages, as new files')
    .argument('[folder]', 'the folder that holds package.json', '.')
    .option('--orm <name>', 'what you speak to PostgreSQL with, or none (default: what is found)')
    .option('--framework <name>', 'what your server is made with, or none (default: what is found)')
    .option('--test <name>', 'vitest, jest or node (default: what is found)')
    .option('--dir <folder>', 'where the files go (default: src/enfold, or enfold where there is no src)')
    .option('--dry-run', 'only say what would be written')
    .action(async (root: string, options: Omit<InitOptions, 'root'>) => {
      const { InitError, init } = await import('create-enfold')
      try {
        stdout.write(init({ root, ...options }))
      } catch (error) {
        throw error instanceof InitError ? new UsageError(error.message) : error
      }
    })
}
