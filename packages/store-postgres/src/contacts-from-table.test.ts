import { createEngine, orThrow } from '@enfold/engine'
import { givenSchema, givenServer } from '@enfold/test-servers/given'
import { Pool } from 'pg'
import { expect, it, onTestFinished } from 'vitest'
import { contactsFromTable } from './contacts-from-table.ts'
import { givenHost, order } from './host.fixture.ts'

const server = givenServer()

/** A schema with tables of the host's, and a pool that counts its statements. */
async function givenTables(...statements: readonly ((schema: string) => string)[]) {
  const schema = givenSchema(server)
  const pool = new Pool({ connectionString: server.url, max: 2 })
  onTestFinished(() => pool.end())
  await pool.query(`CREATE SCHEMA "${schema}"`)
  for (const statement of statements) await pool.query(statement(`"${schema}"`))
  const asked: string[] = []
  const client = {
    query: (text: string, values: (string | null)[]) => {
      asked.push(text)
      return pool.query<object>(text, values)
    },
  }
  return { schema, pool, client, asked }
}

const CUSTOMERS = (s: string) => `CREATE TABLE ${s}.customers (id text PRIMARY KEY, zone text, labels text[], plan text,
  birthday date, renews timestamptz, seats integer, vip boolean, more jsonb)`

it('a row becomes facts: zone, tags and fields, with days and instants as texts that rules read', async () => {
  const { schema, client, pool, asked } = await givenTables(CUSTOMERS)
  await pool.query(
    `INSERT INTO "${schema}".customers VALUES ('ada', 'Europe/Berlin', '{vip,"a,b"}', 'gold', '1980-02-29',
       '2026-03-01T09:00:00+01', 3, true, '{"a":[1]}'), ('bob', '', NULL, NULL, NULL, NULL, NULL, NULL, NULL)`,
  )
  const contacts = contactsFromTable({
    client,
    schema,
    table: 'customers',
    id: 'id',
    timeZone: 'zone',
    tags: 'labels',
    fields: { plan: 'plan', birthday: 'birthday', renewal: 'renews', seats: 'seats', vip: 'vip', more: 'more' },
  })
  const found = await contacts.getMany(['ada', 'bob', 'eve', 'a\u0000b', `it's {"q\\"}`])
  expect([...found]).toEqual([
    [
      'ada',
      {
        timeZone: 'Europe/Berlin',
        tags: ['vip', 'a,b'],
        fields: {
          plan: 'gold',
          birthday: '1980-02-29',
          renewal: '2026-03-01T08:00:00.000Z',
          seats: 3,
          vip: true,
          more: { a: [1] },
        },
      },
    ],
    ['bob', { fields: {} }],
  ])
  expect(await contacts.get('eve')).toBe(null)
  expect(await contacts.get('a\u0000b')).toBe(null)
  // The catalogue once, then one for many.
  expect(asked).toHaveLength(3)
})

it('names and ids are hostile: what stands in quotes, of another case, with dots and marks', async () => {
  const names = { table: 'Order "x"; --.y', id: 'I?d $1', field: '__proto__', column: `it's "z" ?` }
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
  const { schema, client, pool } = await givenTables(
    (s) => `CREATE TABLE ${s}.${quoted(names.table)} (${quoted(names.id)} text, ${quoted(names.column)} text)`,
  )
  const id = `it's "q\\uoted" {1,2} $1 ?, NULL`
  await pool.query(`INSERT INTO "${schema}".${quoted(names.table)} VALUES ($1, 'x')`, [id])
  const fields = Object.fromEntries([[names.field, names.column]])
  const contacts = contactsFromTable({ client, schema, table: names.table, id: names.id, fields })
  const facts = await contacts.get(id)
  expect(Object.entries(facts?.fields ?? {})).toEqual([['__proto__', 'x']])
})

it.each([
  ['integer', '42', ['042', '+42', '4e1', 'x', '99999999999999999999']],
  ['uuid', '0190163d-8694-739b-aea5-966c26f8ad91', ['0190163D-8694-739B-AEA5-966C26F8AD91', 'x']],
  ['varchar(40)', 'ada', ['Ada']],
])('an id of the type %s is found by its own text, and every other text is no contact', async (type, id, others) => {
  const { schema, client, pool } = await givenTables((s) => `CREATE TABLE ${s}.c (id ${type} PRIMARY KEY)`)
  await pool.query(`INSERT INTO "${schema}".c VALUES ($1)`, [id])
  const contacts = contactsFromTable({ client, schema, table: 'c', id: 'id' })
  expect([...(await contacts.getMany([id, ...others])).keys()]).toEqual([id])
})

it('a search finds a part of any of its columns, literally, in pages', async () => {
  const { schema, client, pool } = await givenTables((s) => `CREATE TABLE ${s}.c (id text, name text, mail text)`)
  await pool.query(
    `INSERT INTO "${schema}".c VALUES ('b', '100% Ada', NULL), ('a', 'x', 'ADA@x.example'), ('c', 'bob', 'b'), ('d', NULL, 'ada')`,
  )
  const contacts = contactsFromTable({ client, schema, table: 'c', id: 'id', search: ['name', 'mail'] })
  const first = await contacts.search?.('ada', { after: null, limit: 2 })
  expect(first).toEqual({ contacts: ['a', 'b'], next: 'b' })
  expect(await contacts.search?.('ada', { after: 'b', limit: 2 })).toEqual({ contacts: ['d'], next: null })
  expect(await contacts.search?.('0%', { after: null, limit: 2 })).toEqual({ contacts: ['b'], next: null })
  expect(await contacts.search?.('_ob', { after: null, limit: 2 })).toEqual({ contacts: [], next: null })
})

it('a wrong name is told with what there is, by check and by the engine, and works once the column is there', async () => {
  const { schema, client, pool } = await givenTables(CUSTOMERS)
  const options = { client, schema, table: 'customers', id: 'id' }
  const failing = (message: RegExp) => ({
    code: 'DIRECTORY_FAILED',
    message: expect.stringMatching(message),
  })
  await expect(contactsFromTable({ ...options, table: 'custmers' }).check()).rejects.toMatchObject(
    failing(/schema and table is ".+\.custmers"; expected the name of a table/),
  )
  const { schema: _, ...unqualified } = options
  await expect(contactsFromTable({ ...unqualified, table: 'crm.customers' }).check()).rejects.toMatchObject(
    failing(/schema: "crm", table: "customers", perhaps/),
  )
  await expect(contactsFromTable({ ...options, tags: 'plan' }).check()).rejects.toMatchObject(
    failing(/contactsFromTable\.tags is "plan"; .+ and this one is text/),
  )
  const contacts = contactsFromTable({ ...options, fields: { stage: 'stagee' } })
  await expect(contacts.get('ada')).rejects.toMatchObject(
    failing(/contactsFromTable\.fields\.stage is "stagee"; expected a column of customers, which has "id", "zone".+/),
  )
  await pool.query(`ALTER TABLE "${schema}".customers ADD stagee text`)
  expect(await contacts.get('ada')).toBe(null)
  await pool.query(`ALTER TABLE "${schema}".customers DROP stagee`)
  await expect(contacts.get('ada')).rejects.toThrow('stagee')
  await expect(contacts.get('ada')).rejects.toMatchObject(failing(/expected a column of customers/))
})

it('START-6: within the transaction the row that was just inserted is a contact, and outside it is not', async () => {
  const { schema, engine, begin } = await givenHost(server)
  const client = await begin()
  const contacts = contactsFromTable({ client, schema, table: 'customers', id: 'id' })
  await client.query(`INSERT INTO "${schema}".customers VALUES ('ada'), ('bob')`)
  const verbs = engine.withTransaction(client, { contacts: contacts.within(client) })
  // At once: statements of the store and of the directory share the connection.
  const answers = await Promise.all(['ada', 'bob', 'eve'].map((id) => verbs.startSequence(order(id))))
  expect(answers.map(({ _tag }) => _tag)).toEqual(['Right', 'Right', 'Left'])
  await client.query('COMMIT')
  expect(await engine.inspect.history('ada')).toHaveLength(1)
})

it('an engine tells of a wrong column in its own fault, and two rows of one contact are refused', async () => {
  const { schema, client, pool } = await givenTables((s) => `CREATE TABLE ${s}.c (id text)`)
  const { store } = await givenHost(server)
  const wrong = createEngine({
    store,
    handlers: {},
    contacts: contactsFromTable({ client, schema, table: 'c', id: 'key' }),
  })
  onTestFinished(() => wrong.close())
  await expect(wrong.startSequence(order('ada'))).rejects.toMatchObject({
    code: 'DIRECTORY_FAILED',
    message: expect.stringContaining('contactsFromTable.id is "key"; expected a column of c, which has "id"'),
  })
  await pool.query(`INSERT INTO "${schema}".c VALUES ('ada'), ('bob'), ('bob')`)
  const twice = createEngine({
    store,
    handlers: {},
    contacts: contactsFromTable({ client, schema, table: 'c', id: 'id' }),
  })
  onTestFinished(() => twice.close())
  orThrow(await twice.startSequence(order('ada')))
  await expect(twice.startSequence(order('bob'))).rejects.toThrow('each value in one row')
})

it('options that cannot be are refused with their place', () => {
  const client = { query: async () => [] }
  const given = (options: object) => () => contactsFromTable({ client, table: 'c', id: 'id', ...options })
  expect(given({ client: {} })).toThrow('contactsFromTable.client has no method query')
  expect(given({ table: '' })).toThrow('contactsFromTable.table is ""')
  expect(given({ id: 7 })).toThrow('contactsFromTable.id is 7')
  expect(given({ fields: { plan: null } })).toThrow('contactsFromTable.fields.plan is null')
  expect(given({ fields: 'plan' })).toThrow('contactsFromTable.fields is "plan"')
  expect(given({ search: 'name' })).toThrow('contactsFromTable.search is "name"')
})
