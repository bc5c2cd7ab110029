/**
 * All migrations, in order; the number of the last is the version of the file. Texts in modules and not `.sql` files:
 * a bundled host has no folder to look them up in.
 */
import { sql as logAndReadModel } from './001-log-and-read-model.ts'

export const migrations: readonly string[] = [logAndReadModel]
