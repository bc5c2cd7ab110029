/**
 * Measures ways to keep the tag index in memory, and prints the tables of docs/decisions/0002-tag-index.md:
 *
 *     node --expose-gc packages/bench/src/tag-index.ts [--rounds=5] [--only=<contender>] [--roaring-wasm=<folder>]
 *
 * Each contender runs in a fresh process, in turns. roaring-wasm is no dependency: it takes part if the folder that it
 * was installed to (`…/node_modules/roaring-wasm`) is named.
 */
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compareIds, createTagIndex } from '@enfold/core'

interface Query {
  readonly all: readonly string[]
  readonly any: readonly string[]
  readonly none: readonly string[]
}

interface Found<Key> {
  /** Those of the page. */
  readonly keys: readonly Key[]
  readonly total: number
}

/** What a contender must do. `after` is a contact that has a tag. */
interface Contender {
  add(id: string, tag: string): void
  remove(id: string, tag: string): void
  members(tag: string, after: string, limit: number): readonly string[]
  count(tag: string): number
  search(query: Query, after: string, limit: number): Found<string>
  tagsOf(id: string): readonly string[]
}

/** What is in the tree. */
function chosen(): Contender {
  const index = createTagIndex()
  return {
    add: (contactId, tag) => index.apply([{ change: 'add', contactId, tag }]),
    remove: (contactId, tag) => index.apply([{ change: 'remove', contactId, tag }]),
    members: (tag, after, limit) => index.members(tag, { after, limit }).contacts,
    count: (tag) => index.count(tag),
    search(query, after, limit) {
      const { contacts, total } = index.search(query, { after, limit })
      return { keys: contacts, total }
    },
    tagsOf: (contactId) => index.tagsOf(contactId),
  }
}

// --- An index around any kind of set --------------------------------------------------------------------------------

/** Keys are contact ids, or slots: numbers that stand for them. */
interface KeySet<Key> {
  readonly size: number
  add(key: Key): boolean
  delete(key: Key): boolean
  has(key: Key): boolean
  /** In the order of pages, from the first after `after` on. */
  keysAfter(after?: Key): Iterable<Key>
}

interface Keys<Key> {
  keyOf(id: string): Key
  idOf(key: Key): string
  /** Each contact's tags. Without them `tagsOf` asks every set. */
  readonly lists: { get(key: Key): readonly string[] | undefined; set(key: Key, tags: readonly string[]): void } | null
}

interface Sets<Key> {
  readonly all: readonly KeySet<Key>[]
  readonly any: readonly KeySet<Key>[]
  readonly none: readonly KeySet<Key>[]
  readonly everyone: KeySet<Key>
}

const NO_TAGS: readonly string[] = []

type Combine<Key> = (sets: Sets<Key>, after: Key, limit: number) => Found<Key>

function indexOf<Key>(keys: Keys<Key>, makeSet: () => KeySet<Key>, combine: Combine<Key> = walk): Contender {
  const { lists } = keys
  const sets = new Map<string, KeySet<Key>>()
  const everyone = makeSet()
  // Most contacts have one tag; they share one list, as in the index that was chosen.
  const alone = new Map<string, readonly string[]>()
  const setOf = (tag: string): KeySet<Key> => {
    let set = sets.get(tag)
    if (set === undefined) {
      set = makeSet()
      sets.set(tag, set)
    }
    return set
  }
  const listOf = (tags: readonly string[]): readonly string[] => {
    const [tag] = tags
    if (tag === undefined || tags.length > 1) return tags
    const list = alone.get(tag) ?? tags
    alone.set(tag, list)
    return list
  }
  const tagsOf = (key: Key): readonly string[] =>
    lists?.get(key) ?? [...sets].filter(([, set]) => set.has(key)).map(([tag]) => tag)
  return {
    add(id, tag) {
      const key = keys.keyOf(id)
      if (!setOf(tag).add(key)) return
      lists?.set(key, listOf((lists.get(key) ?? NO_TAGS).concat(tag)))
      everyone.add(key)
    },
    remove(id, tag) {
      const key = keys.keyOf(id)
      if (!setOf(tag).delete(key)) return
      const rest = tagsOf(key).filter((other) => other !== tag)
      lists?.set(key, listOf(rest))
      if (rest.length === 0) everyone.delete(key)
    },
    members: (tag, after, limit) => take(setOf(tag).keysAfter(keys.keyOf(after)), limit).map(keys.idOf),
    count: (tag) => setOf(tag).size,
    search({ all, any, none }, after, limit) {
      const operands = { all: all.map(setOf), any: any.map(setOf), none: none.map(setOf), everyone }
      const found = combine(operands, keys.keyOf(after), limit)
      return { keys: found.keys.map(keys.idOf), total: found.total }
    },
    tagsOf: (id) => tagsOf(keys.keyOf(id)).toSorted(compareIds),
  }
}

function take<Key>(keys: Iterable<Key>, limit: number): Key[] {
  const taken: Key[] = []
  for (const key of keys) {
    taken.push(key)
    if (taken.length === limit) break
  }
  return taken
}

/** Through the smallest set that has every answer, asking the others about each. */
function walk<Key>({ all, any, none, everyone }: Sets<Key>, after: Key, limit: number): Found<Key> {
  const base = all.reduce((smallest, set) => (set.size < smallest.size ? set : smallest), everyone)
  const others = all.filter((set) => set !== base)
  const fits = (key: Key): boolean =>
    others.every((set) => set.has(key)) &&
    (any.length === 0 || any.some((set) => set.has(key))) &&
    !none.some((set) => set.has(key))
  const page: Key[] = []
  for (const key of base.keysAfter(after)) {
    if (fits(key)) page.push(key)
    if (page.length === limit) break
  }
  let total = 0
  for (const key of base.keysAfter()) if (fits(key)) total++
  return { keys: page, total }
}

function byId(): Keys<string> {
  return { keyOf: (id) => id, idOf: (key) => key, lists: new Map<string, readonly string[]>() }
}

function bySlot(withLists = true): Keys<number> {
  const slots = new Map<string, number>()
  const ids: string[] = []
  const tags: (readonly string[])[] = []
  return {
    keyOf(id) {
      let slot = slots.get(id)
      if (slot === undefined) {
        slot = ids.length
        slots.set(id, slot)
        ids.push(id)
      }
      return slot
    },
    idOf: (slot) => ids[slot] as string,
    lists: withLists
      ? {
          get: (slot) => tags[slot],
          set(slot, list) {
            tags[slot] = list
          },
        }
      : null,
  }
}

// --- Kinds of sets --------------------------------------------------------------------------------------------------

/** A Set keeps the order of insertion, but has no way to a place in it other than walking there. */
function hashSet(): KeySet<string> {
  const keys = new Set<string>()
  return {
    get size() {
      return keys.size
    },
    add: (key) => keys.size < keys.add(key).size,
    delete: (key) => keys.delete(key),
    has: (key) => keys.has(key),
    *keysAfter(after) {
      let passed = after === undefined
      for (const key of keys) {
        if (passed) yield key
        passed ||= key === after
      }
    },
  }
}

/** Sorted ids, at most `width` in a chunk; `Infinity`: one array. */
function sortedIds(width: number): KeySet<string> {
  const chunks: string[][] = [[]]
  let size = 0
  const place = (key: string): [chunk: string[], at: number, index: number] => {
    const index = lastWhere(chunks.length, (i) => i === 0 || compareIds((chunks[i] as string[])[0] as string, key) <= 0)
    const chunk = chunks[index] as string[]
    return [chunk, 1 + lastWhere(chunk.length, (i) => compareIds(chunk[i] as string, key) < 0), index]
  }
  return {
    get size() {
      return size
    },
    add(key) {
      const [chunk, at, index] = place(key)
      if (chunk[at] === key) return false
      chunk.splice(at, 0, key)
      if (chunk.length > width) chunks.splice(index + 1, 0, chunk.splice(width / 2))
      size++
      return true
    },
    delete(key) {
      const [chunk, at, index] = place(key)
      if (chunk[at] !== key) return false
      chunk.splice(at, 1)
      if (chunk.length === 0 && chunks.length > 1) chunks.splice(index, 1)
      size--
      return true
    },
    has(key) {
      const [chunk, at] = place(key)
      return chunk[at] === key
    },
    *keysAfter(after) {
      let [chunk, at, index] = after === undefined ? ([chunks[0] as string[], 0, 0] as const) : place(after)
      if (chunk[at] === after) at++
      for (; index < chunks.length; index++, at = 0) {
        chunk = chunks[index] as string[]
        for (; at < chunk.length; at++) yield chunk[at] as string
      }
    },
  }
}

/** Sorted slots in Uint32Arrays of at most 512. */
function sortedSlots(): KeySet<number> {
  const width = 512
  const chunks: { slots: Uint32Array; length: number }[] = [{ slots: new Uint32Array(4), length: 0 }]
  let size = 0
  const place = (slot: number): [index: number, at: number] => {
    const index = lastWhere(chunks.length, (i) => i === 0 || (chunks[i]?.slots[0] as number) <= slot)
    const chunk = chunks[index] as { slots: Uint32Array; length: number }
    return [index, 1 + lastWhere(chunk.length, (i) => (chunk.slots[i] as number) < slot)]
  }
  const has = ([index, at]: [number, number], slot: number): boolean => {
    const chunk = chunks[index] as { slots: Uint32Array; length: number }
    return at < chunk.length && chunk.slots[at] === slot
  }
  return {
    get size() {
      return size
    },
    add(slot) {
      const [index, at] = place(slot)
      if (has([index, at], slot)) return false
      const chunk = chunks[index] as { slots: Uint32Array; length: number }
      if (chunk.length === chunk.slots.length) {
        const roomier = new Uint32Array(2 * chunk.length)
        roomier.set(chunk.slots)
        chunk.slots = roomier
      }
      chunk.slots.copyWithin(at + 1, at, chunk.length)
      chunk.slots[at] = slot
      chunk.length++
      size++
      if (chunk.length === width) {
        const upper = new Uint32Array(width)
        upper.set(chunk.slots.subarray(width / 2))
        chunk.length = width / 2
        chunks.splice(index + 1, 0, { slots: upper, length: width / 2 })
      }
      return true
    },
    delete(slot) {
      const [index, at] = place(slot)
      if (!has([index, at], slot)) return false
      const chunk = chunks[index] as { slots: Uint32Array; length: number }
      chunk.slots.copyWithin(at, at + 1, chunk.length)
      chunk.length--
      if (chunk.length === 0 && chunks.length > 1) chunks.splice(index, 1)
      size--
      return true
    },
    has: (slot) => has(place(slot), slot),
    *keysAfter(after) {
      let [index, at] = after === undefined ? [0, 0] : place(after + 1)
      for (; index < chunks.length; index++, at = 0) {
        const { slots, length } = chunks[index] as { slots: Uint32Array; length: number }
        for (; at < length; at++) yield slots[at] as number
      }
    },
  }
}

/** The last index for which a test holds that holds up to some index and not after it; -1 if it holds for none. */
function lastWhere(length: number, holds: (index: number) => boolean): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(middle)) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** One bit for each slot up to the highest, whatever the tag has. */
class Bitset implements KeySet<number> {
  size = 0
  words = new Uint32Array(4)
  add(slot: number): boolean {
    if (this.has(slot)) return false
    if (slot >>> 5 >= this.words.length) {
      const roomier = new Uint32Array(Math.max(2 * this.words.length, (slot >>> 5) + 1))
      roomier.set(this.words)
      this.words = roomier
    }
    this.words[slot >>> 5] = (this.words[slot >>> 5] as number) | (1 << (slot & 31))
    this.size++
    return true
  }
  delete(slot: number): boolean {
    if (!this.has(slot)) return false
    this.words[slot >>> 5] = (this.words[slot >>> 5] as number) & ~(1 << (slot & 31))
    this.size--
    return true
  }
  has(slot: number): boolean {
    return (((this.words[slot >>> 5] ?? 0) >>> (slot & 31)) & 1) === 1
  }
  *keysAfter(after = -1): Iterable<number> {
    const from = after + 1
    for (let w = from >>> 5; w < this.words.length; w++) {
      let word = this.words[w] as number
      if (w === from >>> 5) word &= -1 << (from & 31)
      for (; word !== 0; word &= word - 1) yield 32 * w + 31 - Math.clz32(word & -word)
    }
  }
}

function combineBitsets(sets: Sets<number>, after: number, limit: number): Found<number> {
  const all = sets.all as readonly Bitset[]
  const any = (sets.any.length === 0 ? [all[0] ?? sets.everyone] : sets.any) as readonly Bitset[]
  const none = sets.none as readonly Bitset[]
  const answer = new Bitset()
  const words = new Uint32Array(Math.max(...any.map((set) => set.words.length)))
  for (const set of any)
    for (let i = 0; i < set.words.length; i++) words[i] = (words[i] as number) | (set.words[i] as number)
  for (const set of all) for (let i = 0; i < words.length; i++) words[i] = (words[i] as number) & (set.words[i] ?? 0)
  for (const set of none) for (let i = 0; i < words.length; i++) words[i] = (words[i] as number) & ~(set.words[i] ?? 0)
  answer.words = words
  let total = 0
  for (let word of words) {
    word -= (word >>> 1) & 0x55555555
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333)
    total += Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
  }
  return { keys: take(answer.keysAfter(after), limit), total }
}

/** The part of roaring-wasm that is used here. */
interface Roaring {
  readonly size: number
  tryAdd(value: number): boolean
  remove(value: number): boolean
  has(value: number): boolean
  rank(value: number): number
  select(rank: number): number
  rangeUint32Array(from: number, to: number): Uint32Array
  clone(): Roaring
  orInPlace(other: Roaring): unknown
  andInPlace(other: Roaring): unknown
  andNotInPlace(other: Roaring): unknown
  dispose(): unknown
}

function roaring(folder: string): Contender {
  const { RoaringBitmap32 } = createRequire(import.meta.url)(resolve(folder)) as { RoaringBitmap32: new () => Roaring }
  const page = (bitmap: Roaring, after: number, limit: number): number[] => {
    const rank = after < 0 ? 0 : bitmap.rank(after)
    if (rank >= bitmap.size) return []
    const last = bitmap.select(Math.min(rank + limit, bitmap.size) - 1)
    return [...bitmap.rangeUint32Array(after + 1, last + 1)]
  }
  class RoaringSet implements KeySet<number> {
    readonly bitmap = new RoaringBitmap32()
    get size() {
      return this.bitmap.size
    }
    add(slot: number) {
      return this.bitmap.tryAdd(slot)
    }
    delete(slot: number) {
      return this.bitmap.remove(slot)
    }
    has(slot: number) {
      return this.bitmap.has(slot)
    }
    *keysAfter(after = -1) {
      for (let slots = page(this.bitmap, after, 50); slots.length > 0; slots = page(this.bitmap, slots.at(-1) ?? 0, 50))
        yield* slots
    }
  }
  const combineRoaring: Combine<number> = (sets, after, limit) => {
    const bitmaps = (of: readonly KeySet<number>[]) => (of as readonly RoaringSet[]).map((set) => set.bitmap)
    const [first, ...others] = bitmaps(sets.any.length > 0 ? sets.any : [sets.all[0] ?? sets.everyone])
    const answer = (first as Roaring).clone()
    for (const bitmap of others) answer.orInPlace(bitmap)
    for (const bitmap of bitmaps(sets.all)) answer.andInPlace(bitmap)
    for (const bitmap of bitmaps(sets.none)) answer.andNotInPlace(bitmap)
    const found = { keys: page(answer, after, limit), total: answer.size }
    answer.dispose()
    return found
  }
  return indexOf(bySlot(), () => new RoaringSet(), combineRoaring)
}

// --- The work -------------------------------------------------------------------------------------------------------

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    'roaring-wasm': { type: 'string' },
    // For the processes that this one starts.
    contender: { type: 'string' },
    contacts: { type: 'string' },
  },
})
const roaringFolder = options['roaring-wasm']

const CONTENDERS: ReadonlyMap<string, () => Contender> = new Map([
  ['blocks of offsets or bits (chosen)', chosen],
  ['Map of Sets of ids', () => indexOf(byId(), hashSet)],
  ['sorted ids, one array', () => indexOf(byId(), () => sortedIds(Number.POSITIVE_INFINITY))],
  ['sorted ids, chunks of 512', () => indexOf(byId(), () => sortedIds(512))],
  ['slots, sorted chunks', () => indexOf(bySlot(), sortedSlots)],
  ['slots, one bitset a tag', () => indexOf(bySlot(), () => new Bitset(), combineBitsets)],
  ['the same, no lists of tags', () => indexOf(bySlot(false), () => new Bitset(), combineBitsets)],
  ...(roaringFolder === undefined ? [] : [['slots, roaring-wasm', () => roaring(roaringFolder)] as const]),
])

// One array takes quadratic time to build: minutes at a million.
const SIZES = (contender: string): readonly number[] =>
  contender === 'sorted ids, one array' ? [10_000, 100_000] : [10_000, 1_000_000]

const BIG = 'campaign/big'
const SPREAD = 100
const THIN = 100

type Result = Readonly<Record<string, number>>

/** Fills and asks one index. Times in microseconds, if they do not say otherwise. */
function measure(make: () => Contender, contacts: number): Result {
  const random = randomNumbers(contacts)
  const order = shuffled(contacts, random)
  const anyone = () => idOf(Math.floor(random() * contacts))
  const spread = Array.from({ length: SPREAD }, (_, i) => `campaign/spread-${i}`)
  const result: Record<string, number> = {}

  /** Up to 20,000 times or half a second, whichever is over first; 20 times at least. */
  function time(name: string, work: () => unknown): void {
    const samples: number[] = []
    const end = performance.now() + 500
    while (samples.length < 20 || (samples.length < 20_000 && performance.now() < end)) {
      const start = performance.now()
      work()
      samples.push((performance.now() - start) * 1_000)
    }
    samples.sort((a, b) => a - b)
    result[`${name}P50`] = samples[Math.floor(samples.length * 0.5)] as number
    result[`${name}P99`] = samples[Math.floor(samples.length * 0.99)] as number
  }

  const empty = bytesInUse()
  const index = make()
  let start = performance.now()
  for (const number of order) index.add(idOf(number), BIG)
  result.buildMs = performance.now() - start
  result.bytesBig = (bytesInUse() - empty) / contacts

  // Every tag of the spread has a hundredth of the contacts, drawn at random.
  for (const tag of spread) for (let i = 0; i < contacts / SPREAD; i++) index.add(anyone(), tag)
  result.bytesSpread = (bytesInUse() - empty) / (2 * contacts)

  const three = [BIG, ...spread.slice(0, 2)]
  time('page', () => index.members(BIG, anyone(), 50))
  time('count', () => index.count(BIG))
  time('all', () => index.search({ all: three, any: [], none: [] }, anyone(), 50))
  time('any', () => index.search({ all: [], any: three, none: [] }, anyone(), 50))
  time('none', () => index.search({ all: [], any: [], none: spread.slice(0, 3) }, anyone(), 50))

  // Many small tags: what the members cost of tags that have a hundred each, anywhere among the contacts.
  const beforeThin = bytesInUse()
  for (let i = 0; i < contacts / THIN; i++) {
    const tag = `campaign/thin-${i}`
    for (let member = 0; member < THIN; member++) index.add(anyone(), tag)
  }
  result.bytesThin = (bytesInUse() - beforeThin) / contacts
  time('tagsOf', () => index.tagsOf(anyone()))

  const leaving = shuffled(contacts, random).subarray(0, contacts / 10)
  start = performance.now()
  let left = 0
  for (const number of leaving) {
    index.remove(idOf(number), BIG)
    left++
    if (performance.now() - start > 10_000) break
  }
  result.remove = ((performance.now() - start) * 1_000) / left
  if (index.count(BIG) !== contacts - left) throw new Error('The index lost count.')
  return result
}

/** All that the process holds after a collection, on the heap and outside of it (typed arrays, wasm memory). */
function bytesInUse(): number {
  if (globalThis.gc === undefined) throw new Error('Start node with --expose-gc.')
  globalThis.gc()
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const text = Buffer.alloc(36)

/** Looks like a uuid, 36 characters. Written through a buffer, since joined text would be kept with its parts. */
function idOf(number: number): string {
  const scattered = (Math.imul(number, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0')
  text.write(`${scattered}-7c1e-4d2a-9b3f-${number.toString(16).padStart(12, '0')}`, 'latin1')
  return text.toString('latin1')
}

/** The same numbers in every run (xorshift). */
function randomNumbers(seed: number): () => number {
  let state = seed | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

function shuffled(length: number, random: () => number): Uint32Array {
  const numbers = Uint32Array.from({ length }, (_, i) => i)
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const moved = numbers[i] as number
    numbers[i] = numbers[j] as number
    numbers[j] = moved
  }
  return numbers
}

// --- The tables -----------------------------------------------------------------------------------------------------

const TABLES: readonly (readonly (readonly [heading: string, measured: string])[])[] = [
  [
    ['build, ms', 'buildMs'],
    ['page p50, µs', 'pageP50'],
    ['page p99, µs', 'pageP99'],
    ['count, µs', 'countP50'],
    ['remove, µs', 'remove'],
    ['tags of one contact, µs', 'tagsOfP50'],
  ],
  [
    ['all p50, µs', 'allP50'],
    ['all p99, µs', 'allP99'],
    ['any p50, µs', 'anyP50'],
    ['any p99, µs', 'anyP99'],
    ['none p50, µs', 'noneP50'],
    ['none p99, µs', 'noneP99'],
  ],
  [
    ['one sequence, bytes', 'bytesBig'],
    ['with the spread, bytes', 'bytesSpread'],
    ['each thin membership more, bytes', 'bytesThin'],
  ],
]

function cell(results: readonly Result[], measured: string): string {
  const values = results.map((result) => result[measured] as number).sort((a, b) => a - b)
  const show = (value: number) => (value < 10 ? value.toPrecision(2) : Math.round(value).toLocaleString('en-US'))
  const [low, middle, high] = [values[0], values[values.length >> 1], values.at(-1)].map((value) =>
    show(value as number),
  )
  return low === high ? `${middle}` : `${middle} (${low}–${high})`
}

function printTables(): void {
  const runs = new Map<string, Result[]>()
  const names = [...CONTENDERS.keys()].filter((name) => name === (options.only ?? name))
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const name of names) {
      for (const contacts of SIZES(name)) {
        const given = process.argv.slice(2)
        const child = [fileURLToPath(import.meta.url), ...given, `--contender=${name}`, `--contacts=${contacts}`]
        const output = execFileSync(process.execPath, ['--expose-gc', ...child], { encoding: 'utf8' })
        const row = `${name} | ${contacts.toLocaleString('en-US')}`
        runs.set(row, [...(runs.get(row) ?? []), JSON.parse(output) as Result])
      }
    }
  }
  const machine = `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model}, ${options.rounds} rounds`
  process.stdout.write(`${machine}: median (minimum–maximum)\n`)
  for (const columns of TABLES) {
    process.stdout.write(`\n| structure | contacts | ${columns.map(([heading]) => heading).join(' | ')} |\n`)
    process.stdout.write(`|---|--:|${'--:|'.repeat(columns.length)}\n`)
    for (const [row, results] of runs) {
      process.stdout.write(`| ${row} | ${columns.map(([, measured]) => cell(results, measured)).join(' | ')} |\n`)
    }
  }
}

const make = CONTENDERS.get(options.contender ?? '')
if (make === undefined) printTables()
else process.stdout.write(JSON.stringify(measure(make, Number(options.contacts))))
