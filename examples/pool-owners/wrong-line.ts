/** What is wrong in a file that was read, so that all of it can be told at once. */

export interface WrongLine {
  readonly file: string
  /** 1 for the first. */
  readonly line: number
  readonly reason: string
}

/** What a reader could make of a file; to be used only if nothing is wrong. */
export interface Read<Value> {
  readonly value: Value
  readonly wrong: readonly WrongLine[]
}

const MOST = 20

/** One line for each, twenty at most, and how many are left out. */
export function inWords(wrong: readonly WrongLine[]): string {
  const shown = wrong.slice(0, MOST).map(({ file, line, reason }) => `${file}:${line}: ${reason}`)
  const more = wrong.length > MOST ? [`… and ${wrong.length - MOST} more.`] : []
  return [...shown, ...more].join('\n')
}
