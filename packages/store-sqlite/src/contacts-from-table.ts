/** A directory of contacts in a table of the host's SQLite database: one statement for many contacts. */
import { type ContactDirectory, type ContactId, EnfoldFault, type Facts } from '@enfold/core'
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

/** A database that is open: `DatabaseSync` of `node:sqlite`, or one of `better-sqlite3`. */
export interface SqliteTables {
  prepare(text: string): { all(...values: (string | number | null)[]): unknown[] }
}

export interface ContactsFromTableOptions extends ContactColumns {
  /** The host's database. It may be another file than the store's. */
  readonly database: SqliteTables
}

/** A directory over a table. */
export interface TableOfContacts extends ContactDirectory {
  get(contactId: ContactId): Facts | null
  getMany(contactIds: readonly ContactId[]): ReadonlyMap<ContactId, Facts>
  /**
   * Looks whether table and columns are there, so that a wrong name is told at the start and not with the first order.
   *
   * @throws EnfoldFault `DIRECTORY_FAILED`, with the columns that there are
   */
  check(): void
}

/**
 * A directory of contacts over a table or a view of a SQLite database: id, time zone, tags and fields are columns. Tags are
 * a JSON list. Columns that were declared as JSON are read as such, those declared as BOOLEAN as true or false. The table is
 * read at each decision, and nothing of it is kept.
 *
 * @throws EnfoldFault `INVALID_INPUT` for options that cannot be; at first use, and by `check()`, `DIRECTORY_FAILED` for
 *   a table or a column that is not there
 * @example
 * const contacts = contactsFromTable({ database, table: 'customers', id: 'id', timeZone: 'zone', fields: ['plan'] })
 * const engine = createEngine({ store, contacts, handlers })
 */
export function contactsFromTable(options: ContactsFromTableOptions): TableOfContacts {
  const { database } = options
  if (typeof database?.prepare !== 'function')
    throw EnfoldFault.unshownInput(
      'contactsFromTable.database',
      'has no method prepare',
      'a database of node:sqlite or better-sqlite3 that is open',
    )
  const table = contactTableOf(options)
  let known: Statements | undefined

  /** Where the table is not as it was, it is looked at again the next time. */
  function asked<T>(ask: (statements: Statements) => T): T {
    try {
      known ??= describe(table, database)
      return ask(known)
    } catch (error) {
      known = undefined
      throw error
    }
  }

  function getMany(contactIds: readonly ContactId[]): ReadonlyMap<ContactId, Facts> {
    return asked(({ select, keysOf, read }) => {
      const found = new Map<ContactId, Facts>()
      for (const row of database.prepare(select).all(JSON.stringify(keysOf(contactIds))) as Row[]) {
        checkOnce(table, row.id, found)
        found.set(row.id as ContactId, read(row))
      }
      return found
    })
  }

  return {
    get: (contactId) => getMany([contactId]).get(contactId) ?? null,
    getMany,
    ...(table.search.length === 0
      ? {}
      : {
          search: async (query, { after, limit }) =>
            asked(({ search }) => {
              const pattern = containing(query)
              const values = [...table.search.map(() => pattern), after, after, limit]
              const contacts = (database.prepare(search).all(...values) as Row[]).map(({ id }) => id as ContactId)
              return { contacts, next: contacts.length < limit ? null : (contacts.at(-1) ?? null) }
            }),
        }),
    check() {
      known = undefined
      asked(() => {})
    },
  }
}

/** By the name of its column; `f0`, `f1` … are the fields. */
type Row = { readonly id: string } & Readonly<Record<string, unknown>>

interface Statements {
  readonly select: string
  readonly search: string
  /** Ids as the column compares them, so that its index is used. */
  keysOf(ids: readonly ContactId[]): readonly (string | number)[]
  read(row: Row): Facts
}

interface Column {
  readonly name: string
  readonly type: string
}

function describe(table: ContactTable, database: SqliteTables): Statements {
  const columns = database
    .prepare('SELECT name, type FROM pragma_table_info(?, ?)')
    .all(table.table, table.schema) as unknown as Column[]
  const types = new Map(columns.map(({ name, type }) => [name, type]))
  checkColumns(table, types.keys())
  const place = [...(table.schema === null ? [] : [table.schema]), table.table].map(quotedName).join('.')
  const id = quotedName(table.id)
  const parts = [
    `CAST(${id} AS TEXT) AS id`,
    ...(table.timeZone === null ? [] : [`${quotedName(table.timeZone)} AS zone`]),
    ...(table.tags === null ? [] : [`${quotedName(table.tags)} AS tags`]),
    ...table.fields.map(([, column], i) => `${quotedName(column)} AS f${i}`),
  ]
  const matches = table.search.map((column) => `CAST(${quotedName(column)} AS TEXT) LIKE ? ESCAPE '\\'`).join(' OR ')
  const isNumber = /INT/i.test(types.get(table.id) ?? '')
  return {
    select: `SELECT ${parts.join(', ')} FROM ${place} WHERE ${id} IN (SELECT value FROM json_each(?))`,
    search: `SELECT CAST(${id} AS TEXT) AS id FROM ${place} WHERE ${id} IS NOT NULL AND (${matches})
      AND (? IS NULL OR CAST(${id} AS TEXT) > ?) ORDER BY CAST(${id} AS TEXT) LIMIT ?`,
    keysOf: (ids) => (isNumber ? ids.filter((one) => /^(0|-?[1-9]\d{0,14})$/.test(one)).map(Number) : ids),
    read: (row) =>
      factsOfRow(table, {
        timeZone: row.zone ?? null,
        tags: table.tags === null ? null : parsed('tags', table.tags, row.tags),
        values: table.fields.map(([field, column], i) =>
          fieldValue(`fields.${field}`, column, types.get(column) ?? '', row[`f${i}`]),
        ),
      }),
  }
}

function fieldValue(place: string, column: string, type: string, value: unknown): unknown {
  if (/^JSONB?$/i.test(type)) return parsed(place, column, value)
  return /^BOOL/i.test(type) && typeof value === 'number' ? value !== 0 : (value ?? null)
}

function parsed(place: string, column: string, value: unknown): unknown {
  if (typeof value !== 'string') return value ?? null
  try {
    return JSON.parse(value)
  } catch {
    // What the parser says would show the value.
    throw wrongTable(place, column, 'a column that holds JSON')
  }
}
