/**
 * Roaring bitmaps: sets of small whole numbers in blocks of 65,536, few of a block as sorted offsets, many as bits. The
 * index gives each contact such a number, its slot, and a tag is a set of them. Why so: docs/decisions/0002-tag-index.md.
 */

export const BLOCK_SHIFT = 16
const BLOCK_SLOTS = 1 << BLOCK_SHIFT
const BLOCK_WORDS = BLOCK_SLOTS / 32
// Where 16 bits an offset take as much room as one bit for every slot of the block.
const MAX_OFFSETS = BLOCK_SLOTS / 16

/** 65,536 slots of a set: their offsets, sorted, while they are few; else one bit for each slot. */
interface Block {
  size: number
  /** The first `size` are in use; the rest is room to grow. Empty where `words` are in use. */
  offsets: Uint16Array
  words: Uint32Array | null
}

export class Bitmap {
  size = 0
  readonly blocks: (Block | undefined)[] = []

  /** False if it was in the set already. */
  add(slot: number): boolean {
    const index = slot >>> BLOCK_SHIFT
    const offset = slot & (BLOCK_SLOTS - 1)
    let block = this.blocks[index]
    if (block === undefined) {
      block = { size: 0, offsets: new Uint16Array(4), words: null }
      this.blocks[index] = block
    }
    if (block.words === null && block.size === MAX_OFFSETS) toWords(block)
    if (!(block.words === null ? insertOffset(block, offset) : setBit(block.words, offset))) return false
    block.size++
    this.size++
    return true
  }

  /** False if it was not in the set. */
  delete(slot: number): boolean {
    const index = slot >>> BLOCK_SHIFT
    const offset = slot & (BLOCK_SLOTS - 1)
    const block = this.blocks[index]
    if (block === undefined) return false
    if (!(block.words === null ? deleteOffset(block, offset) : clearBit(block.words, offset))) return false
    block.size--
    this.size--
    if (block.size === 0) this.blocks[index] = undefined
    // Half of the limit, so that a contact that comes and goes at the limit does not convert the block each time.
    else if (block.words !== null && block.size === MAX_OFFSETS / 2) toOffsets(block, block.words)
    return true
  }
}

export const EMPTY_BITMAP = new Bitmap()

function insertOffset(block: Block, offset: number): boolean {
  const at = lowerBound(block, offset)
  if (at < block.size && block.offsets[at] === offset) return false
  if (block.size === block.offsets.length) {
    const roomier = new Uint16Array(2 * block.size)
    roomier.set(block.offsets)
    block.offsets = roomier
  }
  block.offsets.copyWithin(at + 1, at, block.size)
  block.offsets[at] = offset
  return true
}

function deleteOffset(block: Block, offset: number): boolean {
  const at = lowerBound(block, offset)
  if (at === block.size || block.offsets[at] !== offset) return false
  block.offsets.copyWithin(at, at + 1, block.size)
  return true
}

/** How many offsets of the block are smaller. */
function lowerBound(block: Block, offset: number): number {
  let low = 0
  let high = block.size
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((block.offsets[middle] as number) < offset) low = middle + 1
    else high = middle
  }
  return low
}

function setBit(words: Uint32Array, offset: number): boolean {
  const word = words[offset >>> 5] as number
  const bit = 1 << (offset & 31)
  words[offset >>> 5] = word | bit
  return (word & bit) === 0
}

function clearBit(words: Uint32Array, offset: number): boolean {
  const word = words[offset >>> 5] as number
  const bit = 1 << (offset & 31)
  words[offset >>> 5] = word & ~bit
  return (word & bit) !== 0
}

function toWords(block: Block): void {
  block.words = spread(block, new Uint32Array(BLOCK_WORDS))
  block.offsets = new Uint16Array(0)
}

function toOffsets(block: Block, words: Uint32Array): void {
  const offsets: number[] = []
  collect(words, 0, 0, block.size, offsets)
  block.offsets = Uint16Array.from(offsets)
  block.words = null
}

/** Sets the bits of the block's offsets. */
function spread(block: Block, words: Uint32Array): Uint32Array {
  for (let i = 0; i < block.size; i++) setBit(words, block.offsets[i] as number)
  return words
}

/** Slots in at least one of `any` (which names one or more), in each of `all`, and in none of `none`. */
export interface BitmapQuery {
  readonly any: readonly Bitmap[]
  readonly all: readonly Bitmap[]
  readonly none: readonly Bitmap[]
}

// Scratch of `blockOf`, written before it is read in every call. Shared, because many indexes hold one contact only.
const answer = new Uint32Array(BLOCK_WORDS)
const operand = new Uint32Array(BLOCK_WORDS)

/** The bits of one block of the answer, good until the next call; `null` if there are none. */
export function blockOf({ any, all, none }: BitmapQuery, index: number): Uint32Array | null {
  answer.fill(0)
  let found = false
  for (const { blocks } of any) {
    const block = blocks[index]
    if (block === undefined) continue
    found = true
    if (block.words === null) spread(block, answer)
    else for (let i = 0; i < BLOCK_WORDS; i++) answer[i] = (answer[i] as number) | (block.words[i] as number)
  }
  if (!found) return null
  for (const { blocks } of all) {
    const block = blocks[index]
    if (block === undefined) return null
    const words = block.words ?? spread(block, operand.fill(0))
    for (let i = 0; i < BLOCK_WORDS; i++) answer[i] = (answer[i] as number) & (words[i] as number)
  }
  for (const { blocks } of none) {
    const block = blocks[index]
    if (block === undefined) continue
    if (block.words === null) for (let i = 0; i < block.size; i++) clearBit(answer, block.offsets[i] as number)
    else for (let i = 0; i < BLOCK_WORDS; i++) answer[i] = (answer[i] as number) & ~(block.words[i] as number)
  }
  return answer
}

/** Adds the slots whose bits are set to `found`, from the slot `from` on, until `found` has `limit`. */
export function collect(words: Uint32Array, firstSlot: number, from: number, limit: number, found: number[]): void {
  const start = Math.max(from - firstSlot, 0)
  for (let w = start >>> 5; w < BLOCK_WORDS && found.length < limit; w++) {
    let word = words[w] as number
    if (w === start >>> 5) word &= -1 << (start & 31)
    for (; word !== 0 && found.length < limit; word &= word - 1) {
      found.push(firstSlot + 32 * w + 31 - Math.clz32(word & -word))
    }
  }
}

/** How many bits are set: sums over ever wider fields of each word (Warren, Hacker's Delight, 5-1). */
export function countBits(words: Uint32Array): number {
  let total = 0
  for (let i = 0; i < BLOCK_WORDS; i++) {
    let word = words[i] as number
    word -= (word >>> 1) & 0x55555555
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333)
    word = (word + (word >>> 4)) & 0x0f0f0f0f
    total += Math.imul(word, 0x01010101) >>> 24
  }
  return total
}
