/**
 * For tests: what a pooler in transaction mode asks of the store. Each transaction may be another session's, and what a
 * transaction leaves in a session somebody else finds. Not PgBouncer itself, but its two traps, set for every statement.
 */
import { Pool, type PoolClient, type QueryConfig } from 'pg'

/** Sessions that take turns, and whatever a transaction left in one of them. */
export function createPooler(url: string) {
  const sessions = Array.from({ length: 3 }, () => new Pool({ connectionString: url, max: 1 }))
  for (const session of sessions) session.on('error', () => {})
  const leftovers: string[] = []
  let transactions = 0

  async function lookThrough(client: PoolClient): Promise<void> {
    const { rows } = await client.query<{ what: string }>(
      `SELECT 'setting ' || name AS what FROM pg_settings WHERE source = 'session'
       UNION ALL SELECT 'statement ' || name FROM pg_prepared_statements
       UNION ALL SELECT 'cursor ' || name FROM pg_cursors WHERE name <> ''
       UNION ALL SELECT 'channel ' || channel FROM pg_listening_channels() AS channel
       UNION ALL SELECT 'lock ' || objid FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'
       UNION ALL SELECT 'table ' || relname FROM pg_class WHERE relnamespace = pg_my_temp_schema()`,
    )
    leftovers.push(...rows.map(({ what }) => what))
    await client.query('DISCARD ALL')
  }

  async function connect(): Promise<PoolClient> {
    const client = await (sessions[transactions++ % sessions.length] as Pool).connect()
    const release = client.release
    client.release = (broken) => {
      if (broken) release(broken)
      else
        lookThrough(client).then(
          () => release(),
          () => release(true),
        )
    }
    return client
  }

  async function query(statement: string | QueryConfig, values?: unknown[]) {
    const client = await connect()
    try {
      return await client.query(statement as string, values)
    } finally {
      client.release()
    }
  }

  return {
    // All that the store asks of a pool.
    pool: { connect, query } as unknown as Pool,
    leftovers: leftovers as readonly string[],
    transactions: () => transactions,
    end: () => Promise.all(sessions.map((session) => session.end())),
  }
}
