/** A pool as hosts give it. Its shape is said here, so that the pool of any version of `pg` and its types will do. */

/** A connection of the pool. The store sends statements over it and releases it. */
export interface PostgresPoolClient {
  query: (...args: never[]) => unknown
  release(error?: Error | boolean): void
}

/**
 * A `Pool` of `pg`, version 8. Only this much of its type is asked for, because hosts have many versions of `@types/pg`,
 * or none.
 */
export interface PostgresPool {
  connect(): Promise<PostgresPoolClient>
}
