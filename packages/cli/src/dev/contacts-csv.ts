/** Contacts out of a CSV file. Whatever is wrong in it is told by its line, all of it at once. */
import { type ContactId, type Facts, isLegalId, isTimeZone, type JsonValue, show, typedVariable } from '@enfold/core'
import { type CsvError, parse } from 'csv-parse/sync'
import type { People } from './people.ts'

export interface WrongLine {
  /** 1 for the first. */
  readonly line: number
  readonly reason: string
}

interface Row {
  readonly line: number
  readonly cells: readonly string[]
}

const ID = ['id', 'contactId']

/**
 * The first line names the columns: `id` (or `contactId`), if there are any `timeZone` and `tags` (with `;` or `|` between
 * them), and fields of any other name. A cell that reads as a number, `true` or `false` is one; in quotes of JSON it is a
 * text. An empty cell is no field. Cells stand between commas, semicolons or tabs, whichever the first line has most of.
 */
export function contactsIn(text: string): { readonly people: People; readonly wrong: readonly WrongLine[] } {
  const people = new Map<ContactId, Facts>()
  const { rows, wrong } = rowsOf(text)
  const [header, ...body] = rows
  const columns = (header?.cells ?? []).map((cell) => cell.trim())
  for (const reason of header === undefined ? ['has no first line that names columns'] : headerProblems(columns))
    wrong.push({ line: header?.line ?? 1, reason })
  if (wrong.length > 0) return { people, wrong }
  const lineOf = new Map<ContactId, number>()
  for (const { cells, line } of body) {
    const read = contactOf(columns, cells)
    const first = lineOf.get(read.id)
    const again = first === undefined ? [] : [`has the id ${show(read.id)}, which line ${first} has already`]
    for (const reason of [...read.problems, ...again]) wrong.push({ line, reason })
    lineOf.set(read.id, first ?? line)
    people.set(read.id, read.facts)
  }
  return { people, wrong }
}

function rowsOf(text: string): { readonly rows: readonly Row[]; readonly wrong: WrongLine[] } {
  const wrong: WrongLine[] = []
  const brokenBy = ({ lines, message }: CsvError) => wrong.push({ line: Number(lines ?? 1), reason: message })
  const [first = ''] = text.split(/\r\n|\n|\r/, 1)
  const counted = [',', ';', '\t'].map((delimiter) => ({ delimiter, count: first.split(delimiter).length }))
  const { delimiter } = counted.toSorted((a, b) => b.count - a.count)[0] ?? { delimiter: ',' }
  try {
    const records = parse(text, {
      bom: true,
      delimiter,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      skip_records_with_error: true,
      on_skip: (error) => {
        if (error !== undefined) brokenBy(error)
      },
    }) as unknown as { readonly record: string[]; readonly info: { readonly lines: number } }[]
    return { rows: records.map(({ record, info }) => ({ cells: record, line: info.lines })), wrong }
  } catch (error) {
    brokenBy(error as CsvError)
    return { rows: [], wrong }
  }
}

function headerProblems(columns: readonly string[]): readonly string[] {
  const ids = columns.filter((column) => ID.includes(column))
  const twice = columns.filter((column, i) => columns.indexOf(column) !== i)
  return [
    ...(ids.length === 0 ? ['names no column id; expected a first line such as id,timeZone,tags,name,email'] : []),
    ...(ids.length > 1 ? ['names several columns for the id'] : []),
    ...[...new Set(twice)].map((column) => `names the column ${show(column)} twice`),
    ...(columns.includes('') ? ['has a column without a name'] : []),
  ]
}

function contactOf(columns: readonly string[], cells: readonly string[]) {
  const problems: string[] = []
  const fields: [string, JsonValue][] = []
  let id = ''
  let facts: Facts = {}
  if (cells.length !== columns.length)
    problems.push(`has ${cells.length} cells; expected ${columns.length}, as many as the first line names`)
  for (const [i, column] of columns.entries()) {
    const cell = (cells[i] ?? '').trim()
    if (ID.includes(column)) id = cell
    else if (cell === '') continue
    else if (column === 'timeZone') facts = { ...facts, timeZone: cell }
    else if (column === 'tags') facts = { ...facts, tags: cell.split(/[;|]/).flatMap((tag) => tag.trim() || []) }
    else {
      const value = typedVariable(cell)
      if (value === null) problems.push(`has ${show(cell)} as ${column}; expected a text, a number, true or false`)
      else fields.push([column, value])
    }
  }
  if (!isLegalId(id)) problems.push(`has the id ${show(id)}; expected 1 to 200 characters`)
  if (facts.timeZone !== undefined && !isTimeZone(facts.timeZone))
    problems.push(`has the time zone ${show(facts.timeZone)}; expected a name such as "Europe/Berlin"`)
  return { id, problems, facts: { ...facts, fields: Object.fromEntries(fields) } }
}
