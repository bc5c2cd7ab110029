import { campaign, decide, isLeft, type SignalPattern, type UnmetGoal } from '@enfold/core'
import { commands, scenario } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defineCampaign } from './campaign.ts'
import { passes } from './signal-match.ts'

const { start, signal, suppress, erase } = commands

const shop = campaign({
  id: 'shop',
  signals: {
    purchased: { keep: ['orderId', 'total'], private: ['coupon'] },
    'link-clicked': { keep: ['url'] },
  },
  goals: [
    { id: 'bought', when: { kind: 'purchased', match: { total: { atLeast: 100 } } }, next: ['thanks'] },
    { id: 'returned', when: { kind: 'purchased' }, achievableBy: 'members' },
    {
      id: 'saved',
      when: { kind: 'purchased', match: { coupon: { exists: true }, total: { not: 0 } } },
      achievableBy: 'members',
    },
    { id: 'clicked', when: { kind: 'link-clicked' }, next: ['thanks'] },
    { id: 'opened', when: { kind: 'mail-opened', automated: true }, next: ['thanks'] },
  ],
  sequences: [{ id: 'thanks', steps: [{ id: 'one', kind: 'email' }], next: ['returned', 'saved'] }],
})
const story = scenario({ campaigns: [shop] })
const unmet = (goalId: string, because: UnmetGoal['because'], saw: UnmetGoal['saw'] = []): UnmetGoal => ({
  campaignId: 'shop',
  goalId,
  because,
  saw,
})

describe('kinds that are kept', () => {
  it('SIGNAL-2: a signal of a kept kind is recorded first in its append, and all that follows in the same', () => {
    story
      .when(signal('purchased', { signalId: 's1', data: { orderId: 'o-7', total: 120, colour: 'red' } }))
      .thenEvents(
        [
          'SignalReceived',
          { signalId: 's1', kind: 'purchased', automated: false, data: { orderId: 'o-7', total: 120 }, clipped: [] },
        ],
        ['GoalSatisfied', { goalId: 'bought', signalId: 's1' }],
        'SequenceStarted',
        ['GoalSatisfied', { goalId: 'returned' }],
        'SequenceStopped',
      )
  })

  it('SIGNAL-2: a kept signal that matches no goal is recorded', () => {
    story
      .when(signal('link-clicked', { data: { url: 'https://example.org' }, fromStep: true }))
      .thenEvents('SignalReceived', 'GoalSatisfied', 'SequenceStarted')
    const quiet = scenario({
      campaigns: [{ ...shop, goals: [], sequences: [{ ...shop.sequences[0], next: [] }] as never }],
    })
    quiet
      .when(signal('purchased', { data: { total: 1 } }))
      .thenEvents(['SignalReceived', { data: { total: 1 }, unmet: [] }])
  })

  it('SIGNAL-2: a kind that nobody declared leaves a trace only if it satisfies a goal', () => {
    story.when(signal('mail-opened')).thenEvents('GoalSatisfied', 'SequenceStarted')
    story.when(signal('page-viewed')).thenNothing({ goals: [] })
  })

  it('SIGNAL-1: what one campaign declares is kept for all, and what one calls private is private for all', () => {
    const other = campaign({
      id: 'other',
      signals: { purchased: { keep: ['coupon', 'colour'], private: ['total'] } },
      goals: [],
      sequences: [{ id: 's', steps: [{ id: 'one', kind: 'email' }] }],
    })
    scenario({ campaigns: [shop, other] })
      .when(signal('purchased', { data: { orderId: 'o-7', total: 20, colour: 'red', coupon: 'ANN' } }))
      .thenEvents(['SignalReceived', { data: { orderId: 'o-7', colour: 'red' } }])
  })

  it('SIGNAL-3: a private value is recorded as the outcomes of tests only', () => {
    const { after } = story
      .given(start('thanks'))
      .when(signal('purchased', { data: { coupon: 'ANN-SECRET', total: 0 } }))
      .thenEvents(
        ['SignalReceived', { data: { total: 0 }, tests: [{ field: 'coupon', test: '{"exists":true}', holds: true }] }],
        'GoalSatisfied',
        'SequenceStopped',
      )
    expect(JSON.stringify(after.events)).not.toContain('ANN-SECRET')
  })

  it('SIGNAL-3: what is no scalar, or longer than 500 characters, is recorded as clipped', () => {
    story
      .when(signal('purchased', { data: { orderId: 'x'.repeat(501), total: [1, 2] } }))
      .thenEvents(['SignalReceived', { data: {}, clipped: ['orderId', 'total'] }])
    story
      .when(signal('purchased', { data: { orderId: 'x'.repeat(500), total: null } }))
      .thenEvents(['SignalReceived', { data: { orderId: 'x'.repeat(500), total: null }, clipped: [] }])
  })

  it('SIGNAL-3: at most 20 values of a signal are kept, the others are recorded as clipped', () => {
    const part = (id: string, names: readonly string[]) =>
      campaign({
        id,
        signals: { k: { keep: names } },
        goals: [],
        sequences: [{ id: 's', steps: [{ id: 'o', kind: 'e' }] }],
      })
    const names = Array.from({ length: 24 }, (_, i) => `v${i}`)
    const two = [part('a', names.slice(0, 12)), part('b', names.slice(12))]
    scenario({ campaigns: two })
      .when(signal('k', { data: Object.fromEntries(names.map((name) => [name, 1])) }))
      .thenEvents(['SignalReceived', { clipped: ['v20', 'v21', 'v22', 'v23'] }])
  })

  it('SIGNAL-4: the signals of a suppressed contact are recorded, and satisfy nothing', () => {
    story
      .given(suppress())
      .when(signal('purchased', { data: { total: 120 } }))
      .thenEvents([
        'SignalReceived',
        {
          unmet: [unmet('bought', 'suppressed', [{ field: 'total', value: 120 }]), unmet('returned', 'suppressed')],
        },
      ])
  })

  it('SIGNAL-4, ERASE-1: nothing is recorded of an erased contact', () => {
    story
      .given(erase())
      .when(signal('purchased', { data: { total: 120 } }))
      .thenRejected('ContactErased')
  })

  it('SIGNAL-5: a goal that matched and was not satisfied is recorded with the reason and what it saw', () => {
    story.when(signal('purchased', { data: { total: 20, coupon: 'ANN' } })).thenEvents([
      'SignalReceived',
      {
        unmet: [
          unmet('returned', 'not_member'),
          unmet('saved', 'not_member', [
            { field: 'total', value: 20 },
            { field: 'coupon', test: '{"exists":true}', holds: true },
          ]),
        ],
      },
    ])
  })

  it('GOAL-10, ONCE-1: the same signal again has the same answer, whether or not it satisfied a goal', () => {
    const given = { signalId: 's1', data: { total: 20 } }
    const answer = {
      goals: [{ campaignId: 'shop', goalId: 'returned', outcome: 'not_member' as const, stopped: [], started: [] }],
    }
    const first = story.when(signal('purchased', given)).thenAnswer(answer)
    first.after.given(start('thanks')).when(signal('purchased', given)).thenNothing(answer)
    first.after.when(signal('purchased', { ...given, data: { total: 900 } })).thenRejected('CommandIdReused')
  })

  it('SIGNAL-6: one event a day counts the signals that were dropped', () => {
    const clicked = (i: number) => signal('link-clicked', { signalId: `s${i}`, automated: true, data: {} })
    const { state, context } = story.given(clicked(1), clicked(2), clicked(3))
    const on = (now: string, before: typeof state, dropped: number) => {
      const command = {
        type: 'HandleSignal',
        contactId: 'contact',
        commandId: now,
        signalId: now,
        actor: null,
        kind: 'purchased',
        data: { total: 20 },
        fromStep: false,
      } as const
      const decided = decide(command, before, { ...context, now, signals: { most: 3, dropped } })
      if (isLeft(decided)) throw new Error(JSON.stringify(decided.left))
      return decided.right
    }
    const first = on('2026-03-02T23:59:00.000Z', state, 0)
    expect(first.events).toMatchObject([
      { type: 'SignalsDropped', data: { count: 1, unmet: [{ goalId: 'returned' }] } },
    ])
    expect(first.answer.goals).toMatchObject([{ goalId: 'returned', outcome: 'not_member' }])
    expect(first.state.keptSignals).toBe(3)
    const second = on('2026-03-02T23:59:30.000Z', first.state, 0)
    expect(second.events).toEqual([])
    expect(second.answer.goals).toMatchObject([{ goalId: 'returned', outcome: 'not_member' }])
    const nextDay = on('2026-03-03T00:00:00.000Z', second.state, 7)
    expect(nextDay.events).toMatchObject([{ type: 'SignalsDropped', data: { count: 8 } }])
  })
})

describe('automated signals', () => {
  it('MATCH-2: an automated signal satisfies only patterns that say so', () => {
    story.when(signal('mail-opened', { automated: true })).thenEvents('GoalSatisfied', 'SequenceStarted')
    story
      .when(signal('link-clicked', { automated: true, data: { url: 'u' } }))
      .thenEvents(['SignalReceived', { automated: true, unmet: [unmet('clicked', 'automated')] }])
      .thenAnswer({
        goals: [{ campaignId: 'shop', goalId: 'clicked', outcome: 'automated', stopped: [], started: [] }],
      })
  })
})

describe('the tests of a pattern', () => {
  it.each([
    [{ atLeast: 100 }, 100, true],
    [{ atLeast: 100 }, 99, false],
    [{ atLeast: 100 }, '100', false],
    [{ atMost: 100 }, 100, true],
    [{ atMost: 100 }, 101, false],
    [{ atMost: 100 }, null, false],
    [{ in: ['a', 1] }, 1, true],
    [{ in: ['a', 1] }, '1', false],
    [{ not: 'a' }, 'b', true],
    [{ not: 'a' }, 'a', false],
    [{ exists: true }, null, true],
    [{ exists: false }, null, false],
    ['a', 'a', true],
    [null, null, true],
    [1, '1', false],
  ] as const)('MATCH-1: %j on %j is %s', (test, value, holds) => {
    expect(passes(test, value)).toBe(holds)
  })

  it('MATCH-1: a value that the signal does not have passes no test but { exists: false }', () => {
    const tests = [{ atLeast: 0 }, { atMost: 0 }, { in: [null] }, { not: 'a' }, { exists: true }, null, 'a']
    for (const test of tests) expect(passes(test, undefined)).toBe(false)
    expect(passes({ exists: false }, undefined)).toBe(true)
  })

  it('MATCH-1, LOG-6: the name of a value may be anything', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString')), (name) => {
        const when: SignalPattern = { kind: 'k', match: Object.fromEntries([[name, { exists: true }]]) }
        const one = scenario({
          campaigns: [
            {
              id: 'c',
              goals: [{ id: 'g', when, next: ['s'] }],
              sequences: [{ id: 's', steps: [{ id: 'o', kind: 'e' }] }],
            },
          ],
        })
        one.when(signal('k', { data: {} })).thenNothing({ goals: [] })
        one.when(signal('k', { data: Object.fromEntries([[name, 1]]) })).thenEvents('GoalSatisfied', 'SequenceStarted')
      }),
      { numRuns: runs(30) },
    )
  })
})

describe('definitions', () => {
  const problemsOf = (more: object) => {
    const made = defineCampaign({ ...shop, ...more })
    return isLeft(made) ? made.left.problems.map(({ path, message }) => `${path}: ${message}`) : []
  }

  it('MATCH-1: a test that is none is named with its path', () => {
    const problems = problemsOf({
      goals: [{ id: 'g', when: { kind: 'k', match: { 'a/b': { atLeast: '100' }, c: { like: 'x' }, d: [] } } }],
      sequences: shop.sequences.map((one) => ({ ...one, next: [] })),
    })
    expect(problems).toEqual([
      expect.stringMatching(/^\/goals\/0\/when\/match\/a~1b\/atLeast: .*a number/),
      expect.stringMatching(/^\/goals\/0\/when\/match\/c: .*exactly one of: atLeast, atMost, in, not, exists/),
      expect.stringMatching(/^\/goals\/0\/when\/match\/d: /),
    ])
  })

  it('SIGNAL-3: a kind has each name once, and at most 20 of them', () => {
    expect(problemsOf({ signals: { k: { keep: ['a'], private: ['a'] } } })).toEqual([
      expect.stringMatching(/^\/signals\/k\/private\/0: .*stands once/),
    ])
    const names = Array.from({ length: 21 }, (_, i) => `v${i}`)
    expect(problemsOf({ signals: { k: { keep: names } } })).toEqual([
      expect.stringMatching(/^\/signals\/k: has 21 names/),
    ])
    expect(problemsOf({ signals: { k: { keeps: [] } } })).toEqual([expect.stringMatching(/^\/signals\/k\/keeps: /)])
  })
})
