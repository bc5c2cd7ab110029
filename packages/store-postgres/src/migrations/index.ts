/**
 * All migrations, in order; the number of the last is the version of the schema. Texts in modules and not `.sql` files:
 * a bundled host has no folder to look them up in. What they come to is dumped in `schema.sql`.
 */
import { sql as actions } from './001/actions.ts'
import { sql as append } from './001/append.ts'
import { sql as counters } from './001/counters.ts'
import { sql as log } from './001/log.ts'
import { sql as readModel } from './001/read-model.ts'
import { sql as states } from './001/states.ts'

const first = [log, readModel, append, actions, counters, states]

/** @param schema a quoted identifier of small letters, digits and underscores */
export const migrations: readonly ((schema: string) => string)[] = [
  (schema) => first.map((sql) => sql(schema)).join(''),
]
