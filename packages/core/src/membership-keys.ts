/**
 * Keys of memberships in memory (KEY-4). Only those of contacts that have a tag for a key other than '' are kept: a membership
 * without a key costs nothing here, and is known by the tag alone.
 */
import { compareIds, type Tag } from './ids.ts'

interface KeysOfTag {
  /** By slot: at least one key other than ''; '' too, if the contact has the tag for that one as well. Sorted. */
  readonly bySlot: Map<number, readonly string[]>
  /** How many more memberships than contacts. */
  more: number
}

const BARE: readonly string[] = ['']

export class MembershipKeys {
  readonly #byTag = new Map<Tag, KeysOfTag>()

  /** How many more memberships a tag has than contacts. */
  more(tag: Tag): number {
    return this.#byTag.get(tag)?.more ?? 0
  }

  has(tag: Tag): boolean {
    return this.#byTag.has(tag)
  }

  /** Of a contact that has the tag. */
  of(tag: Tag, slot: number): readonly string[] {
    return this.#byTag.get(tag)?.bySlot.get(slot) ?? BARE
  }

  /** @param had whether the contact had the tag before */
  add(tag: Tag, slot: number, key: string, had: boolean): void {
    const before = this.#byTag.get(tag)?.bySlot.get(slot) ?? (had ? BARE : [])
    if (before.includes(key)) return
    this.#set(tag, slot, before, [...before, key].sort(compareIds))
  }

  /** Of a contact that has the tag. False: for another key it keeps the tag. */
  remove(tag: Tag, slot: number, key: string): boolean {
    if (this.#byTag.size === 0) return key === ''
    const before = this.of(tag, slot)
    const rest = before.filter((one) => one !== key)
    this.#set(tag, slot, before, rest)
    return rest.length === 0
  }

  /** All keys of a contact that has the tag. */
  clear(tag: Tag, slot: number): void {
    this.#set(tag, slot, this.of(tag, slot), [])
  }

  #set(tag: Tag, slot: number, before: readonly string[], keys: readonly string[]): void {
    const isKeyed = keys.some((key) => key !== '')
    let of = this.#byTag.get(tag)
    if (of === undefined) {
      if (!isKeyed) return
      of = { bySlot: new Map(), more: 0 }
      this.#byTag.set(tag, of)
    }
    of.more += Math.max(keys.length, 1) - Math.max(before.length, 1)
    if (isKeyed) of.bySlot.set(slot, keys)
    else if (of.bySlot.delete(slot) && of.bySlot.size === 0) this.#byTag.delete(tag)
  }
}
