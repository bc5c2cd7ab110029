import { describe, expect, it } from 'vitest'
import { defineCampaign } from './campaign.ts'
import { isLeft } from './either.ts'
import { notJsonIn } from './not-json.ts'
import { simulate } from './simulate.ts'

class Decimal {
  toJSON() {
    return '12.50'
  }
}
class Order {
  readonly #total = 7
  get total() {
    return this.#total
  }
}
class Empty {}
class Form {
  readonly form = 'guide'
}
const cycle: { self?: object } = {}
cycle.self = cycle
const nested = (depth: number): object => (depth === 0 ? {} : { in: nested(depth - 1) })
const throwing = Object.defineProperty({}, 'x', {
  enumerable: true,
  get() {
    throw new Error('no')
  },
})

const ODD: readonly (readonly [string, unknown, RegExp])[] = [
  ['a Map', new Map([['form', 'guide']]), /^is a Map; expected a plain object, by Object.fromEntries/],
  ['a Set', new Set(['guide']), /^is a Set; expected a list/],
  ['a promise', Promise.resolve(1), /^is a Promise; expected what it resolves to/],
  ['a function', () => 1, /^is a function; expected a plain JSON value$/],
  ['a symbol', Symbol('x'), /^is a symbol/],
  ['a bigint', 1n, /^is a bigint; expected a number or a text/],
  ['no number', Number.NaN, /^is a number that is not finite/],
  ['an infinite number', -Infinity, /^is a number that is not finite/],
  ['an error', new TypeError('x'), /^is a TypeError/],
  ['bytes', new Uint8Array(2), /^is an? Uint8Array/],
  ['a regular expression', /x/, /^is a RegExp/],
  ['a Date of no time', new Date(Number.NaN), /^is an invalid Date/],
  ['an instance with private values', new Order(), /^is an Order; .*no properties of its own/],
  ['a cycle', cycle, /^holds itself/],
  ['too many levels', nested(200), /^is nested deeper than 128/],
  ['a getter that throws', throwing, /^cannot be read/],
  ['a toJSON that throws', { toJSON: () => cycle.self?.toString.call(null) && JSON.parse('{') }, /^cannot be read/],
]
const first = (value: unknown) => {
  const [one] = notJsonIn(value)
  return one === undefined ? null : { keys: one.keys, says: `${one.what}; expected ${one.expected}` }
}

describe('values that JSON cannot say', () => {
  it.each(ODD)('LOG-5: %s is found at any depth, with its keys', (_, value, says) => {
    for (const [whole, keys] of [
      [value, []],
      [{ a: [0, { 'b c': value }] }, ['a', '1', 'b c']],
    ] as const) {
      const found = first(whole)
      expect(found?.says).toMatch(says)
      expect(found?.keys.slice(0, keys.length)).toEqual(keys)
    }
  })

  it('LOG-5: undefined is found in a list, and absent as a member', () => {
    expect(first({ list: [1, undefined] })).toMatchObject({ keys: ['list', '1'], says: /^is nothing/ })
    // biome-ignore lint/suspicious/noSparseArray: that is what is looked for.
    expect(first([1, , 2])?.keys).toEqual(['1'])
    expect(first({ a: undefined })).toBeNull()
  })

  it('LOG-5: what JSON says is passed, also by toJSON, of a class, without a prototype and twice', () => {
    const shared = { n: 1 }
    const bare = Object.assign(Object.create(null), { x: 1 })
    for (const value of [
      { text: 'x', n: -0.5, yes: true, no: null, list: [[], {}] },
      { at: new Date(0), price: new Decimal(), form: new Form(), empty: new Empty(), bare, url: new URL('a:b') },
      [shared, shared],
      JSON.parse('{"__proto__": {"constructor": 1}, "toString": 2}'),
      nested(120),
    ])
      expect(first(value)).toBeNull()
  })
})

describe('where they come in', () => {
  const sequences = [{ id: 's', steps: [{ id: 'one', kind: 'email' }] }]

  it('VERSION-2: a definition is refused with the place of each, and not published as something else', () => {
    const goals = [
      { id: 'g', when: { kind: 'k', match: new Map([['form', 'guide']]) }, next: [{ to: 's', if: () => true }] },
    ]
    const fields = new Map([['email', { private: true }]])
    const made = defineCampaign({ id: 'c', goals, sequences, fields })
    expect(isLeft(made) && made.left.problems).toEqual([
      {
        path: '/goals/0/when/match',
        message: 'is a Map; expected a plain object, by Object.fromEntries(…)',
      },
      { path: '/goals/0/next/0/if', message: 'is a function; expected a plain JSON value' },
      { path: '/fields', message: 'is a Map; expected a plain object, by Object.fromEntries(…)' },
    ])
  })

  it('GOAL-1: a simulation refuses facts and data of signals that the engine would refuse', () => {
    const definition = { id: 'c', goals: [], sequences }
    const play = (more: object) => () => simulate(definition, { from: '2026-03-02T08:00:00.000Z', inputs: [], ...more })
    expect(play({ facts: { fields: new Map() } })).toThrow('facts/fields is a Map')
    const signal = { kind: 'k', data: { items: [new Map()] } }
    expect(play({ inputs: [{ at: 'P0D', signal }] })).toThrow('inputs[0].signal.data/items/0 is a Map')
  })
})
