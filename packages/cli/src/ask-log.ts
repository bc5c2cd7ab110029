/** Opens the log that a command names, asks it, and prints the answer: as words, or as JSON for programs. */
import { aheadInWords } from './ahead.ts'
import { UsageError } from './errors.ts'
import type { Answer } from './questions.ts'
import { openSource, type Source } from './source.ts'
import type { Streams } from './streams.ts'
import { jsonText, paintFor } from './text.ts'

/** @returns true if something is wrong with the log */
export async function askLog(
  { stdin, stdout, stderr }: Streams,
  url: string | undefined,
  { store, json = false, keepGoing = false, readModel }: SharedOptions,
  ask: Ask,
  foreign = false,
): Promise<boolean> {
  if (url !== undefined && store !== undefined)
    throw new UsageError('The log is named twice: by --store and as an argument.')
  const named = url ?? store
  if (named === undefined) throw new UsageError('Which log? Name it with --store URL, or as the last argument.')
  const source = await openSource(named, { keepGoing, json, stdin, stderr, readModel, foreign })
  try {
    const answered = await ask(source)
    const text = answered === null ? '' : json ? jsonText(answered.json) : answered.text(paintFor(stdout))
    if (text !== '') stdout.write(`${text}\n`)
    const ahead = json || answered?.ahead === undefined ? null : aheadInWords(answered.ahead)
    if (ahead !== null) stderr.write(`${ahead}\n`)
    const bad = source.badLines()
    if (bad > 0 && !json) stderr.write(`Bad lines: ${bad}. The answer is of the others.\n`)
    return bad > 0 || answered?.fault === true
  } finally {
    await source.close()
  }
}

export type Ask = (source: Source) => Promise<Answer | null>

export interface SharedOptions {
  readonly store?: string
  readonly json?: boolean
  readonly keepGoing?: boolean
  readonly readModel?: string
}
