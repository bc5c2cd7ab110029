/** Small words that the texts of several tools share. */
import { idInWords, type SequenceRef, visibleText } from '@enfold/core'

export const said = (count: number) => count.toLocaleString('en')

/** "1 contact", "2,000 contacts". */
export const counted = (count: number, one: string) => `${said(count)} ${one}${count === 1 ? '' : 's'}`

/** "pool/nurture"; of one key "pool/nurture for cart-7" */
export function sequenceName({ campaignId, sequenceId, key = '' }: SequenceRef): string {
  return `${idInWords(campaignId)}/${idInWords(sequenceId)}${keyInWords(key)}`
}

export const keyInWords = (key: string | undefined) => (key === undefined || key === '' ? '' : ` for ${idInWords(key)}`)

export const runName = (of: SequenceRef & { readonly run: number }) => `${sequenceName(of)}, run ${of.run}`

/** ": why"; empty where there is no reason. */
export const reasonInWords = (reason: string | null | undefined) =>
  reason === null || reason === undefined ? '' : `: ${visibleText(reason)}`

/** What the contact's facts being absent means for an answer. */
export const withoutFacts = (fault: { readonly code: string } | undefined): readonly string[] =>
  fault === undefined
    ? []
    : [
        `The contact's facts could not be had (${fault.code}): what depends on zone or fields was computed without them.`,
      ]
