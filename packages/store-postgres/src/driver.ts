/**
 * `pg` itself, which the host installs: who brings a pool, or another driver's transactions, has what it needs. Loaded when
 * the store first connects, and by `import`, so that bundlers find it.
 */
import { EnfoldFault } from '@enfold/core'
import type { ClientConfig, Pool, PoolClient, PoolConfig } from 'pg'

/** What a pool is asked for, the host's or the store's own. */
export interface UsedPool {
  connect(): Promise<PoolClient>
  end(): Promise<void>
  /** What only looks like a pool may have none. */
  readonly options?: PoolConfig | undefined
}

type Driver = Pick<typeof import('pg'), 'Client' | 'Pool'>

/** @throws EnfoldFault `DRIVER_MISSING` */
export async function loadDriver(load: () => Promise<Driver> = () => import('pg')): Promise<Driver> {
  try {
    return await load()
  } catch (error) {
    if (!isMissing(error)) throw error
    const sentence = 'To connect to PostgreSQL, Enfold needs the package pg, which is not installed: npm install pg'
    throw new EnfoldFault('DRIVER_MISSING', sentence, { driver: 'pg' }, error)
  }
}

/** As Node says it of an import and of a `require`; not of something that `pg` itself lacks. */
function isMissing(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  const isNotFound = error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND'
  return isNotFound && /^Cannot find (?:module|package) 'pg'/.test(error.message)
}

/** A pool that is made when it is first asked for a connection. */
export function createOwnPool(options: PoolConfig, load: () => Promise<Driver> = loadDriver): UsedPool {
  let making: Promise<Pool> | undefined

  async function make(): Promise<Pool> {
    const { Pool } = await load()
    const pool = new Pool(options)
    // An idle connection that breaks is thrown away by the pool; the next caller gets a new one.
    pool.on('error', () => {})
    // One that breaks while it is being closed is nobody's any more, and its error would end the process.
    pool.on('connect', (client) => void client.on('error', () => {}))
    return pool
  }

  return {
    options,
    async connect() {
      making ??= make()
      return (await making).connect()
    },
    async end() {
      const pool = await making?.catch(() => undefined)
      await pool?.end()
    },
  }
}

/** A connection by itself. */
export async function createClient(config: ClientConfig) {
  const { Client } = await loadDriver()
  return new Client(config)
}
