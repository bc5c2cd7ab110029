/** How a schema is asked: the shapes that pool, host's transaction and migrations have in common. */
import type { PoolClient } from 'pg'

/**
 * A statement with its parameters ($1, $2 …), all texts; the rows of its answer, all texts or null.
 */
export type Query = <Row extends object>(text: string, values?: readonly (string | null)[]) => Promise<Row[]>

/** A connection of a pool, to be released. */
export type Connect = () => Promise<PoolClient>

/**
 * Does work on a connection, which is thrown away if that fails: closing it rolls back.
 *
 * @param isKept after which errors the session is as it was, so that the pool may hand the connection out again
 */
export async function onConnection<T>(
  connect: Connect,
  work: (client: PoolClient) => Promise<T>,
  isKept: (error: unknown) => boolean = () => false,
): Promise<T> {
  const client = await connect()
  let failed: Error | undefined
  // A connection that breaks says so by an event, too, which would end the process.
  const broken = () => {}
  client.on('error', broken)
  try {
    return await work(client)
  } catch (error) {
    if (!isKept(error)) failed = error as Error
    throw error
  } finally {
    client.off('error', broken)
    client.release(failed)
  }
}
