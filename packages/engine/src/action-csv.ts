/** Contacts out of CSV, and an action's results into CSV. What a spreadsheet would run as a formula is made harmless. */
import { EnfoldFault, isLegalId, MAX_ID_LENGTH } from '@enfold/core'
import { type CsvError, parse } from 'csv-parse'
import { stringify } from 'csv-stringify/sync'

/** A whole text, or its pieces as they come; bytes are UTF-8. */
export type CsvInput = string | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>

/** Names that a first line may have for the column of contacts, whatever their case. */
const NAMES: readonly string[] = ['contactid', 'contact_id', 'contact', 'id']

/** No id is longer than this many characters in quotes; a cell that is has no business here. */
const MAX_LINE_LENGTH = 100_000

/**
 * The contact ids of a CSV, line by line, in constant memory. If a cell of the first line is `contactId`, `contact_id`,
 * `contact` or `id`, that line is a header and that column is read; else the first column of every line is. Empty lines
 * are passed over. Of a file of results, as `resultLine` writes it, what was made harmless is undone.
 *
 * @throws EnfoldFault `INVALID_INPUT`, with the line, for what is no CSV and for a cell that is no id
 */
export async function* contactsOfCsv(input: CsvInput, path: string): AsyncGenerator<string> {
  const parser = parse({
    bom: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: MAX_LINE_LENGTH,
  })
  const feeding = feed(parser, typeof input === 'string' ? [input] : input)
  try {
    let column = 0
    let isOurs = false
    let isFirst = true
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (isFirst) {
        isFirst = false
        const header = record.map((cell) => cell.trim().toLowerCase())
        const named = NAMES.map((name) => header.indexOf(name)).find((index) => index >= 0)
        if (named !== undefined) {
          column = named
          isOurs = header.join() === HEADER.join().toLowerCase()
          continue
        }
      }
      const cell = record[column]
      const contactId = isOurs ? withoutMark(cell ?? '') : cell
      if (!isLegalId(contactId))
        throw EnfoldFault.invalidInput(
          `${path}, line ${info.lines}, column ${column + 1}`,
          cell,
          `an id of 1 to ${MAX_ID_LENGTH} characters`,
        )
      yield contactId
    }
  } catch (error) {
    if (error instanceof TypeError) throw EnfoldFault.invalidInput(path, error.message, 'text in UTF-8')
    if (!isCsvError(error)) throw error
    const where = typeof error.lines === 'number' ? `${path}, line ${error.lines}` : path
    throw EnfoldFault.invalidInput(where, error.message, 'comma-separated values')
  } finally {
    parser.destroy()
    await feeding
  }
}

/** Hands the pieces on as fast as they are taken. What goes wrong on the way is thrown to whoever reads. */
async function feed(parser: ReturnType<typeof parse>, pieces: Exclude<CsvInput, string>): Promise<void> {
  // Bytes that are no UTF-8 would become other ids, without a word.
  const decoder = new TextDecoder('utf-8', { fatal: true })
  try {
    for await (const piece of pieces) {
      if (parser.destroyed) return
      const text = typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true })
      if (!parser.write(text)) await roomIn(parser)
    }
    parser.end(decoder.decode())
  } catch (error) {
    parser.destroy(error instanceof Error ? error : new Error(String(error)))
  }
}

function roomIn(parser: ReturnType<typeof parse>): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['drain', 'close', 'error'] as const) parser.once(event, () => resolve())
  })
}

function isCsvError(error: unknown): error is CsvError {
  return error instanceof Error && String((error as { code?: unknown }).code).startsWith('CSV_')
}

const HEADER = ['contactId', 'outcome', 'run', 'reason'] as const

/** The first line of a file of results. */
export const resultHeader = (): string => stringify([HEADER])

/** One line of a file of results; lines end with a line feed. */
export function resultLine(cells: readonly [string, string, number | null, string | null]): string {
  return stringify([cells.map((cell) => (typeof cell === 'string' ? withMark(cell) : cell))])
}

// What spreadsheets take for a formula, also in full width, and the mark itself, so that it can be undone.
const DANGEROUS = /^['=+\-@\t\r\n＝＋－＠]/u
const MARKED = /^'['=+\-@\t\r\n＝＋－＠]/u

function withMark(cell: string): string {
  return DANGEROUS.test(cell) ? `'${cell}` : cell
}

function withoutMark(cell: string): string {
  return MARKED.test(cell) ? cell.slice(1) : cell
}
