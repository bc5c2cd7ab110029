import { DatabaseSync } from 'node:sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { contactsFromTable } from './contacts-from-table.ts'

function givenTable(...statements: readonly string[]) {
  const database = new DatabaseSync(':memory:')
  onTestFinished(() => database.close())
  for (const statement of statements) database.exec(statement)
  return database
}

it('a row becomes facts: zone, tags of a JSON list, and fields by the type of their column', async () => {
  const database = givenTable(
    `CREATE TABLE "Kund?en" ("i""d" TEXT PRIMARY KEY, zone, labels, plan, vip BOOLEAN, more JSON)`,
    `INSERT INTO "Kund?en" VALUES ('ada', 'Europe/Berlin', '["vip"]', 'gold', 1, '{"a":[1]}'),
      ('it''s "q"', NULL, NULL, NULL, NULL, NULL), ('bad', NULL, 'vip', NULL, NULL, NULL)`,
  )
  const contacts = contactsFromTable({
    database,
    table: 'Kund?en',
    id: 'i"d',
    timeZone: 'zone',
    tags: 'labels',
    fields: ['plan', 'vip', 'more'],
  })
  expect([...(await contacts.getMany(['ada', 'eve', `it's "q"`]))]).toEqual([
    ['ada', { timeZone: 'Europe/Berlin', tags: ['vip'], fields: { plan: 'gold', vip: true, more: { a: [1] } } }],
    [`it's "q"`, { fields: {} }],
  ])
  expect(await contacts.get('eve')).toBe(null)
  expect(() => contacts.get('bad')).toThrow('contactsFromTable.tags is "labels"; expected a column that holds JSON')
})

it('an id that is a number is found by its own text alone, through the index', async () => {
  const database = givenTable('CREATE TABLE c (id INTEGER PRIMARY KEY)', 'INSERT INTO c VALUES (42)')
  const contacts = contactsFromTable({ database, table: 'c', id: 'id' })
  expect([...(await contacts.getMany(['42', '042', '42.0', 'x', ' 42'])).keys()]).toEqual(['42'])
})

it('a search finds a part of any of its columns, literally, in pages', async () => {
  const database = givenTable(
    'CREATE TABLE c (id TEXT, name TEXT, mail TEXT)',
    `INSERT INTO c VALUES ('b', '100% Ada', NULL), ('a', 'x', 'ADA@x.example'), ('c', 'bob', 'b'), ('d', NULL, 'ada')`,
  )
  const contacts = contactsFromTable({ database, schema: 'main', table: 'c', id: 'id', search: ['name', 'mail'] })
  expect(await contacts.search?.('ada', { after: null, limit: 2 })).toEqual({ contacts: ['a', 'b'], next: 'b' })
  expect(await contacts.search?.('ada', { after: 'b', limit: 2 })).toEqual({ contacts: ['d'], next: null })
  expect(await contacts.search?.('_ob', { after: null, limit: 2 })).toEqual({ contacts: [], next: null })
})

it('a wrong name is told with what there is, and works once it is there', () => {
  const database = givenTable('CREATE TABLE c (id TEXT, plan TEXT)', `INSERT INTO c VALUES ('ada', 'gold')`)
  const contacts = contactsFromTable({ database, table: 'c', id: 'id', fields: { plan: 'plann' } })
  expect(() => contacts.check()).toThrow(
    'contactsFromTable.fields.plan is "plann"; expected a column of c, which has "id", "plan"; did you mean "plan"?',
  )
  database.exec('ALTER TABLE c ADD plann TEXT')
  expect(contacts.get('ada')).toEqual({ fields: {} })
  expect(() => contactsFromTable({ database, table: 'd', id: 'id' }).check()).toThrow('expected the name of a table')
  expect(() => contactsFromTable({ database: {} as never, table: 'd', id: 'id' })).toThrow('has no method prepare')
})
