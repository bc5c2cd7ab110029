import { givenSchema, givenServer } from '@enfold/postgres-server/given'
import { createPostgresStore } from '@enfold/store-postgres'
import { storeBattery } from '@enfold/testkit/battery'

const server = givenServer()

storeBattery('the PostgreSQL store', () => {
  const schema = givenSchema(server)
  const open = () => createPostgresStore({ connectionString: server.url, schema, pollMs: 5 })
  return { store: open(), reopen: open }
})
