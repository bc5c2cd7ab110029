/** What PostgreSQL and the way to it can answer instead of an answer, as faults that say what to do. */
import { EnfoldFault, type FaultCode, isEnfoldFault } from '@enfold/core'

type Meaning = readonly [FaultCode, string]

const GONE: Meaning = [
  'STORE_UNAVAILABLE',
  'PostgreSQL cannot be reached. Whether the last append was written is not known; the same event ids again tell.',
]
const BROKEN: Meaning = ['STORE_UNAVAILABLE', 'PostgreSQL failed; see the cause.']
const RACED: Meaning = [
  'CONTENTION',
  'Another transaction was in the way. Nothing was written; roll back and try again.',
]
const DENIED: Meaning = [
  'STORE_READ_ONLY',
  'The role lacks a right on the schema. Nothing was written; grant it what grantsFor() lists.',
]

/** By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), or by its class of two characters. */
const FAULTS: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['08', GONE],
  ['57P01', GONE],
  ['57P02', GONE],
  ['57P03', GONE],
  ['57P05', GONE],
  ['25P03', GONE],
  ['57014', ['STORE_BUSY', 'PostgreSQL cancelled the statement (statement_timeout?). Nothing was written; try again.']],
  ['55P03', ['STORE_BUSY', 'A lock was not to be had in time. Nothing was written; try again.']],
  ['53300', ['STORE_BUSY', 'PostgreSQL has no connection left. Nothing was written; try again, or allow more.']],
  ['53', ['STORE_UNAVAILABLE', 'PostgreSQL lacks memory or another resource. Nothing was written; try again.']],
  ['53100', ['STORE_FULL', 'The disk of the server is full. Nothing was written; make room and try again.']],
  ['25006', ['STORE_READ_ONLY', 'The server or the role can only read. Nothing was written; connect to the primary.']],
  ['EF003', ['STORE_READ_ONLY', 'The server is a replica. Read the log in order from the primary.']],
  ['42501', DENIED],
  ['40', RACED],
  ['25P02', ['CONTENTION', 'The transaction has failed before. Nothing was written; roll back and try again.']],
  ['EF002', ['STORE_INCOMPATIBLE', 'The log is read in READ COMMITTED only; see default_transaction_isolation.']],
  ['3D000', ['STORE_UNAVAILABLE', 'The database does not exist. Make it, or name another.']],
  ['28', ['STORE_UNAVAILABLE', 'PostgreSQL refused the login. See to the role and its password.']],
  ['3F000', ['STORE_INCOMPATIBLE', 'The schema is not there any more. Open the store again to make it.']],
  ['42P01', ['STORE_INCOMPATIBLE', 'The schema lacks a table of Enfold. Restore it from a copy.']],
  ['42883', ['STORE_INCOMPATIBLE', 'The schema lacks a function of Enfold. Restore it from a copy.']],
  ['XX001', ['STORE_CORRUPT', 'What PostgreSQL has on its disk is damaged. Restore it from a copy.']],
  ['XX002', ['STORE_CORRUPT', 'An index of PostgreSQL is damaged. REINDEX it, or restore it from a copy.']],
])

/** What `pg` and its pool say without a code. */
const POOL_EXHAUSTED = /timeout exceeded when trying to connect/
const CONNECTION_LOST =
  /Connection terminated|Client has encountered a connection error|Query read timeout|socket|not queryable/i

interface PgError extends Error {
  readonly code?: string
  readonly constraint?: string
  readonly detail?: string
}

/** True where the same transaction, tried again from its beginning, can succeed. */
export function isRace(error: unknown): boolean {
  return isEnfoldFault(error) && error.code === 'CONTENTION'
}

/** The fault that an error of the driver means; faults, and errors of nobody's driver, as they are. */
export function faultOf(error: unknown, place: string): unknown {
  if (!(error instanceof Error) || isEnfoldFault(error)) return error
  const { code = '', constraint, detail, message } = error as PgError
  if (code === 'EF001' || (code === '23505' && constraint === 'events_id')) return idReused(detail ?? '', error)
  const [fault, advice] = meaningOf(code, message)
  return new EnfoldFault(fault, `${place}: ${message || code}. ${advice}`, { sqlState: code || null }, error)
}

export function idReused(id: string, cause?: unknown): EnfoldFault {
  const message = `An event id stands in the log already, in other company: ${id}. Nothing was written; use another command id.`
  return new EnfoldFault('EVENT_ID_REUSED', message, { id }, cause)
}

function meaningOf(code: string, message: string): Meaning {
  if (/^[0-9A-Z]{5}$/.test(code)) return FAULTS.get(code) ?? FAULTS.get(code.slice(0, 2)) ?? BROKEN
  if (POOL_EXHAUSTED.test(message))
    return ['STORE_BUSY', 'Every connection of the pool is in use. Nothing was written; try again, or allow more.']
  // ECONNREFUSED and its like are the network's.
  return code.startsWith('E') || CONNECTION_LOST.test(message) ? GONE : BROKEN
}
