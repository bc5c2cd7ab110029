/** The command that brings stores up to date. */
import type { Command } from 'commander'
import { type MigrateOptions, migrateStores } from '../migrate.ts'
import type { Streams } from '../streams.ts'

/** @param fail is called where a store is not up to date: exit status 1 */
export function addMigrateCommand(program: Command, io: Streams, fail: () => void): void {
  program.commandsGroup('Stores:')
  program
    .command('migrate')
    .description('bring stores to the version of this release, and make them if they are not there')
    .argument('<stores...>', 'sqlite:PATH, postgres://ROLE@HOST/DATABASE?schema=NAME')
    .option('--status', 'only say how they stand; exit status 1 if one is to be migrated')
    .option('--sql', 'only print the SQL, to review it and to run it with your own tool')
    .option('--all-schemas', 'each schema of Enfold in the database')
    .action(async (urls: readonly string[], options: MigrateOptions) => {
      if (!(await migrateStores(io, urls, options))) fail()
    })
}
