/** What is derived of appends and changes, as parameters of the functions that write it. */
import { type ContactId, type Derived, epochMsOf, type FoldedState, type OtherLane, type Tag } from '@enfold/core'
import { escapeNul, plainArray, textArray } from './pg-text.ts'

/** What an append or a change derives for a contact. */
export interface Projection extends Derived {
  readonly contactId: ContactId
}

export interface TagChanged {
  /** The number of the contact, from 1. */
  readonly of: number
  readonly tag: Tag
  readonly key: string
  readonly added: boolean
}

/**
 * Of the changes of each contact only their sum goes: whether all its tags are cleared first, then the last word on each
 * tag and key.
 */
export function tagsChanged(projections: readonly (Projection | null)[]) {
  const changes: TagChanged[] = []
  const cleared = projections.map((projection, n) => {
    const last = new Map<string, Omit<TagChanged, 'of'>>()
    let clear = false
    for (const change of projection?.tags ?? []) {
      if (change.change === 'clear') {
        clear = true
        last.clear()
      } else {
        const { tag, key = '' } = change
        last.set(key === '' ? tag : JSON.stringify([tag, key]), { tag, key, added: change.change === 'add' })
      }
    }
    for (const one of last.values()) changes.push({ of: n + 1, ...one })
    return clear
  })
  return { cleared, changes }
}

/** Contacts (`null`: passed over), wakes, kinds, campaigns and later lanes. */
export function agendaTexts(projections: readonly (Projection | null)[]): string[] {
  return [
    textArray(projections.map((one) => (one === null ? null : escapeNul(one.contactId)))),
    plainArray(projections.map((one) => (one?.wakeAt == null ? null : epochMsOf(one.wakeAt)))),
    textArray(projections.map((one) => escapeNul(one?.lane?.kind ?? ''))),
    textArray(projections.map((one) => escapeNul(one?.lane?.campaignId ?? ''))),
    textArray(projections.map((one) => othersText(one?.others))),
  ]
}

/** The parameters that the functions `append` and `apply` take of what is derived, in their order. */
export function projectionTexts(projections: readonly (Projection | null)[]): string[] {
  const { cleared, changes } = tagsChanged(projections)
  return [
    ...agendaTexts(projections),
    plainArray(cleared),
    plainArray(changes.map(({ of }) => of)),
    textArray(changes.map(({ tag }) => escapeNul(tag))),
    textArray(changes.map(({ key }) => escapeNul(key))),
    plainArray(changes.map(({ added }) => added)),
  ]
}

/** The parameters that the functions take of states that are kept: contacts, reducers, and what they are. */
export function stateTexts(states: readonly (FoldedState & { readonly contactId: ContactId })[]): string[] {
  return [
    textArray(states.map(({ contactId }) => escapeNul(contactId))),
    plainArray(states.map(({ reducer }) => reducer)),
    textArray(states.map(({ text }) => text)),
  ]
}

export const othersText = (others: readonly OtherLane[] = []) =>
  others.length === 0
    ? null
    : JSON.stringify(
        others.map(({ wakeAt, kind, campaignId }) => [epochMsOf(wakeAt), escapeNul(kind), escapeNul(campaignId)]),
      )
