/** Reads the contacts of a CSV file: what a CRM knows of people, of which the engine sees ids and facts only. */
import { readFileSync } from 'node:fs'
import { type CsvError, parse } from 'csv-parse/sync'
import { type ContactId, type Facts, isLegalId, type JsonValue } from 'enfold'
import { show } from 'enfold/core'
import type { Read, WrongLine } from './wrong-line.ts'

export interface Contact {
  readonly id: ContactId
  readonly name: string
  /** '': there is none, and no mail is sent. */
  readonly email: string
  readonly facts: Facts
}

const REQUIRED = ['id', 'name', 'email']

/**
 * Columns `id`, `name` and `email`; `timeZone` and `tags` (with `;` between them) may be left out. Each further column
 * is a field of the contact, for conditions and timers: a number if it reads as one, else a text; empty: no such field.
 * A zone is not checked here: the engine falls back on the campaign's, and says so in its events.
 */
export function readContacts(file: string): Read<ReadonlyMap<ContactId, Contact>> {
  const contacts = new Map<ContactId, Contact>()
  const wrong: WrongLine[] = []
  const lineOfId = new Map<string, number>()
  const { rows, broken } = parsed(readFileSync(file, 'utf8'))
  const [header, ...body] = rows
  for (const { line, reason } of broken) wrong.push({ file, line, reason })
  for (const reason of header === undefined ? ['has no header'] : headerProblems(header.cells))
    wrong.push({ file, line: header?.line ?? 1, reason })
  if (wrong.length > 0 || header === undefined) return { value: contacts, wrong }

  for (const { cells, line } of body) {
    const reasons: string[] = []
    if (cells.length !== header.cells.length)
      reasons.push(`has ${cells.length} columns; expected ${header.cells.length}, as in the header`)
    else {
      const row = new Map(header.cells.map((column, i) => [column, (cells[i] as string).trim()]))
      const contact = contactOf(row)
      reasons.push(...rowProblems(contact))
      const first = lineOfId.get(contact.id)
      if (first !== undefined) reasons.push(`id ${show(contact.id)} stands on line ${first} already`)
      lineOfId.set(contact.id, first ?? line)
      contacts.set(contact.id, contact)
    }
    for (const reason of reasons) wrong.push({ file, line, reason })
  }
  return { value: contacts, wrong }
}

function parsed(text: string) {
  const broken: { readonly line: number; readonly reason: string }[] = []
  const brokenBy = ({ lines, message }: CsvError) => broken.push({ line: Number(lines ?? 1), reason: message })
  try {
    const records = parse(text, {
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      skip_records_with_error: true,
      on_skip: (error) => {
        if (error !== undefined) brokenBy(error)
      },
    }) as unknown as { readonly record: string[]; readonly info: { readonly lines: number } }[]
    return { rows: records.map(({ record, info }) => ({ cells: record, line: info.lines })), broken }
  } catch (error) {
    brokenBy(error as CsvError)
    return { rows: [], broken }
  }
}

function headerProblems(columns: readonly string[]): string[] {
  const missing = REQUIRED.filter((column) => !columns.includes(column))
  const twice = columns.filter((column, i) => columns.indexOf(column) !== i)
  return [
    ...missing.map((column) => `has no column ${show(column)}`),
    ...twice.map((column) => `has the column ${show(column)} twice`),
    ...(columns.includes('') ? ['has a column without a name'] : []),
  ]
}

function contactOf(row: ReadonlyMap<string, string>): Contact {
  const cell = (column: string) => row.get(column) ?? ''
  const fields: [string, JsonValue][] = []
  for (const [column, text] of row)
    if (!['id', 'name', 'email', 'timeZone', 'tags'].includes(column) && text !== '')
      fields.push([column, /^-?(0|[1-9]\d*)(\.\d+)?$/.test(text) ? Number(text) : text])
  const facts: Facts = {
    ...(cell('timeZone') === '' ? {} : { timeZone: cell('timeZone') }),
    tags: cell('tags')
      .split(';')
      .filter((tag) => tag !== ''),
    fields: Object.fromEntries(fields),
  }
  return { id: cell('id'), name: cell('name'), email: cell('email'), facts }
}

function rowProblems({ id, email, facts }: Contact): string[] {
  const { spend, birthday } = facts.fields ?? {}
  const problems: string[] = []
  if (!isLegalId(id)) problems.push(`id is ${show(id)}; expected 1 to 200 characters`)
  if (email !== '' && !/^[^\s@<>(),;:"]+@[^\s@<>(),;:"]+$/.test(email))
    problems.push(`email is ${show(email)}; expected one address, such as "ann@example.com", or nothing`)
  if (spend !== undefined && (typeof spend !== 'number' || spend < 0))
    problems.push(`spend is ${show(spend)}; expected a number from 0`)
  if (birthday !== undefined && !isDate(birthday))
    problems.push(`birthday is ${show(birthday)}; expected a date such as "1980-02-29"`)
  return problems
}

function isDate(value: JsonValue): boolean {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(value)) return false
  const date = new Date(`${value}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(value)
}
