/** Whether a log can be true, from its events alone (AUDIT-4). Which event may follow which is in `event-order.ts`. */

import type { Instant } from './ids.ts'
import { LogCheck, type LogFault } from './log-check.ts'
import { batchesOf, type Log } from './log-file.ts'
import type { LogWarning } from './log-warnings.ts'
import { type Seal, type SealBreach, SealCheck } from './seal.ts'

export type { LogFault } from './log-check.ts'
export type { LogPlace, LogWarning } from './log-warnings.ts'

export interface Verified {
  readonly events: number
  readonly contacts: number
  /** Events that carry a hash. */
  readonly hashed: number
  /** In the order of the log. Of each stream the first fault only: what follows a fault cannot be judged. */
  readonly faults: readonly LogFault[]
  /** In the order of the log; the first 1,000. */
  readonly warnings: readonly LogWarning[]
  readonly warningCount: number
  /** `null`: no seal was given. `after`: how many events follow those that were sealed. */
  readonly seal: null | { readonly after: number; readonly breach: SealBreach | null }
}

export interface VerifyOptions {
  readonly seal?: Seal
  /** For warnings of events after it (a clock that was fast). Left out: none. */
  readonly now?: Instant
  /**
   * For how long after an unpublishing a start that a late catalogue decided is a warning and no fault. Default 0: the
   * store checks it in the append.
   */
  readonly gateMs?: number
}

/**
 * Whether a log can be true: versions without a gap, positions that grow, hashes that follow from one another, ids that are
 * made as they must be, causes that stand in the log, and an order of events that the rules allow (AUDIT-4); and whether it
 * still holds exactly what a seal says that it did. Keeps one state for each contact in memory, and 16 bytes for each event.
 */
export async function verify(log: Log, options: VerifyOptions = {}): Promise<Verified> {
  const check = new LogCheck(options)
  const sealed = options.seal === undefined ? null : new SealCheck(options.seal)
  for await (const batch of batchesOf(log))
    for (const event of batch) {
      check.add(event)
      sealed?.add(event)
    }
  check.end()
  const { events, contacts, hashed, faults, warnings, warningCount } = check
  const seal = sealed === null ? null : { after: sealed.after, breach: sealed.breach() }
  return { events, contacts, hashed, faults, warnings, warningCount, seal }
}
