/** Rows as lists of their columns. */
import { type DatabaseSync, type SQLInputValue, StatementSync } from 'node:sqlite'

/** Not in Node 22.15 and 23. */
const MAKES_LISTS = 'setReturnArrays' in StatementSync.prototype

/** For statements that read many rows: with an object for each, an event takes a quarter longer to read (3.7 against 3 µs). */
export function rowsOf<Columns>(
  connection: DatabaseSync,
  sql: string,
  makesLists = MAKES_LISTS,
): (...values: readonly SQLInputValue[]) => readonly Columns[] {
  const statement = connection.prepare(sql)
  if (!makesLists) return (...values) => statement.all(...values).map((row) => Object.values(row)) as Columns[]
  statement.setReturnArrays(true)
  return (...values) => statement.all(...values) as unknown as readonly Columns[]
}
