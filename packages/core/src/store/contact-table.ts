/** A directory of contacts in a table of the host's: which columns are meant, checked, and how a row becomes facts. */
import { EnfoldFault } from '../fault.ts'
import type { JsonValue } from '../json.ts'
import { nearest } from '../nearest.ts'
import type { Facts } from '../ports/host.ts'

/** Which columns of a table say what of a contact. Names are as the database has them, and need no quotes. */
export interface ContactColumns {
  /** A table, or a view for a join, a condition or a computed field. Names are as the database has them, unquoted. */
  readonly table: string
  /** Where the table is, if the connection would not find it by its name alone. */
  readonly schema?: string
  /** The column with the contact's id: text, whole numbers (42 is the contact "42") or UUIDs. Unique; index it. */
  readonly id: string
  /** The column with an IANA name. Null or "": the campaign's time zone. */
  readonly timeZone?: string
  /** The column with the tags: an array or `jsonb` in PostgreSQL, a JSON list in SQLite. */
  readonly tags?: string
  /** Columns that conditions and timers read: a list of columns, or the column by the name of its field. */
  readonly fields?: readonly string[] | { readonly [field: string]: string }
  /** Columns in which operators search for a part of their text. Left out: they cannot search in this directory. */
  readonly search?: readonly string[]
}

/** The columns, each known to be given as a name. */
export interface ContactTable {
  readonly table: string
  readonly schema: string | null
  readonly id: string
  readonly timeZone: string | null
  readonly tags: string | null
  readonly fields: readonly (readonly [field: string, column: string])[]
  readonly search: readonly string[]
  /** Each column with its place in the options, for messages. */
  readonly named: readonly (readonly [place: string, column: string])[]
}

const PATH = 'contactsFromTable'

/** @throws EnfoldFault `INVALID_INPUT` */
export function contactTableOf(given: ContactColumns): ContactTable {
  const { table, schema, id, timeZone, tags, fields = [], search = [] } = given
  checkName('table', table)
  if (schema !== undefined) checkName('schema', schema)
  if (typeof fields !== 'object' || fields === null)
    throw EnfoldFault.invalidInput(`${PATH}.fields`, fields, 'a list of columns, or { field: column }')
  if (!Array.isArray(search)) throw EnfoldFault.invalidInput(`${PATH}.search`, search, 'a list of columns')
  const isList = Array.isArray(fields)
  const pairs = isList ? fields.map((column) => [column, column] as const) : Object.entries(fields)
  const named = [
    ['id', id] as const,
    ...(timeZone === undefined ? [] : [['timeZone', timeZone] as const]),
    ...(tags === undefined ? [] : [['tags', tags] as const]),
    ...pairs.map(([field, column], i) => [isList ? `fields[${i}]` : `fields.${field}`, column] as const),
    ...search.map((column, i) => [`search[${i}]`, column] as const),
  ]
  for (const [place, column] of named) checkName(place, column)
  return {
    table,
    schema: schema ?? null,
    id,
    timeZone: timeZone ?? null,
    tags: tags ?? null,
    fields: pairs,
    search,
    named,
  }
}

function checkName(place: string, name: unknown): void {
  if (typeof name !== 'string' || name === '' || name.includes('\u0000'))
    throw EnfoldFault.invalidInput(`${PATH}.${place}`, name, 'the name of one, as the database has it')
}

/**
 * @param found the columns that the table has; none: there is no such table
 * @throws EnfoldFault `DIRECTORY_FAILED` for a table or a column that is not there
 */
export function checkColumns({ table, schema, named }: ContactTable, found: Iterable<string>): void {
  const columns = new Set(found)
  if (columns.size === 0) {
    const dotted = schema === null && table.includes('.') ? `: ${splitAdvice(table)}` : ''
    const place = schema === null ? 'table' : 'schema and table'
    const name = schema === null ? table : `${schema}.${table}`
    throw wrongTable(place, name, `the name of a table or view that the connection sees${dotted}`)
  }
  const missing = named.find(([, column]) => !columns.has(column))
  if (missing === undefined) return
  const [place, column] = missing
  const near = nearest(column, columns)
  const meant = near === undefined ? '' : `; did you mean ${JSON.stringify(near)}?`
  const names = [...columns].map((one) => JSON.stringify(one)).join(', ')
  throw wrongTable(place, column, `a column of ${table}, which has ${names}${meant}`)
}

/** The table is not as the options say. @param place of the option */
export function wrongTable(place: string, name: string, expected: string): EnfoldFault {
  const path = `${PATH}.${place}`
  return new EnfoldFault('DIRECTORY_FAILED', `${path} is ${JSON.stringify(name)}; expected ${expected}.`, {
    path,
    expected,
  })
}

function splitAdvice(table: string): string {
  const [schema = '', ...rest] = table.split('.')
  return `schema: ${JSON.stringify(schema)}, table: ${JSON.stringify(rest.join('.'))}, perhaps`
}

/** Quotes a name for a statement: it may hold anything. */
export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * What a row says of its contact. The directory's form is checked by the engine, so a value may be of any kind here.
 *
 * @param values of the fields, in their order
 */
export function factsOfRow(
  { fields }: ContactTable,
  row: { readonly timeZone: unknown; readonly tags: unknown; readonly values: readonly unknown[] },
): Facts {
  const { timeZone, tags, values } = row
  const named = fields.flatMap(([field], i) => (values[i] === null ? [] : [[field, values[i]] as const]))
  return {
    ...(timeZone === null || timeZone === '' ? {} : { timeZone: timeZone as string }),
    ...(tags === null ? {} : { tags: tags as string[] }),
    // Not by assignment: a field may be called `__proto__`. What is null is absent.
    fields: Object.fromEntries(named) as Readonly<Record<string, JsonValue>>,
  }
}

/** @throws EnfoldFault `DIRECTORY_FAILED`: two rows would be one contact */
export function checkOnce(table: ContactTable, id: string, seen: ReadonlyMap<string, unknown>): void {
  if (seen.has(id)) throw wrongTable('id', table.id, 'a column that has each value in one row')
}

/** The text of a search as a pattern of LIKE with `\` as its escape: what stands in it is meant literally. */
export function containing(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`
}
