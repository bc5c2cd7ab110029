/** A directory of contacts in a table of the host's: one statement for many contacts, also in the host's transaction. */
import { type ContactDirectory, type ContactId, EnfoldFault, type Facts, type TransactionClient } from '@enfold/core'
import {
  type ContactColumns,
  type ContactTable,
  checkColumns,
  checkOnce,
  contactTableOf,
  containing,
  factsOfRow,
  quotedName,
  wrongTable,
} from '@enfold/core/store'
import { mutexOf, rowsOf } from './host-transaction.ts'
import { textArray } from './pg-text.ts'

export interface ContactsFromTableOptions extends ContactColumns {
  /** Where the table is asked: a `Pool` of pg, a data source of TypeORM, or what else has `query(text, values)`. */
  readonly client: TransactionClient
}

/** A directory over a table, and the same directory inside a transaction. */
export interface TableOfContacts extends ContactDirectory {
  get(contactId: ContactId): Promise<Facts | null>
  getMany(contactIds: readonly ContactId[]): Promise<ReadonlyMap<ContactId, Facts>>
  /**
   * The same directory, asked on a client that has a transaction open: it sees rows that are not committed yet.
   *
   * @example
   * engine.withTransaction(client, { contacts: contacts.within(client) })
   */
  within(client: TransactionClient): TableOfContacts
  /**
   * Looks whether table and columns are there, so that a wrong name is told at the start and not with the first order.
   *
   * @throws EnfoldFault `DIRECTORY_FAILED`, with the columns that there are
   */
  check(): Promise<void>
}

type Ask = <Row extends object>(text: string, values: (string | null)[]) => Promise<readonly Row[]>

/**
 * A directory of contacts over a table or a view of a PostgreSQL database: id, time zone, tags and fields are columns.
 * Times with a zone are read as instants in UTC, days as `2026-03-01`, arrays and `jsonb` as they are. The table is read
 * at each decision, and nothing of it is kept.
 *
 * @throws EnfoldFault `INVALID_INPUT` for options that cannot be; at first use, and by `check()`, `DIRECTORY_FAILED` for
 *   a table or a column that is not there
 * @example
 * const contacts = contactsFromTable({
 *   client: pool, table: 'customers', id: 'id', timeZone: 'time_zone', tags: 'labels', fields: ['plan', 'birthday'],
 * })
 * const engine = createEngine({ store, contacts, handlers })
 */
export function contactsFromTable(options: ContactsFromTableOptions): TableOfContacts {
  const { client } = options
  if (typeof client?.query !== 'function')
    throw EnfoldFault.unshownInput(
      'contactsFromTable.client',
      'has no method query',
      'a Pool of pg, or an object with query(text, values)',
    )
  return directoryOn(client, contactTableOf(options), createCatalogue())
}

function directoryOn(client: TransactionClient, table: ContactTable, catalogue: Catalogue): TableOfContacts {
  const rowsOfClient = async (text: string, values: (string | null)[]) =>
    rowsOf(await client.query(text, values), 'contactsFromTable.client.query')
  const ask = rowsOfClient as Ask
  const statements = () => catalogue.statements(table, ask)

  async function getMany(contactIds: readonly ContactId[]): Promise<ReadonlyMap<ContactId, Facts>> {
    const { select, canBe } = await statements()
    const ids = contactIds.filter(canBe)
    const found = new Map<ContactId, Facts>()
    if (ids.length === 0) return found
    for (const row of await catalogue.asked(() => ask<Row>(select, [textArray(ids)]))) {
      checkOnce(table, row.id, found)
      found.set(row.id as ContactId, factsOf(table, row))
    }
    return found
  }

  return {
    get: async (contactId) => (await getMany([contactId])).get(contactId) ?? null,
    getMany,
    ...(table.search.length === 0
      ? {}
      : {
          async search(query, { after, limit }) {
            const { search } = await statements()
            const values = [containing(query), after, String(limit)]
            const rows = await catalogue.asked(() => ask<Row>(search, values))
            const contacts = rows.map(({ id }) => id as ContactId)
            return { contacts, next: contacts.length < limit ? null : (contacts.at(-1) ?? null) }
          },
        }),
    within(bound) {
      const exclusively = mutexOf(bound)
      return directoryOn({ query: (text, values) => exclusively(() => bound.query(text, values)) }, table, catalogue)
    },
    async check() {
      catalogue.forget()
      await statements()
    },
  }
}

/** By the name of its column; `f0`, `f1` … are the fields. Each is a text or null. */
type Row = { readonly id: string } & Readonly<Record<string, string | null>>

function factsOf(table: ContactTable, row: Row): Facts {
  const parsed = (text: string | null | undefined): unknown => (text == null ? null : JSON.parse(text))
  return factsOfRow(table, {
    timeZone: row.zone ?? null,
    tags: parsed(row.tags),
    values: table.fields.map((_, i) => parsed(row[`f${i}`])),
  })
}

interface Statements {
  readonly select: string
  readonly search: string
  /** Whether the column could hold this id at all; the server would refuse the whole statement. */
  canBe(id: ContactId): boolean
}

interface Catalogue {
  statements(table: ContactTable, ask: Ask): Promise<Statements>
  /** A statement over the table: where it is not as it was, the catalogue is read again the next time. */
  asked<T>(statement: () => Promise<T>): Promise<T>
  forget(): void
}

/** What the table looks like is asked once, whichever connection comes first. */
function createCatalogue(): Catalogue {
  let known: Promise<Statements> | undefined
  const forget = () => {
    known = undefined
  }
  return {
    statements(table, ask) {
      known ??= describe(table, ask).catch((error) => {
        forget()
        throw error
      })
      return known
    },
    async asked(statement) {
      try {
        return await statement()
      } catch (error) {
        forget()
        throw error
      }
    },
    forget,
  }
}

interface Column {
  readonly name: string
  readonly type: string
  readonly category: string
}

async function describe(table: ContactTable, ask: Ask): Promise<Statements> {
  const place = [...(table.schema === null ? [] : [table.schema]), table.table].map(quotedName).join('.')
  // A domain counts as what it is made of.
  const columns = await ask<Column>(
    `SELECT a.attname::text AS name, b.oid::regtype::text AS type, b.typcategory::text AS category
     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
       JOIN pg_type b ON b.oid = CASE t.typbasetype WHEN 0 THEN t.oid ELSE t.typbasetype END
     WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [place],
  )
  const byName = new Map(columns.map((column) => [column.name, column]))
  checkColumns(table, byName.keys())
  const column = (name: string) => byName.get(name) as Column
  if (table.tags !== null) checkTags(column(table.tags))
  const id = quotedName(table.id)
  const { cast, canBe } = idAs(column(table.id).type)
  const parts = [
    `${id}::text AS id`,
    ...(table.timeZone === null ? [] : [`${quotedName(table.timeZone)}::text AS zone`]),
    ...(table.tags === null ? [] : [`to_jsonb(${quotedName(table.tags)})::text AS tags`]),
    ...table.fields.map(([, name], i) => `${asJson(column(name))}::text AS f${i}`),
  ]
  const matches = table.search.map((name) => `${quotedName(name)}::text ILIKE $1`).join(' OR ')
  return {
    select: `SELECT ${parts.join(', ')} FROM ${place} WHERE ${cast === null ? `${id}::text` : id} = ANY ($1::text[]${cast ?? ''})`,
    search: `SELECT ${id}::text AS id FROM ${place} WHERE ${id} IS NOT NULL AND (${matches})
      AND ($2::text IS NULL OR ${id}::text COLLATE "C" > $2::text)
      ORDER BY ${id}::text COLLATE "C" LIMIT $3::text::integer`,
    canBe,
  }
}

/** As the column compares, so that its index is used. */
function idAs(type: string): { readonly cast: string | null; canBe(id: ContactId): boolean } {
  // No text of PostgreSQL holds U+0000.
  const isText = (id: string) => !id.includes('\u0000')
  if (type === 'text' || type === 'character varying') return { cast: '', canBe: isText }
  if (/^(smallint|integer|bigint)$/.test(type))
    return { cast: '::bigint[]', canBe: (id) => /^(0|-?[1-9]\d{0,17})$/.test(id) }
  if (type === 'uuid')
    return { cast: '::uuid[]', canBe: (id) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) }
  return { cast: null, canBe: isText }
}

function asJson({ name, type }: Column): string {
  const column = quotedName(name)
  // As an instant, whatever the time zone of the session.
  if (type === 'timestamp with time zone')
    return `to_jsonb(to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`
  return `to_jsonb(${column})`
}

function checkTags({ name, type, category }: Column): void {
  if (category === 'A' || type === 'json' || type === 'jsonb') return
  throw wrongTable('tags', name, `a column that holds lists: an array, json or jsonb, and this one is ${type}`)
}
