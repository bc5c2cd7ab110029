import { defineCampaign, isLeft } from '@enfold/core'
import { describe, expect, it } from 'vitest'

const email = { id: 'one', kind: 'email' }
const order = { orderId: { data: 'orderId' } }
const said = (sequence: object, goal: object = {}, more: object = {}) =>
  defineCampaign({
    id: 'shop',
    goals: [{ id: 'paid', when: { kind: 'paid' }, next: ['cart'], ...goal }],
    sequences: [{ id: 'cart', steps: [email], next: ['paid'], ...sequence }],
    ...more,
  })
const problems = (...given: Parameters<typeof said>) => {
  const defined = said(...given)
  return isLeft(defined) ? defined.left.problems.map(({ path, message }) => `${path} ${message}`) : []
}
const warnings = (...given: Parameters<typeof said>) => {
  const defined = said(...given)
  return isLeft(defined) ? [] : defined.right.warnings.map(({ path, message }) => `${path} ${message}`)
}

describe('a definition with variables', () => {
  it('KEY-1: a definition is refused for a key that no variable says, with the likely fix', () => {
    expect(problems({ per: 'orderId' })).toEqual([
      '/sequences/0/per is "orderId"; expected a variable of the sequence; declare it, "vars": { "orderId": { "data": "orderId" } }',
    ])
    expect(problems({ vars: order, per: 'ordreId' })).toEqual([
      '/sequences/0/per is "ordreId"; expected a variable of the sequence; did you mean "orderId"?',
    ])
  })

  it.each<[string, object, object?]>([
    ['/sequences/0/steps/0/timer/var', { steps: [{ ...email, timer: { var: 'day', offset: '-P1D' } }] }],
    ['/sequences/0/steps/0/if/all/0/var', { steps: [{ ...email, if: { all: [{ var: 'total', atLeast: 1 }] } }] }],
    ['/sequences/0/next/0/if/var', { next: [{ to: 'paid', if: { var: 'total', exists: true } }] }],
    ['/goals/0/when/match/a~1b/var', {}, { when: { kind: 'paid', match: { 'a/b': { var: 'orderId' } } } }],
    ['/goals/0/next/0/if/var', {}, { next: [{ to: 'cart', if: { var: 'orderId', exists: true } }] }],
  ])('VAR-2: a definition is refused for what names no variable at %s', (path, sequence, goal) => {
    const found = problems(sequence, goal)
    expect(found).toHaveLength(1)
    expect(found[0]?.split(' ')[0]).toBe(path)
  })

  it('VAR-1: a definition is refused for more than 20 variables', () => {
    const vars = Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`v${i}`, { data: 'x' }]))
    expect(problems({ vars })).toEqual(['/sequences/0/vars has 21 variables; a run has at most 20'])
  })

  it('VAR-2: a definition is refused for a condition or timer of a field and a variable', () => {
    expect(problems({ vars: order, steps: [{ ...email, if: { var: 'orderId', field: 'x', exists: true } }] })).toEqual([
      '/sequences/0/steps/0/if/field is not a known property (misspelled?)',
    ])
    expect(problems({ vars: order, steps: [{ ...email, timer: { var: 'orderId' } }] })[0]).toContain(
      'with "var" either',
    )
  })

  it('KEY-3: a warning says where `same` meets no keyed sequence', () => {
    expect(warnings({}, { same: 'orderId' })).toContain(
      '/goals/0/same no sequence before the goal has a "per": it stops nothing',
    )
    expect(warnings({ vars: order, per: 'orderId' }, { same: 'orderId' })).toEqual([])
  })

  it('VAR-1: a warning says where a variable is private in the signals that start it', () => {
    const signals = { paid: { private: ['orderId'] } }
    expect(warnings({ vars: order, per: 'orderId' }, { same: 'orderId' }, { signals })).toEqual([
      '/goals/0/same is private in signals of the kind "paid": it is compared with no key, and nothing is stopped',
      '/sequences/0/vars/orderId/data is private in signals of the kind "paid": the variable is empty in runs that they start',
    ])
  })

  it('KEY-1: a warning says where a sequence leads to a keyed one, and has no variable for its key', () => {
    const sequences = [
      { id: 'first', steps: [email], next: ['cart'] },
      { id: 'cart', vars: order, per: 'orderId', steps: [email], next: ['paid'] },
    ]
    expect(warnings({}, {}, { sequences })).toContain(
      '/sequences/0/next/0 runs once for each "orderId", and this sequence has no variable of that name: it will not be started',
    )
  })
})
