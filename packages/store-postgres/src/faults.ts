/** What PostgreSQL and the way to it can answer instead of an answer, as faults that say what to do. */
import { EnfoldFault, type FaultCode, isEnfoldFault } from '@enfold/core'

type Meaning = readonly [FaultCode, string]

const GONE: Meaning = [
  'STORE_UNAVAILABLE',
  'PostgreSQL cannot be reached. Whether the last append was written is not known; the same event ids again tell.',
]
const BROKEN: Meaning = ['STORE_UNAVAILABLE', 'PostgreSQL failed; see the cause, or the log of the server.']
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
  [
    '55P03',
    [
      'STORE_BUSY',
      'Another transaction holds a lock, perhaps a migration: see pg_stat_activity. Nothing was written; try again.',
    ],
  ],
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

const POOL_ADVICE =
  'Every connection of the pool is in use, and none came free in time. Nothing was written; try again, or allow more.'

/** What `pg` and its pool say without a code. */
const POOL_EXHAUSTED = /timeout exceeded when trying to connect/
const CONNECTION_LOST =
  /Connection terminated|Client has encountered a connection error|Query read timeout|socket|not queryable/i

interface DriverError {
  readonly code?: unknown
  readonly message?: unknown
  readonly constraint?: unknown
  readonly detail?: unknown
  readonly severity?: unknown
  readonly address?: unknown
  readonly port?: unknown
}

/** Where wrappers keep the error of the driver: Drizzle, Sequelize (both), TypeORM, Prisma. */
const INSIDE = ['cause', 'original', 'parent', 'driverError', 'driverAdapterError', 'meta'] as const

/** The error and all that it wraps, from the outermost to the innermost. Wrappers may wrap each other, even in a ring. */
function unwrapped(error: unknown): DriverError[] {
  const found = new Set<object>()
  const look = (one: unknown, depth: number): void => {
    if (typeof one !== 'object' || one === null || found.has(one) || depth > 8) return
    found.add(one)
    for (const name of INSIDE) look((one as Record<string, unknown>)[name], depth + 1)
  }
  look(error, 0)
  return [...found]
}

/** Five characters, as the standard has them; P2010 and EPIPE look alike and are Prisma's and the network's. */
const SQL_STATE = /^(?:[0-9][0-9A-Z]{4}|EF\d{3}|F0\d{3}|HV[0-9A-Z]{3}|P0\d{3}|XX\d{3})$/

/** What Prisma says instead of an SQLSTATE: write conflicts, an exhausted pool, a lost server. */
const PRISMA: ReadonlyMap<unknown, string> = new Map([
  ['P2034', '40001'],
  ['TransactionWriteConflict', '40001'],
  ['P2028', '25P02'],
  ['P2024', '53300'],
  ['P1001', '08006'],
  ['P1002', '08006'],
  ['P1008', '57014'],
  ['P1017', '08006'],
])

/** The SQLSTATE of an error, however deep it is wrapped; `null`: the server said nothing. */
export function sqlStateOf(error: unknown): string | null {
  return findState(unwrapped(error))?.state ?? null
}

function findState(errors: readonly DriverError[]): { readonly state: string; readonly from: DriverError } | null {
  for (const from of errors) {
    const { code, originalCode, sqlState } = from as { code?: unknown; originalCode?: unknown; sqlState?: unknown }
    for (const state of [code, originalCode, sqlState])
      if (typeof state === 'string' && SQL_STATE.test(state)) return { state, from }
  }
  for (const from of errors) {
    const { code, kind } = from as { code?: unknown; kind?: unknown }
    const state = PRISMA.get(code) ?? PRISMA.get(kind)
    if (state !== undefined) return { state, from }
  }
  return null
}

/** True where no statement would be answered: the server, the way to it or the login fails, or nothing is left of the pool. */
export function isAway(error: unknown): boolean {
  const state = sqlStateOf(error)
  return state === null || /^(?:08|28|3D|53|57P)/.test(state)
}

/** True where the same transaction, tried again from its beginning, can succeed. */
export function isRace(error: unknown): boolean {
  return isEnfoldFault(error) && error.code === 'CONTENTION'
}

/** True where another transaction held a lock for longer than the statement may wait. Nothing was written then. */
export function isLocked(error: unknown): boolean {
  return isEnfoldFault(error) && error.details.sqlState === '55P03'
}

/** True where a row was there already that nobody else may have. Nothing was written then. */
export function isDuplicate(error: unknown): boolean {
  return isEnfoldFault(error) && (error.code === 'EVENT_ID_REUSED' || error.details.sqlState === '23505')
}

/** A pooler in transaction mode may send a name to a session that does not know it, or that has it from somebody else. */
const NAME_UNKNOWN: ReadonlySet<unknown> = new Set(['26000', '42P05'])

/** True where a statement was not run, because the session does not know it by the name that the driver prepared it by. */
export function isNameUnknown(error: unknown): boolean {
  return isEnfoldFault(error) && NAME_UNKNOWN.has(error.details.sqlState)
}

/** True also where the schema has changed since, so that the name stands for what cannot be run any more. */
export function isNameLost(error: unknown): boolean {
  return isNameUnknown(error) || (isEnfoldFault(error) && error.details.sqlState === '0A000')
}

/**
 * The fault that an error of the driver means; faults, and what is no error, as they are. The driver's own message
 * stands in ours only where the server says it of names and of itself: others hold statements with their parameters.
 * The `cause` is the driver's own error, as it came: it may hold values, and no line of ours prints it.
 */
export function faultOf(error: unknown, place: string): unknown {
  if (!(error instanceof Error) || isEnfoldFault(error)) return error
  const errors = unwrapped(error)
  const found = findState(errors)
  // Of a wrapper not even the cause is kept: a log of a fault includes its causes.
  // Nor what it notes of the server's answer in an object of its own, as Prisma does: that holds values.
  const kept = found?.from ?? errors.findLast((one) => one instanceof Error)
  const cause = kept instanceof Error ? kept : undefined
  if (found !== null) {
    const { constraint, detail } = found.from
    if (found.state === 'EF001' || (found.state === '23505' && constraint === 'events_id'))
      return idReused(typeof detail === 'string' ? detail : '', cause)
    const [code, advice] = FAULTS.get(found.state) ?? FAULTS.get(found.state.slice(0, 2)) ?? BROKEN
    return new EnfoldFault(code, `${place}: ${saidBy(found)}. ${advice}`, { sqlState: found.state }, cause)
  }
  const networks = errors.find(({ code }) => typeof code === 'string' && /^E[A-Z_]+$/.test(code))
  const [code, advice] = networks === undefined ? meaningOf(errors) : GONE
  const what = networks === undefined ? '' : `${addressed(networks)}. `
  return new EnfoldFault(code, `${place}: ${what}${advice}`, { sqlState: null }, cause)
}

/** Of these classes the server's own sentence names tables, roles and limits, and never a value. */
const WITHOUT_VALUES = /^(?:08|25|28|3D|3F|40|53|55|57|42501|42P01|42703|42883)/

function saidBy({ state, from }: { readonly state: string; readonly from: DriverError }): string {
  const isServers = typeof from.severity === 'string' && typeof from.message === 'string'
  return isServers && WITHOUT_VALUES.test(state) ? `${from.message} (${state})` : `SQLSTATE ${state}`
}

function addressed({ code, address, port }: DriverError): string {
  return address === undefined ? String(code) : `${code} ${address}${port === undefined ? '' : `:${port}`}`
}

export function poolExhausted(place: string): EnfoldFault {
  return new EnfoldFault('STORE_BUSY', `${place}: ${POOL_ADVICE}`)
}

export function idReused(id: string, cause?: unknown): EnfoldFault {
  const message = `An event id stands in the log already, in other company: ${id}. Nothing was written; use another command id.`
  return new EnfoldFault('EVENT_ID_REUSED', message, { id }, cause)
}

function meaningOf(errors: readonly DriverError[]): Meaning {
  const says = (pattern: RegExp) => errors.some(({ message }) => typeof message === 'string' && pattern.test(message))
  if (says(POOL_EXHAUSTED)) return ['STORE_BUSY', POOL_ADVICE]
  return says(CONNECTION_LOST) ? GONE : BROKEN
}
