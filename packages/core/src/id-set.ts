/**
 * A set of uuids, each in 16 bytes: of the million ids of a log a `Set` of texts takes 100 MB, this 33. For `verify`,
 * which must know whether an id stands twice and whether a cause stands in the log.
 */

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const WORDS = 4

/** Ids by owner: the same id of two owners is two ids. An owner is a whole number of 32 bits. */
export class IdSet {
  #slots = new Uint32Array(WORDS * 1024)
  #size = 0
  readonly #wanted = new Uint32Array(WORDS)

  /** @returns false if it was there already, or is no uuid */
  add(owner: number, id: string): boolean {
    if (!this.#read(owner, id)) return false
    const at = this.#place(this.#slots)
    if (this.#isTaken(this.#slots, at)) return false
    this.#slots.set(this.#wanted, at)
    this.#size += 1
    if (this.#size * WORDS * 4 > this.#slots.length * 3) this.#grow()
    return true
  }

  has(owner: number, id: string): boolean {
    return this.#read(owner, id) && this.#isTaken(this.#slots, this.#place(this.#slots))
  }

  #read(owner: number, id: string): boolean {
    if (!UUID.test(id)) return false
    const wanted = this.#wanted
    wanted[0] = Number.parseInt(id.slice(0, 8), 16) ^ owner
    wanted[1] = Number.parseInt(id.slice(9, 13) + id.slice(14, 18), 16)
    wanted[2] = Number.parseInt(id.slice(19, 23) + id.slice(24, 28), 16)
    wanted[3] = Number.parseInt(id.slice(28), 16)
    return true
  }

  /** Where the wanted id stands, or would stand. The variant digit is never 0, so a free place is all zeros in one word. */
  #place(slots: Uint32Array): number {
    const wanted = this.#wanted
    const last = slots.length / WORDS - 1
    for (let slot = ((wanted[0] ?? 0) ^ (wanted[3] ?? 0)) & last; ; slot = (slot + 1) & last) {
      const at = slot * WORDS
      if (!this.#isTaken(slots, at)) return at
      if (wanted.every((word, i) => slots[at + i] === word)) return at
    }
  }

  #isTaken(slots: Uint32Array, at: number): boolean {
    return slots[at + 2] !== 0
  }

  #grow(): void {
    const roomier = new Uint32Array(2 * this.#slots.length)
    for (let at = 0; at < this.#slots.length; at += WORDS) {
      if (!this.#isTaken(this.#slots, at)) continue
      this.#wanted.set(this.#slots.subarray(at, at + WORDS))
      roomier.set(this.#wanted, this.#place(roomier))
    }
    this.#slots = roomier
  }
}
