/** Many schemas of one database, as one for each tenant: one pool, one listener, and one look at all of them. */
import { EnfoldFault } from '@enfold/core'
import {
  checked,
  newsConnectionOf,
  type PostgresStore,
  type PostgresStoreOptions,
  poolOf,
  storeOn,
} from './postgres-store.ts'
import { createWatchedSchemas } from './watched-schemas.ts'

export interface PostgresHostOptions
  extends Pick<
    PostgresStoreOptions,
    'connectionString' | 'pool' | 'maxConnections' | 'connectTimeoutMs' | 'answerTimeoutMs' | 'prepare' | 'notify'
  > {
  /** How often all schemas are looked at for what other processes have made due, in milliseconds. Default 1,000. */
  readonly pollMs?: number
}

export interface PostgresHost {
  /**
   * A store in a schema, as of `createPostgresStore`. Engines on it work as on any other; while nothing happens in a schema,
   * its worker asks the server nothing.
   *
   * @throws EnfoldFault `INVALID_INPUT`; `CLOSED` after `close`
   */
  store(
    options: Pick<PostgresStoreOptions, 'schema' | 'migrate' | 'hashChain' | 'lockWaitMs' | 'pollMs'>,
  ): PostgresStore
  /** Closes the stores that are open, and the pool if it is the host's own. */
  close(): Promise<void>
}

/**
 * For one worker over many schemas. Their stores share a pool and, with `notify`, one connection that listens; one
 * transaction each `pollMs` looks at all schemas in which an engine runs. At the end abort the signal, await `run`, close
 * the engines, then the host. Close the engine of a schema before you drop it: a look and the drop may deadlock.
 *
 * @throws EnfoldFault `INVALID_INPUT`
 * @example
 * const host = createPostgresHost({ connectionString: process.env.DATABASE_URL })
 * const engines = tenants.map((tenant) => createEngine({ store: host.store({ schema: `tenant_${tenant}` }), handlers }))
 * await Promise.all(engines.map((engine) => engine.run({ signal })))
 */
export function createPostgresHost(options: PostgresHostOptions): PostgresHost {
  const { pollMs = 1000, pool: given } = checked(options, 'createPostgresHost')
  const pool = poolOf(options)
  const connection = newsConnectionOf(options, pool)
  const schemas = createWatchedSchemas(pool, pollMs)
  const stores = new Set<PostgresStore>()
  let closed = false
  return {
    store(own) {
      if (closed) throw new EnfoldFault('CLOSED', 'The host was closed. Make a new one.')
      const { schema = 'enfold' } = checked({ pool, ...own }, 'createPostgresHost.store')
      const store = storeOn(own, {
        pool,
        prepare: options.prepare ?? given === undefined,
        notificationsOf: (channel, onNotification) => connection?.of(channel, onNotification) ?? null,
        watched: schemas.add(schema),
        async free() {
          stores.delete(store)
        },
      })
      stores.add(store)
      return store
    },
    async close() {
      closed = true
      await Promise.all(Array.from(stores, (store) => store.close()))
      await schemas.close()
      await connection?.close()
      if (given === undefined) await pool.end()
    },
  }
}
