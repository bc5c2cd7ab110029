/**
 * All migrations, in order; the number of the last is the version of the file. Texts in modules and not `.sql` files:
 * a bundled host has no folder to look them up in. What they come to is dumped in `schema.sql`.
 */
import { sql as log } from './001-log.ts'
import { sql as readModel } from './002-read-model.ts'
import { sql as hashChain } from './003-hash-chain.ts'
import { sql as actions } from './004-actions.ts'
import { sql as lanes } from './005-lanes.ts'
import { sql as membershipKeys } from './006-membership-keys.ts'
import { sql as actionKeys } from './007-action-keys.ts'
import { sql as counters } from './008-counters.ts'
import { sql as states } from './009-states.ts'
import { sql as localIds } from './010-local-ids.ts'
import { sql as leases } from './011-leases.ts'

export const migrations: readonly string[] = [
  log,
  readModel,
  hashChain,
  actions,
  lanes,
  membershipKeys,
  actionKeys,
  counters,
  states,
  localIds,
  leases,
]
