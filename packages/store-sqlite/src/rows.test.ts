import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { rowsOf } from './rows.ts'

it.each([true, false])('given a Node that makes lists of rows: %s, the columns come in order', (makesLists) => {
  const connection = new DatabaseSync(':memory:')
  const sql = "SELECT ? AS id, lower(hex(X'FF')) AS hash, 1 AS version UNION ALL SELECT 'b', NULL, 2 ORDER BY version"
  expect(rowsOf(connection, sql, makesLists)('a')).toEqual([
    ['a', 'ff', 1],
    ['b', null, 2],
  ])
  connection.close()
})
