import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { rowsOf } from './rows.ts'

const connection = new DatabaseSync(':memory:')
const older = {
  prepare(sql: string): StatementSync {
    const statement = connection.prepare(sql)
    return Object.create(null, { all: { value: statement.all.bind(statement) } })
  },
}

it.each([
  ['of lists', connection],
  ['of objects', older],
])('given a Node whose rows can be made %s, the columns come in order', (_, on) => {
  const sql = "SELECT ? AS id, lower(hex(X'FF')) AS hash, 1 AS version UNION ALL SELECT 'b', NULL, 2 ORDER BY version"
  expect(rowsOf(on, sql)('a')).toEqual([
    ['a', 'ff', 1],
    ['b', null, 2],
  ])
})
