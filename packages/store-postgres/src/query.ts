/** How a schema is asked: the shapes that pool, host's transaction and migrations have in common. */
import type { PoolClient } from 'pg'

/**
 * A statement with its parameters ($1, $2 …), all texts; the rows of its answer, all texts or null.
 */
export type Query = <Row extends object>(text: string, values?: readonly (string | null)[]) => Promise<Row[]>

/** A connection of a pool, to be released. */
export type Connect = () => Promise<PoolClient>
