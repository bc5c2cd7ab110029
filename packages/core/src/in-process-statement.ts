/**
 * What a statement does to the transaction that it is sent in, read as PostgreSQL and SQLite read it. One that is read
 * wrongly loses what the transaction wrote, so what is not certain is refused.
 */
import { EnfoldFault, typeName } from './fault.ts'

export type Statement =
  | { readonly does: 'begin' | 'commit' | 'rollback' }
  | { readonly does: 'savepoint' | 'rollback to' | 'release'; readonly name: string }
  /** Nothing to the transaction. `word`: how it begins. */
  | { readonly does: 'other'; readonly word: string }

/** @throws EnfoldFault `INVALID_INPUT` for what begins or ends transactions in a form that is not known here */
export function readStatement(text: string): Statement {
  if (typeof text !== 'string') throw refused(`has ${typeName(text)} for its text`, 'the text of one statement')
  const statements = statementsOf(text)
  const [first = ''] = statements
  const word = /^\p{L}+/u.exec(first)?.[0].toUpperCase() ?? ''
  // The bodies of triggers and functions have semicolons, and an END.
  if (word === 'CREATE') return { does: 'other', word }
  const steering = statements.find((one) => STEERING.test(one))
  if (steering === undefined) return { does: 'other', word }
  const [name = ''] = steering.toUpperCase().split(' ')
  if (statements.length > 1)
    throw refused(`is asked ${name} together with other statements`, `${name} by itself. Nothing was changed`)
  const read = steeringOf(steering)
  if (read === null)
    throw refused(
      `is asked ${name} in a form that it does not know`,
      'BEGIN or START TRANSACTION, COMMIT or END, ROLLBACK or ABORT (without AND CHAIN), SAVEPOINT, ROLLBACK TO or RELEASE. Nothing was changed',
    )
  return read
}

/** What begins or ends a transaction or a part of it; no other statement begins with these words. */
const STEERING =
  /^(?:(?:BEGIN|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE)(?: |$)|(?:START|PREPARE) TRANSACTION(?: |$))/i

const NAME = `("(?:[^"]|"")*"|'(?:[^']|'')*'|\`(?:[^\`]|\`\`)*\`|[\\p{L}_][\\p{L}\\p{N}_$]*)`
const ENDING = '(?: WORK| TRANSACTION)?(?: AND NO CHAIN)?'

const WHOLE = [
  ['begin', /^(?:BEGIN|START TRANSACTION)(?: |$)/i],
  ['commit', new RegExp(`^(?:COMMIT|END)${ENDING}$`, 'i')],
  ['rollback', new RegExp(`^(?:ROLLBACK|ABORT)${ENDING}$`, 'i')],
] as const

const OF_SAVEPOINTS = [
  ['savepoint', new RegExp(`^SAVEPOINT ${NAME}$`, 'iu')],
  ['rollback to', new RegExp(`^ROLLBACK(?: WORK| TRANSACTION)? TO(?: SAVEPOINT)? ${NAME}$`, 'iu')],
  ['release', new RegExp(`^RELEASE(?: SAVEPOINT)? ${NAME}$`, 'iu')],
] as const

function steeringOf(statement: string): Statement | null {
  for (const [does, form] of WHOLE) if (form.test(statement)) return { does }
  for (const [does, form] of OF_SAVEPOINTS) {
    const name = form.exec(statement)?.[1]
    if (name !== undefined) return { does, name: unquoted(name) }
  }
  return null
}

function unquoted(name: string): string {
  const quote = name.charAt(0)
  return /["'`]/.test(quote) ? name.slice(1, -1).replaceAll(quote + quote, quote) : name.toLowerCase()
}

/** A comment of one line, texts and names in quotes, a text in dollars, a word, any other sign. */
const TOKEN =
  /--[^\n\r]*|e'(?:\\.|''|[^'\\])*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|(\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$).*?\1|[\p{L}_][\p{L}\p{N}_$]*|\S/isuy

/** The statements of a text, without comments and with one blank between their parts. */
function statementsOf(text: string): readonly string[] {
  const statements: string[][] = [[]]
  for (let at = 0; at < text.length; ) {
    if (text.startsWith('/*', at)) {
      at = endOfComment(text, at)
      continue
    }
    TOKEN.lastIndex = at
    const token = TOKEN.exec(text)?.[0]
    at += token?.length ?? 1
    if (token === ';') statements.push([])
    else if (token !== undefined && !token.startsWith('--')) statements.at(-1)?.push(token)
  }
  return statements.filter((parts) => parts.length > 0).map((parts) => parts.join(' '))
}

/** Comments are nested in PostgreSQL and not in SQLite. Where that makes a difference, one of them finds no end. */
function endOfComment(text: string, start: number): number {
  const marks = /\/\*|\*\//g
  marks.lastIndex = start
  let depth = 0
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    depth += mark[0] === '/*' ? 1 : -1
    if (depth === 0) return marks.lastIndex
  }
  throw refused('is asked a statement with a comment that does not end', '*/ for each /*. Nothing was changed')
}

function refused(what: string, expected: string): EnfoldFault {
  return EnfoldFault.unshownInput('transaction.query', what, expected)
}
