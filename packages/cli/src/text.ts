/** Text for people: tables, colour on a terminal, and ids that can do a terminal no harm (LOG-6). */
import { styleText } from 'node:util'
import { idInWords as named, visibleText as plain, type SequenceRef } from '@enfold/core'

export { named, plain }

/** A value as JSON, with everything invisible in it escaped: the same JSON, and no harm to a terminal. */
export function jsonText(value: unknown): string {
  return (JSON.stringify(value) ?? 'null').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
    ).join(''),
  )
}

/** "pool-owners/nurture"; of one key "pool-owners/nurture for cart-7" */
export function sequenceName({ campaignId, sequenceId, key = '' }: SequenceRef): string {
  return `${named(campaignId)}/${named(sequenceId)}${keyInWords(key)}`
}

/** " for cart-7"; empty where there is no key. */
export function keyInWords(key: string | undefined): string {
  return key === undefined || key === '' ? '' : ` for ${named(key)}`
}

/** Gives a text a look. */
export type Paint = (look: 'bold' | 'dim' | 'red', text: string) => string

/** Looks for a terminal; anything else gets the bare text. */
export function paintFor(to: NodeJS.WriteStream): Paint {
  return (look, text) => (to.isTTY ? styleText(look, text, { stream: to }) : text)
}

/** Columns under their heads, two blanks apart; "(none)" without rows. */
export function table(paint: Paint, heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '(none)'
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => widthOf(row[column] ?? ''))))
  const lineOf = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell + ' '.repeat((widths[column] as number) - widthOf(cell)))
      .join('  ')
      .trimEnd()
  return [paint('dim', lineOf(heads)), ...rows.map(lineOf)].join('\n')
}

const segmenter = new Intl.Segmenter('en')

function widthOf(text: string): number {
  return [...segmenter.segment(text)].length
}

/** "1 event", "2,000 events". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}
