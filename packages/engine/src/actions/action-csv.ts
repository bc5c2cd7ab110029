/** An action's results as CSV. What a spreadsheet would run as a formula is made harmless; reading it back undoes that. */

const HEADER = ['contactId', 'outcome', 'run', 'reason'] as const
/** Of an action whose results are of runs with keys. */
const KEYED_HEADER = ['contactId', 'key', 'outcome', 'run', 'reason'] as const

/** The first line of a file of results. */
export const resultHeader = (isKeyed = false): string => lineOf(isKeyed ? KEYED_HEADER : HEADER)

/** Whether the cells are those of our own first line. */
export const isResultHeader = (cells: readonly string[]): boolean =>
  [HEADER, KEYED_HEADER].some(
    (header) => cells.length === header.length && header.every((name, i) => cells[i] === name),
  )

/** The cells of one contact. */
export type ResultCells = readonly [contactId: string, outcome: string, run: number | null, reason: string | null]

/** One line of a file of results; lines end with a line feed. With a `key`, also an empty one, it is of a keyed action. */
export function resultLine([contactId, ...result]: ResultCells, key?: string): string {
  const cells = key === undefined ? [contactId, ...result] : [contactId, key, ...result]
  return lineOf(cells.map((cell) => (typeof cell === 'string' ? withMarks(cell) : String(cell ?? ''))))
}

/** Each cell in quotes: whatever a reader takes for the delimiter, what is within quotes is one cell. */
const lineOf = (cells: readonly string[]) => `${cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')}\n`

// What spreadsheets take for a formula, also in full width, and the mark itself, so that it can be undone.
const DANGEROUS: ReadonlySet<string> = new Set("'=+-@\t\r\n＝＋－＠")
/** What ends a cell for a spreadsheet of some country. */
const SEPARATORS: ReadonlySet<string> = new Set(',;\t|\r\n')
/** What may stand between the start of a cell and its formula. */
const TRANSPARENT: ReadonlySet<string> = new Set(' "')

/**
 * With an apostrophe before whatever would begin a formula: at the start of the cell, and after what another
 * spreadsheet takes for the end of one.
 */
function withMarks(cell: string): string {
  let marked = ''
  let isStart = true
  for (const character of cell) {
    if (isStart && DANGEROUS.has(character)) marked += "'"
    marked += character
    isStart = SEPARATORS.has(character) || (isStart && TRANSPARENT.has(character))
  }
  return marked
}

/** The inverse: at a start, an apostrophe before any of these is a mark, for one of the cell's own has a mark before it. */
export function withoutMarks(cell: string): string {
  const characters = [...cell]
  let bare = ''
  let isStart = true
  for (let i = 0; i < characters.length; i++) {
    if (isStart && characters[i] === "'" && DANGEROUS.has(characters[i + 1] ?? '')) i += 1
    const character = characters[i] as string
    bare += character
    isStart = SEPARATORS.has(character) || (isStart && TRANSPARENT.has(character))
  }
  return bare
}
