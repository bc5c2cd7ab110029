/**
 * The one reader of lists of contacts: for the API, the console and the command line. It reads ids out of delimited
 * text in constant memory, and refuses what could be read in two ways: a wrong id would stay in the log.
 */
import { type ActionItem, EnfoldFault, isLegalId, MAX_ID_LENGTH } from '@enfold/core'
import { type CastingContext, CsvError, parse } from 'csv-parse'
import { parse as parseSync } from 'csv-parse/sync'
import { isResultHeader, withoutMarks } from './action-csv.ts'

/** A whole text, or its pieces as they come; bytes are UTF-8. */
export type CsvInput = string | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>

/** What keeps a list from filling the memory. */
export interface ListLimits {
  /** Cells of one line. */
  readonly columns: number
  /** Lines of the whole list. */
  readonly records: number
}

export interface ListOptions {
  /** The name of the column of ids, as the first line has it. Default: `contactId`, else `id`. */
  readonly column?: string
  /**
   * The name of a column of keys, for a sequence with keys: each line names a contact for its key (KEY-2), and where that
   * cell is empty the contact alone. Default: none is read.
   */
  readonly keyColumn?: string
}

const LIMITS: ListLimits = { columns: 1000, records: 5_000_000 }

/** Characters of one line. */
const MAX_LINE_LENGTH = 100_000
/** The parser holds the lines of one piece at once, so a long text is handed to it in pieces of this length. */
const PIECE_LENGTH = 8192

const DELIMITERS = [',', ';', '\t'] as const
const RECORD_DELIMITERS = ['\r\n', '\n', '\r']
const PARSING = {
  record_delimiter: RECORD_DELIMITERS,
  relax_column_count: true,
  // A quote within a cell that has none at its start is a character like any other: 5" pipe.
  relax_quotes: true,
}

/**
 * The contact ids of a list, line by line. One column needs no header; a first line that looks like
 * one, and names no column that is known, is refused. Of several columns, the first line must name the one to read:
 * `contactId` (or `contact_id`, `Contact ID`), else `id`, or what `column` says. The delimiter is the one that the first
 * line is made of: comma, semicolon or tab. Blanks around a cell are cut off, empty lines are passed over. Of a file of results, as `resultLine` writes it, cells are read exactly as they were written.
 *
 * @throws EnfoldFault `INVALID_INPUT` with the line, for whatever can be read in two ways or is no id. No cell is
 *   repeated in the message: it may be somebody's name
 */
export async function* contactsOfCsv(
  input: CsvInput,
  path: string,
  { column }: Pick<ListOptions, 'column'> = {},
  limits: ListLimits = LIMITS,
): AsyncGenerator<string> {
  for await (const item of itemsOfCsv(input, path, column === undefined ? {} : { column }, limits))
    yield typeof item === 'string' ? item : item.contactId
}

/**
 * As `contactsOfCsv`, with the key of each line where a column of keys is named.
 *
 * @param defaultKeyColumn is read where no other is named, and the first line has it
 */
export async function* itemsOfCsv(
  input: CsvInput,
  path: string,
  { column, keyColumn }: ListOptions = {},
  limits: ListLimits = LIMITS,
  defaultKeyColumn: string | null = null,
): AsyncGenerator<ActionItem> {
  const pieces = decoded(typeof input === 'string' ? [input] : input, path)[Symbol.asyncIterator]()
  try {
    const head = await headOf(pieces)
    const shape = withKeys(shapeOf(head, path, column), `${path}, line ${head.number}`, keyColumn, defaultKeyColumn)
    const items = itemsOf(head.text, pieces, shape, path, limits)
    // Without a first line of names there is one column, of ids alone.
    if (shape.header === null) yield* withoutOddHeader(idsOf(items), `${path}, line ${head.number}`)
    else yield* items
  } finally {
    await pieces.return?.()
  }
}

// --- Text -----------------------------------------------------------------------------------------------------------

type Pieces = AsyncIterator<string, void>

/** Bytes that are no UTF-8 would become other ids, without a word. */
async function* decoded(pieces: Exclude<CsvInput, string>, path: string): AsyncGenerator<string, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const textOf = (bytes?: Uint8Array) => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true })
    } catch {
      throw refused(path, 'is not text in UTF-8', 'text in UTF-8; spreadsheets call it "CSV UTF-8"')
    }
  }
  let text = ''
  let isFirst = true
  // Many small pieces are put together: what looks at them looks at a whole one each time.
  function* whole(isEnd: boolean) {
    if (text.length < PIECE_LENGTH && !isEnd) return
    if (isFirst) text = text.replace(/^\uFEFF/, '')
    isFirst = false
    const end = isEnd ? text.length : wholeEnd(text, text.length)
    const ready = text.slice(0, end)
    if (!ready.isWellFormed()) throw refused(path, 'holds half a character', 'well-formed text')
    yield* slicesOf(ready)
    text = text.slice(end)
  }
  for await (const piece of pieces) {
    text += typeof piece === 'string' ? piece : textOf(piece)
    yield* whole(false)
  }
  text += textOf()
  yield* whole(true)
}

function* slicesOf(text: string): Generator<string, void> {
  for (let at = 0; at < text.length; ) {
    const end = wholeEnd(text, Math.min(text.length, at + PIECE_LENGTH))
    yield text.slice(at, end)
    at = end
  }
}

/** Not between the halves of a character: the parser encodes each slice by itself. */
function wholeEnd(text: string, end: number): number {
  return /[\ud800-\udbff]/.test(text[end - 1] ?? '') ? end - 1 : end
}

/** What was read to see the first line that is not empty, and that line. */
interface Head {
  readonly text: string
  readonly line: string
  /** Its number, from 1. */
  readonly number: number
}

async function headOf(pieces: Pieces): Promise<Head> {
  let text = ''
  for (let isOver = false; ; ) {
    const found = firstLineOf(text)
    if (isOver || found.isWhole || text.length > MAX_LINE_LENGTH) return { text, ...found }
    const next = await pieces.next()
    if (next.done === true) isOver = true
    else text += next.value
  }
}

/** The first line that is not empty, up to an end of line that is not within quotes. */
function firstLineOf(text: string): Omit<Head, 'text'> & { readonly isWhole: boolean } {
  const empty = /^(?:[^\S\r\n]*(?:\r\n|\n|\r))*/.exec(text)?.[0] ?? ''
  const number = 1 + (empty.match(/\r\n|\n|\r/g)?.length ?? 0)
  let quoted = false
  let isCellStart = true
  for (let i = empty.length; i < text.length; i++) {
    const character = text[i] as string
    if (quoted) {
      if (character === '"') quoted = false
    } else if (character === '"') {
      // Of two quotes within quotes, the second begins again.
      quoted = isCellStart || text[i - 1] === '"'
    } else if (character === '\n' || character === '\r') {
      return { line: text.slice(empty.length, i), number, isWhole: true }
    }
    isCellStart = (DELIMITERS as readonly string[]).includes(character)
  }
  return { line: text.slice(empty.length), number, isWhole: false }
}

// --- Which delimiter, which column ----------------------------------------------------------------------------------

interface Shape {
  /** Several: there is one column, and no line may have more. */
  readonly delimiters: readonly string[]
  readonly columns: number
  /** Of the ids, from 0. */
  readonly column: number
  /** Of the keys, from 0; `null`: none is read. */
  readonly keyColumn: number | null
  /** What the first line names; `null`: it is a contact already. */
  readonly header: readonly string[] | null
  /** As this library wrote it. */
  readonly isResults: boolean
}

/** @throws EnfoldFault for a first line that can be read in two ways */
function shapeOf({ line, number }: Head, path: string, named: string | undefined): Shape {
  const where = `${path}, line ${number}`
  const splits = DELIMITERS.map((delimiter) => ({ delimiter, cells: cellsOf(line, delimiter) })).filter(
    ({ cells }) => cells.length > 1,
  )
  const one = cellsOf(line, DELIMITERS[0])
  const candidates = splits.length === 0 ? [{ delimiter: null, cells: one }] : splits
  const found = candidates.flatMap(({ delimiter, cells }) => {
    const column = columnIn(cells, named)
    return column === null ? [] : [{ delimiter, cells, column }]
  })
  if (found.length > 1) throw refused(where, 'has several delimiters, and a name by more than one', ONE_DELIMITER)
  const [first] = found
  if (first === undefined) {
    if (named !== undefined) throw refused(where, `has no column, or several, named ${JSON.stringify(named)}`, A_COLUMN)
    if (splits.length > 1) throw refused(where, 'has several delimiters, and no name by any of them', ONE_DELIMITER)
    if (splits.length === 1)
      throw refused(where, 'has several columns, and names none or several for the ids', A_COLUMN)
    if (isLikeHeader(one[0] ?? '')) throw refused(where, 'looks like a header, and not one of ids', A_COLUMN)
    return { delimiters: DELIMITERS, columns: 1, column: 0, keyColumn: null, header: null, isResults: false }
  }
  const { delimiter, cells, column } = first
  return {
    delimiters: delimiter === null ? DELIMITERS : [delimiter],
    columns: cells.length,
    column,
    keyColumn: null,
    header: cells.map(plainName),
    isResults: isResultHeader(cells),
  }
}

/** With the column of keys: that which is named, or the usual one if there is one. */
function withKeys(shape: Shape, where: string, named: string | undefined, usual: string | null): Shape {
  if (named === undefined && usual === null) return shape
  const keyColumn = columnIn(shape.header ?? [], named ?? (usual as string))
  if (keyColumn === null && named !== undefined)
    throw refused(where, `has no column, or several, named ${JSON.stringify(named)}`, 'the name of the column of keys')
  if (keyColumn === shape.column) throw refused(where, 'names one column for ids and keys', 'a column for each')
  return { ...shape, keyColumn }
}

const A_COLUMN = 'a first line that names the column of ids once: contactId, or what you name as `column`'
const ONE_DELIMITER = 'cells between commas, semicolons or tabs, and quotes around those that hold another of these'

/** None if it is no line of cells between these. */
function cellsOf(line: string, delimiter: string): readonly string[] {
  try {
    const [cells = []] = parseSync(line, { ...PARSING, delimiter }) as string[][]
    return cells.map((cell) => cell.trim())
  } catch {
    return []
  }
}

function columnIn(cells: readonly string[], named: string | undefined): number | null {
  const only = (isIt: (cell: string) => boolean) => {
    const at = cells.findIndex(isIt)
    return at >= 0 && at === cells.findLastIndex(isIt) ? at : null
  }
  if (named !== undefined) {
    const wanted = named.trim().toLowerCase()
    return only((cell) => cell === named.trim()) ?? only((cell) => cell.toLowerCase() === wanted)
  }
  // Where two are called so, neither is taken, and no other in their place.
  const isContactId = (cell: string) => plainName(cell) === 'contactid'
  return cells.some(isContactId) ? only(isContactId) : only((cell) => plainName(cell) === 'id')
}

/** "Contact ID", "contact_id" and "contactId" are one name. */
const plainName = (cell: string) =>
  cell
    .trim()
    .toLowerCase()
    .replace(/[\s_.-]+/g, '')

const HEADER_NAMES: ReadonlySet<string> = new Set(
  (
    'id ids contactid contactids contact contacts name names firstname lastname surname fullname email emails ' +
    'emailaddress mail address phone telephone mobile customer customers client clients company account lead leads ' +
    'user users username member members person people recipient recipients subscriber subscribers identifier key ' +
    'uuid guid number no nr code ref title first last city country zip postcode street date note notes'
  ).split(' '),
)

/**
 * Names of columns rather than a contact: made of the words above, or letters that end like "customerId", "CRM ID". Also
 * several names with something between that is no delimiter here, as in "contactId|name".
 */
function isLikeHeader(cell: string): boolean {
  const names = cell.split(/[|:/\\]/)
  return names.every(isLikeName) || (names.length > 1 && names.some((name) => plainName(name) === 'contactid'))
}

function isLikeName(cell: string): boolean {
  const bare = bareOf(cell)
  if (HEADER_NAMES.has(plainName(bare))) return true
  const words = bare.replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2').split(/[\s_.-]+/)
  if (words.every((word) => HEADER_NAMES.has(word.toLowerCase()))) return true
  return /^[\p{L}\s_.-]+$/u.test(bare) && (/[\s_.-]id$/i.test(bare) || /\p{Ll}I[dD]$/u.test(bare))
}

/** Without quotes and signs around it, and without what follows in brackets: "Customer #", "'Email' (work)", "N°". */
function bareOf(cell: string): string {
  return (
    cell
      .normalize('NFKC')
      .replace(/°/g, 'o')
      // Digits in brackets may tell one id from the next.
      .replace(/[([{<][^\p{N}]*[)\]}>]\s*$/u, '')
      .replace(/^[\s\p{P}\p{Sm}\p{Sc}\p{Sk}]+|[\s\p{P}\p{Sm}\p{Sc}\p{Sk}]+$/gu, '')
  )
}

/** A name with a number, as "Email 2". As "user2" it can be an id, so this needs a look at the other lines. */
function isLikeNumberedName(cell: string): boolean {
  const name = bareOf(cell).replace(/[^\p{L}\p{M}]+$/u, '')
  return name !== '' && isLikeName(name)
}

// --- A first line that is unlike the others ---------------------------------------------------------------------------

/** So many ids after the first are looked at. */
const COMPARED = 100
/** Of these, so many must have what the first lacks: a few ids of another form do not make a header into an id. */
const MOST = 0.9

/** What ids have in common, and a name of a column has not, whatever its language. */
const FORMS: readonly { readonly lacks: string; readonly test: (id: string) => boolean }[] = [
  { lacks: 'a digit', test: (id) => /\p{N}/u.test(id) },
  { lacks: 'an @', test: (id) => id.includes('@') },
  { lacks: 'a sign between its letters', test: (id) => /[^\p{L}\p{M}\s]/u.test(id) },
  { lacks: 'a spelling without capitals', test: (id) => !/\p{Lu}/u.test(id) },
  { lacks: 'a spelling without blanks', test: (id) => !/\s/.test(id) },
]

/**
 * The ids of a list without a header, unless its first line is one in a language that `HEADER_NAMES` does not know:
 * letters alone, and nearly all ids after it have something that it lacks ("Kundennummer" over "K-1"). Or unless it is
 * a name with a number, or names between bars, over lines that are not ("Email 2" over "a@b", "Kunde|Name" over "1|Ann").
 */
async function* withoutOddHeader(ids: AsyncGenerator<string>, where: string): AsyncGenerator<string> {
  try {
    const held: string[] = []
    for await (const id of ids) {
      if (held.length > COMPARED) yield id
      else {
        held.push(id)
        if (held.length <= COMPARED) continue
        refuseOddHeader(held, where)
        yield* held
      }
    }
    if (held.length > COMPARED) return
    refuseOddHeader(held, where)
    yield* held
  } finally {
    await ids.return(undefined)
  }
}

function refuseOddHeader([first, ...others]: readonly string[], where: string): void {
  if (first === undefined || others.length === 0) return
  const oddity = oddityOf(first, others)
  if (oddity === null) return
  throw refused(
    where,
    `looks like a header: ${oddity}`,
    'ids alone, or the name of this column as `column`; if this line is an id, put a line with contactId before it',
  )
}

const A_NAME = 'it is like the name of a column, and the lines after it are not'

/** What makes the first line unlike the others; `null`: nothing does. Cells between bars are compared one by one. */
function oddityOf(first: string, others: readonly string[]): string | null {
  const most = others.length * MOST
  if (isLikeNumberedName(first) && others.filter((id) => !isLikeNumberedName(id)).length >= most) return A_NAME
  const cells = first.split('|').map(bareOf)
  if (!cells.every((cell) => /^[\p{L}\p{M}\s_.-]+$/u.test(cell))) return null
  const rows = others
    .map((id) => (cells.length === 1 ? [id] : id.split('|')))
    .filter((row) => row.length === cells.length)
  for (const [i, cell] of cells.entries()) {
    const below = rows.map((row) => bareOf(row[i] ?? ''))
    const odd = FORMS.find(({ test }) => !test(cell) && below.filter(test).length >= most)
    if (odd !== undefined) return `it lacks what the lines after it have, ${odd.lacks}`
    if (cells.length > 1 && isLikeName(cell) && below.filter((one) => !isLikeName(one)).length >= most) return A_NAME
  }
  return null
}

// --- The lines ------------------------------------------------------------------------------------------------------

interface Line {
  readonly record: readonly string[]
  readonly info: { readonly lines: number }
}

async function* idsOf(items: AsyncGenerator<ActionItem>): AsyncGenerator<string> {
  for await (const item of items) yield typeof item === 'string' ? item : item.contactId
}

async function* itemsOf(
  head: string,
  pieces: Pieces,
  shape: Shape,
  path: string,
  limits: ListLimits,
): AsyncGenerator<ActionItem> {
  const parser = parse({
    ...PARSING,
    delimiter: [...shape.delimiters],
    info: true,
    skip_empty_lines: true,
    max_record_size: MAX_LINE_LENGTH,
    // While a line is read, and not when it is over: commas alone are cells without end.
    cast: (cell: string, { index, lines }: CastingContext) => {
      if (index < limits.columns) return cell
      throw refused(`${path}, line ${lines}`, `has more than ${limits.columns} cells`, 'a list of contacts')
    },
  })
  const feeding = feed(parser, head, pieces)
  let records = 0
  try {
    for await (const { record, info } of parser as AsyncIterable<Line>) {
      records += 1
      const where = `${path}, line ${info.lines}`
      if (records > limits.records)
        throw refused(where, `is one more than ${limits.records.toLocaleString('en')}`, 'a shorter list; split it')
      if (records === 1 && shape.header !== null) continue
      const contactId = idOf(record, shape, where)
      if (contactId === null) continue
      const key = keyOf(record, shape, where)
      yield key === '' ? contactId : { contactId, key }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const lines: unknown = error.lines
    throw refused(typeof lines === 'number' ? `${path}, line ${lines}` : path, sentenceOf(error), ONE_DELIMITER)
  } finally {
    parser.destroy()
    await feeding
  }
}

/** `null`: the line is empty but for its delimiters. */
function idOf(record: readonly string[], shape: Shape, where: string): string | null {
  const { column, columns, header, isResults } = shape
  const isBlank = (cell: string) => cell.trim() === ''
  // A pair of quotes alone is a cell that somebody wrote.
  if (record.every(isBlank) && !(record.length === 1 && record[0] === '')) return null
  if (!record.slice(columns).every(isBlank))
    throw refused(
      where,
      columns === 1 ? 'has several columns, and the first line has one' : 'has more cells than the first line',
      'one line for each contact, and quotes around a cell that holds a delimiter',
    )
  if (header !== null && record.length === columns && record.every((cell, i) => plainName(cell) === header[i]))
    throw refused(where, 'is the header again', 'one header, in the first line')
  const cell = record[column]
  const contactId = isResults ? withoutMarks(cell ?? '') : (cell ?? '').trim()
  if (!isLegalId(contactId))
    throw refused(`${where}, column ${column + 1}`, notAnId(cell), `an id of 1 to ${MAX_ID_LENGTH} characters`)
  if (header === null && isLikeHeader(contactId))
    throw refused(where, 'looks like a header', 'ids; if it is one, put a line with contactId before the first')
  return contactId
}

/** Empty: the contact is named without a key. */
function keyOf(record: readonly string[], { keyColumn, isResults }: Shape, where: string): string {
  if (keyColumn === null) return ''
  const cell = record[keyColumn] ?? ''
  const key = isResults ? withoutMarks(cell) : cell.trim()
  if (key === '' || isLegalId(key)) return key
  throw refused(`${where}, column ${keyColumn + 1}`, notAnId(cell), `a key of 1 to ${MAX_ID_LENGTH} characters`)
}

function notAnId(cell: string | undefined): string {
  if (cell === undefined) return 'is not there'
  if (cell.trim() === '') return 'is empty'
  return cell.isWellFormed() ? `has ${[...cell.trim()].length.toLocaleString('en')} characters` : 'is not well formed'
}

/** Of our own, for the parser's repeat what stands in the file. */
function sentenceOf({ code }: CsvError): string {
  if (code === 'CSV_QUOTE_NOT_CLOSED') return 'begins a quote that does not end'
  if (code === 'CSV_MAX_RECORD_SIZE') return `is longer than ${MAX_LINE_LENGTH.toLocaleString('en')} characters`
  return 'cannot be read'
}

/** Hands the pieces on as fast as they are taken. What goes wrong on the way is thrown to the reader. */
async function feed(parser: ReturnType<typeof parse>, head: string, pieces: Pieces): Promise<void> {
  try {
    await take(parser, head)
    for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
      await take(parser, next.value)
      if (parser.destroyed) return
    }
    parser.end()
  } catch (error) {
    parser.destroy(error instanceof Error ? error : new Error(String(error)))
  }
}

async function take(parser: ReturnType<typeof parse>, text: string): Promise<void> {
  for (const slice of slicesOf(text)) if (!parser.destroyed && !parser.write(slice)) await drained(parser)
}

/** Until more can be written, or never will. Leaves no listener: a long list drains many times. */
function drained(parser: ReturnType<typeof parse>): Promise<void> {
  return new Promise((resolve) => {
    const events = ['drain', 'close', 'error'] as const
    const done = () => {
      for (const event of events) parser.off(event, done)
      resolve()
    }
    for (const event of events) parser.on(event, done)
  })
}

function refused(where: string, what: string, expected: string): EnfoldFault {
  return new EnfoldFault('INVALID_INPUT', `${where} ${what}; expected ${expected}.`, { path: where, expected })
}
