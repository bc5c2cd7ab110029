/** Rows as lists of their columns. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

/** For statements that read many rows: with an object for each, an event takes a quarter longer to read (3.7 against 3 µs). */
export function rowsOf<Columns>(
  connection: Pick<DatabaseSync, 'prepare'>,
  sql: string,
): (...values: readonly SQLInputValue[]) => readonly Columns[] {
  const statement = connection.prepare(sql)
  if (!makesLists(statement))
    return (...values) => statement.all(...values).map((row) => Object.values(row)) as Columns[]
  statement.setReturnArrays(true)
  return (...values) => statement.all(...values) as unknown as readonly Columns[]
}

/** Those of Node 22.15 and 23 do not. */
function makesLists(statement: StatementSync): boolean {
  return 'setReturnArrays' in statement
}
