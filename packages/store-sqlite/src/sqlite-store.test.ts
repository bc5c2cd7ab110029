import { createSqliteStore } from '@enfold/store-sqlite'
import { storeBattery } from '@enfold/testkit/battery'
import { givenPath } from './file.fixture.ts'

storeBattery('the SQLite store on a file', () => {
  const path = givenPath()
  const open = () => createSqliteStore({ path, pollMs: 5 })
  return { store: open(), reopen: open }
})

storeBattery('the SQLite store in memory', () => ({ store: createSqliteStore({ path: ':memory:' }) }))
