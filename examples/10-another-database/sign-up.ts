/**
 * `node sign-up.ts FOLDER CUSTOMER [MOMENT]`: signs a customer up, then relays what is in the outbox. At the moment that is
 * named it is killed with `kill -9`, for the test of what is left then.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createEngine, orThrow } from 'enfold'
import { createSqliteStore } from 'enfold/sqlite'
import { enlist, OUTBOX, relay } from './outbox.ts'

const [folder = '.', customer = '', moment = 'never'] = process.argv.slice(2)

function dieAt(here: string): void {
  if (here === moment) process.kill(process.pid, 'SIGKILL')
}

const database = new DatabaseSync(join(folder, 'crm.db'))
database.exec(`CREATE TABLE IF NOT EXISTS customers (id TEXT PRIMARY KEY); ${OUTBOX}`)
const store = createSqliteStore({ path: join(folder, 'campaigns.db') })
const engine = createEngine({ store, handlers: {} })
orThrow(
  await engine.publish({
    id: 'welcome',
    goals: [],
    sequences: [{ id: 'letters', steps: [{ id: 'hello', kind: 'email' }] }],
  }),
)

if (customer !== '') {
  database.exec('BEGIN')
  database.prepare('INSERT INTO customers VALUES (?)').run(customer)
  enlist(database, customer, 'welcome', 'letters')
  dieAt('before-commit')
  database.exec('COMMIT')
  dieAt('after-commit')
}

const dying: typeof engine = {
  ...engine,
  async startSequence(order) {
    const answer = await engine.startSequence(order)
    dieAt('after-order')
    return answer
  },
}
while ((await relay(database, dying, (why) => process.stderr.write(`${why}\n`))) > 0);
await engine.close()
await store.close()
