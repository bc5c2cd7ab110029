/**
 * What a working state says of what it leaves out (see `working-state.ts`), and how a decision says that it needs it.
 * A state that was folded from the whole stream leaves nothing out.
 */
import type { Instant } from './ids.ts'

export interface RunStart {
  readonly run: number
  readonly startedAt: Instant
}

/** Of older runs of one sequence. */
export interface RunsLeftOut {
  /** Those that began within the hour before the newest did, by their numbers: the brake counts them (BRAKE-1). */
  readonly recent: readonly RunStart[]
  /** When the latest of the others began; `null`: there are no others. */
  readonly before: Instant | null
}

/**
 * Thrown by whatever looks into a state for a run that the state leaves out. The one thing to do is to fold the whole
 * stream and to ask again.
 */
export class NeedsHistory extends Error {
  override readonly name = 'NeedsHistory'

  constructor() {
    super('The state at hand leaves out an older run. Fold the whole stream of the contact, and ask again.')
  }
}

/** Hashes of texts, one after the other: 8 digits for each, whatever the text. */
export type HashList = string

const DIGITS = 8

/** @returns false: the text is certainly not among them. True: it most likely is. */
export function mayHold(list: HashList, text: string): boolean {
  const hash = hashOf(text)
  for (let at = list.indexOf(hash); at !== -1; at = list.indexOf(hash, at + 1)) if (at % DIGITS === 0) return true
  return false
}

/** FNV-1a of the UTF-16 units, 32 bits, as 8 hexadecimal digits. Quick, and no protection from anybody. */
export function hashOf(text: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193)
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193)
  }
  return (hash >>> 0).toString(16).padStart(DIGITS, '0')
}
