/** What is derived of appends and changes, as parameters of the functions that write it. */
import { type ContactId, type Derived, epochMsOf, type OtherLane, type Tag } from '@enfold/core'
import { plainArray, textArray, toText } from './pg-text.ts'

/** What an append or a change derives for a contact. */
export interface Projection extends Derived {
  readonly contactId: ContactId
}

/**
 * The parameters that the functions `append` and `apply` take of what is derived, in their order. Of the changes of one
 * contact only their sum goes: what is cleared first, then the last word on each tag.
 */
export function projectionTexts(projections: readonly (Projection | null)[]): string[] {
  const changes: { of: number; tag: Tag; added: boolean }[] = []
  const cleared = projections.map((projection, n) => {
    const last = new Map<Tag, boolean>()
    let clear = false
    for (const change of projection?.tags ?? []) {
      if (change.change === 'clear') {
        clear = true
        last.clear()
      } else last.set(change.tag, change.change === 'add')
    }
    for (const [tag, added] of last) changes.push({ of: n + 1, tag, added })
    return clear
  })
  return [
    textArray(projections.map((one) => (one === null ? null : toText(one.contactId)))),
    plainArray(projections.map((one) => (one?.wakeAt == null ? null : epochMsOf(one.wakeAt)))),
    textArray(projections.map((one) => toText(one?.lane?.kind ?? ''))),
    textArray(projections.map((one) => toText(one?.lane?.campaignId ?? ''))),
    textArray(projections.map((one) => othersText(one?.others))),
    plainArray(cleared),
    plainArray(changes.map(({ of }) => of)),
    textArray(changes.map(({ tag }) => toText(tag))),
    plainArray(changes.map(({ added }) => added)),
  ]
}

export const othersText = (others: readonly OtherLane[] = []) =>
  others.length === 0
    ? null
    : JSON.stringify(
        others.map(({ wakeAt, kind, campaignId }) => [epochMsOf(wakeAt), toText(kind), toText(campaignId)]),
      )
