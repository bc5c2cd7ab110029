import { createPostgresStore } from '@enfold/store-postgres'
import { givenSchema, givenServer } from '@enfold/test-servers/given'
import { storeBattery } from '@enfold/testkit/battery'

const server = givenServer()

storeBattery('the PostgreSQL store', () => {
  const schema = givenSchema(server)
  const open = (prepare: boolean) => createPostgresStore({ connectionString: server.url, schema, pollMs: 5, prepare })
  // Of two on the same data, one prepares its statements by name.
  return { store: open(false), reopen: () => open(true) }
})
