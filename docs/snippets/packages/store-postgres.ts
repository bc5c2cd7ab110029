// #region store
import { createEngine, orThrow } from 'enfold'
import { contactsFromTable, createPostgresStore } from 'enfold/postgres'
import { Pool } from 'pg'

const pool = new Pool({ connectionString: process.env.DATABASE_URL })
// Tables in the schema "enfold", made at the first use.
const store = createPostgresStore({ pool })
const engine = createEngine({ store, handlers: { email: () => ({ outcome: 'sent' }) } })
// #endregion store
orThrow(
  await engine.publish({
    id: 'pool-owners',
    goals: [],
    sequences: [{ id: 'nurture', steps: [{ id: 'mistake-1', kind: 'email' }] }],
  }),
)

// Within your own transaction: both rows and events, or neither.
await pool.query('CREATE TABLE customers (id text PRIMARY KEY, zone text, plan text)')
// #region transaction
const client = await pool.connect()
await client.query('BEGIN')
await client.query("INSERT INTO customers VALUES ('ada')")
const sequence = { campaignId: 'pool-owners', sequenceId: 'nurture' }
orThrow(await engine.withTransaction(client).startSequence({ contactId: 'ada', ...sequence, actor: 'crm' }))
console.log('before the commit:', (await engine.inspect.contactsInSequence(sequence)).contacts)
await client.query('COMMIT')
client.release()
// #endregion transaction
console.log('after it:', (await engine.inspect.contactsInSequence(sequence)).contacts)

// A worker does this all the time: engine.run({ signal })
const { sent, completed } = await engine.runDue()
console.log({ sent, completed })

// #region contacts
const contacts = contactsFromTable({ client: pool, table: 'customers', id: 'id', timeZone: 'zone', fields: ['plan'] })
await contacts.check()
const crm = createEngine({ store, contacts, handlers: {} })

const eve = await pool.connect()
await eve.query('BEGIN')
await eve.query("INSERT INTO customers VALUES ('eve', 'Europe/Berlin', 'gold')")
// Within the transaction, so that the new row is a contact.
const verbs = crm.withTransaction(eve, { contacts: contacts.within(eve) })
orThrow(await verbs.startSequence({ contactId: 'eve', ...sequence, actor: 'crm' }))
await eve.query('COMMIT')
eve.release()
// #endregion contacts
console.log('from the table:', await contacts.get('eve'))
await crm.close()
await engine.close()
await store.close()
await pool.end()
