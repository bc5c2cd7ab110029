/** One connection to one file: opened and migrated, with every SQLite error turned into a fault that says what to do. */
import { DatabaseSync } from 'node:sqlite'
import { EnfoldFault, type FaultCode } from '@enfold/core'
import { migrations } from './migrations/index.ts'

/** "Enfo" in ASCII: how a file says whose it is (PRAGMA application_id). */
const APPLICATION_ID = 0x456e666f

export interface Database {
  readonly connection: DatabaseSync
  /** Runs a synchronous read; waits while another process keeps the file locked. */
  read<T>(work: () => T): Promise<T>
  /** Runs synchronous work in one transaction: all of it, or nothing. Waits for other writers. */
  write<T>(work: () => T): Promise<T>
}

export interface DatabaseOptions {
  readonly path: string | URL
  readonly synchronous: 'FULL' | 'NORMAL'
  readonly busyTimeoutMs: number
}

export function openDatabase({ path, synchronous, busyTimeoutMs }: DatabaseOptions): Database {
  // SQLite's own wait blocks the whole process: a short one here, and between tries the process breathes.
  const connection = faultsOf(path, () => new DatabaseSync(path, { timeout: 5, enableForeignKeyConstraints: false }))
  const deadline = performance.now() + busyTimeoutMs
  for (;;) {
    try {
      faultsOf(path, () => prepare(connection, path, synchronous))
      break
    } catch (error) {
      if (error instanceof EnfoldFault && error.code === 'STORE_BUSY' && performance.now() < deadline) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
        continue
      }
      connection.close()
      throw error
    }
  }

  async function patiently<T>(work: () => T): Promise<T> {
    const giveUpAt = performance.now() + busyTimeoutMs
    for (;;) {
      try {
        return faultsOf(path, work)
      } catch (error) {
        const busy = error instanceof EnfoldFault && error.code === 'STORE_BUSY'
        if (!busy || performance.now() >= giveUpAt) throw error
        // Jitter, so that waiting processes do not knock all at once.
        await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 10))
      }
    }
  }

  return {
    connection,
    read: patiently,
    write: (work) =>
      patiently(() => {
        connection.exec('BEGIN IMMEDIATE')
        try {
          const result = work()
          connection.exec('COMMIT')
          return result
        } catch (error) {
          // Some errors have ended the transaction by themselves.
          if (connection.isTransaction) connection.exec('ROLLBACK')
          throw error
        }
      }),
  }
}

/** Sees whose file it is before anything is changed in it, then brings its schema up to date. */
function prepare(connection: DatabaseSync, path: string | URL, synchronous: string): void {
  const pragma = (name: string) => Object.values(connection.prepare(`PRAGMA ${name}`).get() ?? {})[0]
  const version = pragma('user_version') as number
  const tables = connection.prepare('SELECT count(*) AS n FROM sqlite_schema').get() as { n: number }
  const isNew = tables.n === 0 && version === 0 && pragma('application_id') === 0
  if (!isNew && pragma('application_id') !== APPLICATION_ID)
    throw new EnfoldFault('STORE_INCOMPATIBLE', `${path} is a SQLite database of another program. It was left as it is; choose another path.`, { path })
  if (version > migrations.length)
    throw new EnfoldFault(
      'STORE_INCOMPATIBLE',
      `${path} has schema version ${version}; this release of Enfold knows versions up to ${migrations.length}. It was left as it is; use a newer release.`,
      { path, found: version, known: migrations.length },
    )
  connection.exec(`PRAGMA synchronous = ${synchronous}`)
  connection.exec('PRAGMA recursive_triggers = OFF; PRAGMA cache_size = -65536')
  if (version === migrations.length) return
  // The journal mode stays with the file; asked for once, because asking takes a lock.
  connection.exec('PRAGMA journal_mode = WAL')
  connection.exec('BEGIN IMMEDIATE')
  try {
    // Another process may have migrated while this one waited.
    for (let next = pragma('user_version') as number; next < migrations.length; next++) {
      connection.exec(migrations[next] as string)
      connection.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${next + 1}`)
    }
    connection.exec('COMMIT')
  } catch (error) {
    if (connection.isTransaction) connection.exec('ROLLBACK')
    throw error
  }
}

/** SQLite's primary result codes (https://www.sqlite.org/rescode.html) and what they mean for a host. */
const FAULTS: ReadonlyMap<number, readonly [FaultCode, string]> = new Map([
  [5, ['STORE_BUSY', 'Another process kept the file locked. Nothing was written; try again.']],
  [6, ['STORE_BUSY', 'Another connection kept a table locked. Nothing was written; try again.']],
  [8, ['STORE_READ_ONLY', 'The file can only be read. Nothing was written; see to its permissions.']],
  [10, ['STORE_UNAVAILABLE', 'The disk failed. Look at it before you try again.']],
  [11, ['STORE_CORRUPT', 'The file is damaged. Restore it from a copy.']],
  [13, ['STORE_FULL', 'The disk is full. Nothing was written; make room and try again.']],
  [14, ['STORE_UNAVAILABLE', 'The file cannot be opened. See to its path and permissions.']],
  [26, ['STORE_INCOMPATIBLE', 'The file is no SQLite database. It was left as it is; choose another path.']],
])

interface SqliteError extends Error {
  readonly code: 'ERR_SQLITE_ERROR'
  /** Extended result code; its low byte is the primary one. */
  readonly errcode: number
}

export function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && (error as { code?: unknown }).code === 'ERR_SQLITE_ERROR'
}

function faultsOf<T>(path: string | URL, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!isSqliteError(error)) throw error
    const [code, advice] = FAULTS.get(error.errcode & 0xff) ?? ['STORE_UNAVAILABLE', 'SQLite failed.']
    throw new EnfoldFault(code, `${path}: ${error.message}. ${advice}`, { path: String(path), errcode: error.errcode }, error)
  }
}
