/**
 * All migrations, in order; the number of the last is the version of the schema. Texts in modules and not `.sql` files:
 * a bundled host has no folder to look them up in. What they come to is dumped in `schema.sql`.
 */
import { sql as log } from './001-log.ts'
import { sql as readModel } from './002-read-model.ts'
import { sql as actions } from './003-actions.ts'
import { sql as required } from './004-required.ts'
import { sql as lanes } from './005-lanes.ts'
import { sql as current } from './006-current.ts'
import { sql as membershipKeys } from './007-membership-keys.ts'
import { sql as actionKeys } from './008-action-keys.ts'
import { sql as counters } from './009-counters.ts'
import { sql as states } from './010-states.ts'

/** @param schema a quoted identifier of small letters, digits and underscores */
export const migrations: readonly ((schema: string) => string)[] = [
  log,
  readModel,
  actions,
  required,
  lanes,
  current,
  membershipKeys,
  actionKeys,
  counters,
  states,
]
