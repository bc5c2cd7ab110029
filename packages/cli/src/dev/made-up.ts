/** People that do not exist, the same for the same seed. */
import type { Facts } from '@enfold/core'
import type { People } from './people.ts'

const FIRST = [
  ...['Ada', 'Bilal', 'Chloé', 'Dario', 'Elif', 'Femi', 'Grace', 'Hana', 'Ivo', 'Jun', 'Kofi', 'Lena', 'Mateo', 'Nia'],
  ...['Omar', 'Priya', 'Quinn', 'Rosa', 'Sven', 'Tess', 'Uma', 'Viktor', 'Wanda', 'Yara', 'Zoltan'],
]
const LAST = ['Nguyen', 'Okafor', 'Bauer', 'Rossi', 'Silva', 'Tanaka', 'Kowalski', 'Haddad', 'Moreau', 'Lindgren']
const ZONES = [
  ...['America/Chicago', 'America/New_York', 'America/Los_Angeles', 'Europe/London', 'Europe/Berlin'],
  ...['Asia/Kolkata', 'Asia/Tokyo', 'Australia/Sydney'],
]
const TAGS = ['customer', 'newsletter', 'salt-water']

/**
 * So many contacts, `c-001`, `c-002` …: each with a zone, some with tags, with the fields `name`, `email`, `spend` and
 * `birthday`.
 */
export function madeUp(count: number, seed: number): People {
  const random = mulberry32(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const oneOf = (list: readonly string[]) => list[below(list.length)] as string
  const two = (number: number) => String(number).padStart(2, '0')
  const people = new Map<string, Facts>()
  for (let i = 1; i <= count; i++) {
    const [first, last] = [oneOf(FIRST), oneOf(LAST)]
    const address = `${first}.${last}`.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase()
    people.set(`c-${String(i).padStart(3, '0')}`, {
      timeZone: oneOf(ZONES),
      tags: TAGS.filter(() => random() < 0.3),
      fields: {
        name: `${first} ${last}`,
        email: `${address}.${i}@example.com`,
        spend: below(2500),
        birthday: `${1950 + below(55)}-${two(1 + below(12))}-${two(1 + below(28))}`,
      },
    })
  }
  return people
}

/** A small generator of numbers from 0 to 1, the same for the same seed. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
