/** One connection to one file: opened and migrated, with every SQLite error turned into a fault that says what to do. */
import { statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { EnfoldFault, type FaultCode } from '@enfold/core'
import { createOpenWork, type OpenWork } from '@enfold/core/store'
import { migrations } from './migrations/index.ts'

// Not imported: an import of what an old Node lacks fails before core can say which Node is needed.
const sqlite = process.getBuiltinModule('node:sqlite')

/** "Enfo" in ASCII: how a file says whose it is (PRAGMA application_id). */
const APPLICATION_ID = 0x456e666f

/**
 * With its plus, because SQLite (3.53) plans a statement again each time that the bare parameter of a LIMIT is
 * bound: an empty stream then takes 15 µs to read instead of 2.
 */
export const LIMIT = 'LIMIT +?'

export interface Database {
  readonly connection: DatabaseSync
  /** Closed by the store; then nothing is read or written any more. */
  readonly open: OpenWork
  /** Runs synchronous reads; waits while another process keeps the file locked. */
  read<T>(work: () => T): Promise<T>
  /**
   * As `read`, for several statements: all of them see the file as it is at one instant. Each statement by itself takes
   * and frees a lock on the file, which costs more than most of them; here it is taken once. What is remembered of the file
   * is of that instant as well, or forgotten.
   */
  readTogether<T>(work: () => T): Promise<T>
  /** Runs synchronous work in one transaction: all of it, or nothing. Waits for other writers. */
  write<T>(work: () => T): Promise<T>
  /**
   * As `write`, for what may be forgotten when the power fails, and not before: it does not wait for the disk, and
   * reaches it with the next `write` at the latest.
   */
  writeWithoutSync<T>(work: () => T): Promise<T>
  /**
   * For what is kept in memory of the file. `forget` is called within a transaction, before its work, where another
   * connection has written since the transaction before; and after one that was undone. So what was read or written at any
   * time and is still there is what the file says.
   */
  remember(forget: () => void): void
  /** Within `read`: throws where nothing could be written any more. */
  refuseIfOutdated(): void
}

export interface DatabaseOptions {
  readonly path: string
  readonly synchronous: 'FULL' | 'NORMAL'
  readonly readOnly: boolean
  readonly busyTimeoutMs: number
}

export function openDatabase(options: DatabaseOptions): Database {
  const { path, synchronous, busyTimeoutMs } = options
  const connection = openFile(options)
  const { inTransaction, atOneInstant, remember, refuseIfOutdated } = createTransactions(connection, path)
  const open = createOpenWork('SQLite')
  const patiently = <T>(work: () => T) => open.run(() => untilNotBusy(path, busyTimeoutMs, work))

  return {
    connection,
    read: patiently,
    readTogether: (work) => patiently(() => atOneInstant(work)),
    write: (work) => patiently(() => inTransaction(work)),
    writeWithoutSync: (work) =>
      patiently(() => {
        connection.exec('PRAGMA synchronous = NORMAL')
        try {
          return inTransaction(work)
        } finally {
          connection.exec(`PRAGMA synchronous = ${synchronous}`)
        }
      }),
    remember,
    open,
    refuseIfOutdated,
  }
}

/** Transactions on one connection, and what is remembered between them as long as no other connection writes. */
function createTransactions(connection: DatabaseSync, path: string) {
  const begin = connection.prepare('BEGIN IMMEDIATE')
  const beginToRead = connection.prepare('BEGIN')
  const commit = connection.prepare('COMMIT')
  const rollback = connection.prepare('ROLLBACK')
  const schemaVersion = connection.prepare('PRAGMA user_version')
  // Another number each time that another connection has written.
  const dataVersion = connection.prepare('PRAGMA data_version')
  const memories: (() => void)[] = []
  let forgottenAt: unknown
  let checkedAt: unknown

  /** A newer release may bring the file up to date while this process has it open. */
  function refuseIfOutdated(): void {
    const version = Object.values(schemaVersion.get() ?? {})[0] as number
    if (version <= migrations.length) return
    throw new EnfoldFault(
      'STORE_INCOMPATIBLE',
      `A newer release of Enfold has brought ${path} to schema version ${version} while this process had it open, and this release knows versions up to ${migrations.length}. Nothing was written; end this process and start the newer release.`,
      { path, found: version, known: migrations.length },
    )
  }

  function forget(): void {
    for (const one of memories) one()
  }

  function lookForOthers(): unknown {
    const now = dataVersion.get()?.data_version
    if (now !== forgottenAt) forget()
    forgottenAt = now
    return now
  }

  function within<T>(first: StatementSync, work: () => T): T {
    first.run()
    try {
      const result = work()
      commit.run()
      return result
    } catch (error) {
      forget()
      try {
        rollback.run()
      } catch {
        // SQLite has ended the transaction by itself, as it does when the disk is full.
      }
      throw error
    }
  }

  function inTransaction<T>(work: () => T): T {
    return within(begin, () => {
      const now = lookForOthers()
      if (now !== checkedAt) refuseIfOutdated()
      checkedAt = now
      return work()
    })
  }

  function atOneInstant<T>(work: () => T): T {
    return within(beginToRead, () => {
      lookForOthers()
      return work()
    })
  }

  return {
    inTransaction,
    atOneInstant,
    refuseIfOutdated,
    remember: (forgetIt: () => void) => void memories.push(forgetIt),
  }
}

/** SQLite's own wait would block the whole process. Between these tries it goes on with other work. */
async function untilNotBusy<T>(path: string, busyTimeoutMs: number, work: () => T): Promise<T> {
  for (let giveUpAt = Number.NaN; ; ) {
    try {
      return faultsOf(path, work)
    } catch (error) {
      giveUpAt = Number.isNaN(giveUpAt) ? performance.now() + busyTimeoutMs : giveUpAt
      if (!isBusy(error) || performance.now() >= giveUpAt) throw error
    }
    // Jitter, so that waiting processes do not try all at once.
    await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 10))
  }
}

function openFile(options: DatabaseOptions): DatabaseSync {
  for (const giveUpAt = performance.now() + options.busyTimeoutMs; ; ) {
    try {
      return faultsOf(options.path, () => connectionTo(options))
    } catch (error) {
      if (!isBusy(error) || performance.now() >= giveUpAt) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1 + Math.random() * 10)
    }
  }
}

/** SQLite says of a folder, and of a file in a folder that is not there, only that it cannot open them. */
function refuseNoFile(path: string): void {
  if (path === ':memory:' || path.startsWith('file:')) return
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
    throw EnfoldFault.invalidInput(
      'createSqliteStore.path',
      path,
      `the path of a file, not of a folder: ${JSON.stringify(join(path, 'enfold.db'))}`,
    )
  const folder = dirname(resolve(path))
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new EnfoldFault(
      'STORE_UNAVAILABLE',
      `${path} cannot be made: there is no folder ${JSON.stringify(folder)}. Make it, or name another path.`,
      { path },
    )
}

function connectionTo({ path, synchronous, readOnly }: DatabaseOptions): DatabaseSync {
  refuseNoFile(path)
  if (!readOnly) refuseForeign(path)
  const connection = new sqlite.DatabaseSync(path, { readOnly, enableForeignKeyConstraints: false })
  try {
    const version = versionOf(connection, path)
    if (readOnly && version < migrations.length)
      throw new EnfoldFault(
        'STORE_INCOMPATIBLE',
        `${path} has schema version ${version}, this release reads version ${migrations.length}. Open it once without readOnly to bring it up to date.`,
        { path, found: version, known: migrations.length },
      )
    // Pages are written back into the file seldom, because most are soon written again: every 1,000 pages, the default,
    // made 5,800 bulk starts a second, every 10,000 (40 MB) 9,100.
    connection.exec(
      `PRAGMA synchronous = ${synchronous}; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 10000`,
    )
    if (version < migrations.length) migrate(connection, path)
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}

/** Looks at the file through a connection that cannot write: the last one to close a file may change it otherwise. */
function refuseForeign(path: string): void {
  let connection: DatabaseSync
  try {
    connection = new sqlite.DatabaseSync(path, { readOnly: true })
  } catch (error) {
    // There is no file yet; or if that was not the reason, opening it for good will say so.
    if (isSqliteError(error) && (error.errcode & 0xff) === CANNOT_OPEN) return
    throw error
  }
  try {
    versionOf(connection, path)
  } finally {
    connection.close()
  }
}

function headerOf(connection: DatabaseSync) {
  const { tables } = connection.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as { tables: number }
  return { version: pragma(connection, 'user_version'), owner: pragma(connection, 'application_id'), tables }
}

/** Between two reads another process may make the tables, whose file would then look like that of a third program. */
function inOneRead<T>(connection: DatabaseSync, read: () => T): T {
  if (connection.isTransaction) return read()
  connection.exec('BEGIN')
  try {
    return read()
  } finally {
    connection.exec('ROLLBACK')
  }
}

/** The schema version, 0 for an empty file; throws for the files of others and of newer releases. */
function versionOf(connection: DatabaseSync, path: string): number {
  const { version, owner, tables } = inOneRead(connection, () => headerOf(connection))
  const isNew = tables === 0 && version === 0 && owner === 0
  if (!isNew && owner !== APPLICATION_ID)
    throw new EnfoldFault(
      'STORE_INCOMPATIBLE',
      `${path} is a SQLite database of another program. It was left as it is; choose another path.`,
      { path },
    )
  if (version > migrations.length)
    throw new EnfoldFault(
      'STORE_INCOMPATIBLE',
      `${path} has schema version ${version}; this release of Enfold knows versions up to ${migrations.length}. It was left as it is; use a newer release.`,
      { path, found: version, known: migrations.length },
    )
  return version
}

function migrate(connection: DatabaseSync, path: string): void {
  // Readers and a writer at once. The mode stays with the file; asked for once, because asking takes a lock.
  connection.exec('PRAGMA journal_mode = WAL')
  connection.exec('BEGIN IMMEDIATE')
  // Asked again: another process may have been first. If anything throws, closing the connection rolls back.
  for (let next = versionOf(connection, path); next < migrations.length; next++) connection.exec(migrationTo(next + 1))
  connection.exec('COMMIT')
}

/** What brings a file from the version before to this one. */
function migrationTo(version: number): string {
  return `${migrations[version - 1]}\nPRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${version};`
}

/**
 * Plain SQL that brings a file up to date, to read and to run with `sqlite3`; opening a store does the same. `""`: there is
 * nothing to do.
 *
 * @param from the version that the file has (`PRAGMA user_version`); 0 for a file that is not there
 * @throws EnfoldFault `INVALID_INPUT`
 */
export function migrationSql(from = 0): string {
  if (!Number.isInteger(from) || from < 0 || from > migrations.length)
    throw EnfoldFault.invalidInput('migrationSql.from', from, `a whole number from 0 to ${migrations.length}`)
  if (from === migrations.length) return ''
  const versions = migrations.slice(from).map((_, i) => from + 1 + i)
  const steps = versions.map((version) => `-- version ${version}\n${migrationTo(version).trim()}\n`)
  return `PRAGMA journal_mode = WAL;\nBEGIN IMMEDIATE;\n${steps.join('\n')}COMMIT;\n`
}

/** How a file stands. */
export interface FileStatus {
  /** 0: it is not there, or empty. */
  readonly version: number
  /** The version that this release works with. */
  readonly known: number
}

/**
 * How a file stands. Changes nothing.
 *
 * @throws EnfoldFault `STORE_INCOMPATIBLE` for a file of another program or of a newer release; `STORE_UNAVAILABLE`
 */
export function fileStatus(path: string): FileStatus {
  return faultsOf(path, () => {
    if (statSync(path, { throwIfNoEntry: false }) === undefined) return { version: 0, known: migrations.length }
    const connection = new sqlite.DatabaseSync(path, { readOnly: true })
    try {
      return { version: versionOf(connection, path), known: migrations.length }
    } finally {
      connection.close()
    }
  })
}

function pragma(connection: DatabaseSync, name: string): number {
  return Object.values(connection.prepare(`PRAGMA ${name}`).get() ?? {})[0] as number
}

const CANNOT_OPEN = 14

/** SQLite's primary result codes (https://www.sqlite.org/rescode.html) and what they mean for a host. */
const FAULTS: ReadonlyMap<number, readonly [FaultCode, string]> = new Map([
  [5, ['STORE_BUSY', 'Another process kept the file locked. Nothing was written; try again.']],
  [6, ['STORE_BUSY', 'Another connection kept a table locked. Nothing was written; try again.']],
  [8, ['STORE_READ_ONLY', 'The file can only be read. Nothing was written; see to its permissions.']],
  [10, ['STORE_UNAVAILABLE', 'The disk failed. Nothing is known to be written; look at it before you try again.']],
  [11, ['STORE_CORRUPT', 'The file is damaged. Restore it from a copy.']],
  [13, ['STORE_FULL', 'The disk is full. Nothing was written; make room and try again.']],
  [CANNOT_OPEN, ['STORE_UNAVAILABLE', 'The file cannot be opened. See to its path and permissions.']],
  [26, ['STORE_INCOMPATIBLE', 'The file is no SQLite database. It was left as it is; choose another path.']],
])

interface SqliteError extends Error {
  readonly code: 'ERR_SQLITE_ERROR'
  /** Extended result code; its low byte is the primary one. */
  readonly errcode: number
}

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && (error as { code?: unknown }).code === 'ERR_SQLITE_ERROR'
}

function isBusy(error: unknown): boolean {
  return error instanceof EnfoldFault && error.code === 'STORE_BUSY'
}

function faultsOf<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!isSqliteError(error)) throw error
    const [code, advice] = FAULTS.get(error.errcode & 0xff) ?? ['STORE_UNAVAILABLE', 'SQLite failed; see the cause.']
    const message = `${path}: ${error.message}. ${advice}`
    throw new EnfoldFault(code, message, { path, errcode: error.errcode }, error)
  }
}
