/**
 * What `enfold dev` keeps next to its SQLite file, line by line: that the store is one of its own, what was caught, and how
 * far the simulated clock has come. With a store in memory nothing is kept.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type Instant, isInstant } from '@enfold/core'
import { UsageError } from '../errors.ts'
import { placeText } from '../places.ts'
import type { Caught } from './caught.ts'

export interface Journal {
  /** Of earlier runs, in order. */
  readonly caught: readonly Caught[]
  /** How far the simulated clock had come; `null`: it was never moved. */
  readonly now: Instant | null
  write(line: { readonly caught: Caught } | { readonly now: Instant }): void
}

/** Keeps nothing. */
export const inMemory: Journal = { caught: [], now: null, write() {} }

const FIRST_LINE = '{"enfoldDev":1}'

/**
 * The journal of a SQLite file. A file that has none was not made by `enfold dev`, and is refused: what is due in it would
 * be caught and recorded as sent.
 *
 * @throws UsageError
 */
export function openJournal(storePath: string): Journal {
  const path = `${storePath}.dev.jsonl`
  const write: Journal['write'] = (line) => appendFileSync(path, `${JSON.stringify(line)}\n`)
  const isThere = existsSync(path)
  if (existsSync(storePath) && !isThere)
    throw new UsageError(
      `${placeText(storePath)} was not made by "enfold dev": what is due in it would be caught here and recorded as sent. Name a new file.`,
    )
  const text = isThere ? readFileSync(path, 'utf8') : `${FIRST_LINE}\n`
  // A last line that a crash cut off counts as not written.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  if (whole.split('\n', 1)[0] !== FIRST_LINE)
    throw new UsageError(`${placeText(path)} is no file of "enfold dev". Name another store.`)
  // Of a store that was deleted nothing is kept.
  const kept = existsSync(storePath) ? whole : `${FIRST_LINE}\n`
  if (kept !== text || !isThere) writeFileSync(path, kept)
  return { ...linesOf(path, kept), write }
}

function linesOf(path: string, text: string): Omit<Journal, 'write'> {
  const caught: Caught[] = []
  let now: Instant | null = null
  for (const [i, line] of text.split('\n').slice(1, -1).entries()) {
    let read: { readonly caught?: Caught; readonly now?: string }
    try {
      read = JSON.parse(line)
    } catch {
      throw new UsageError(
        `${placeText(path)}, line ${i + 2}, is not JSON. Delete it and its store, or name another store.`,
      )
    }
    if (read.caught !== undefined) caught.push(read.caught)
    if (isInstant(read.now)) now = read.now
  }
  return { caught, now }
}
