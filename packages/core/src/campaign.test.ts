import {
  type CampaignDefinition,
  type CampaignProblem,
  type ContactId,
  campaign,
  campaignJsonSchema,
  defineCampaign,
  isLeft,
  type SequenceId,
} from '@enfold/core'
import { describe, expect, it } from 'vitest'
import file from '../schema/campaign.schema.json' with { type: 'json' }

const email = { id: 'one', kind: 'email' }
const good = {
  id: 'c',
  goals: [{ id: 'g', when: { kind: 'k' }, next: ['s'] }],
  sequences: [{ id: 's', steps: [email], next: ['g'] }],
}

function problemsOf(definition: unknown): readonly CampaignProblem[] {
  const defined = defineCampaign(definition)
  return isLeft(defined) ? defined.left.problems : []
}
const pathsOf = (definition: unknown) => problemsOf(definition).map((problem) => problem.path)

const withStep = (step: object) => ({ ...good, sequences: [{ id: 's', steps: [{ ...email, ...step }] }] })
it('AUDIT-1: what no line of a log could hold is refused: nested too deeply, by its path, and too large', () => {
  const nested = (levels: number): unknown => (levels === 0 ? 'x' : { in: nested(levels - 1) })
  // The definition, its sequences, the first of them, its steps, the first of them and its params are six of the levels.
  expect(problemsOf(withStep({ params: nested(95) }))).toEqual([])
  const [deep, ...more] = problemsOf(withStep({ params: nested(96) }))
  expect(deep?.path).toMatch(/^\/sequences\/0\/steps\/0\/params(\/in){95}$/)
  expect(deep?.message).toBe('is nested more than 100 deep, counted from the definition')
  expect(more).toEqual([])
  expect(problemsOf(withStep({ params: nested(4000) }))).toHaveLength(1)
  const large = (characters: number) => withStep({ params: { text: 'é'.repeat(characters) } })
  expect(problemsOf(large(2_000_000))).toEqual([])
  expect(problemsOf(large(2_100_000))).toMatchObject([
    { path: '', message: expect.stringContaining('at most 4194304') },
  ])
})

const withTimer = (timer: unknown) => withStep({ timer })
const withNext = (...next: unknown[]) => ({ ...good, goals: [{ id: 'g', when: { kind: 'k' }, next }] })
const withIf = (condition: unknown) => withNext({ to: 's', if: condition })

/** The contract's own example, with the sequences that it only names. */
const poolOwners: CampaignDefinition = {
  id: 'pool-owners',
  name: '7 Mistakes Pool Owners Make',
  timeZone: 'America/Chicago',
  fields: { birthday: { private: true } },
  goals: [
    {
      id: 'asked',
      name: 'Asked for the guide',
      when: { kind: 'form-submitted', match: { form: 'pool-guide' } },
      achievableBy: 'anyone',
      next: ['nurture'],
    },
    {
      id: 'bought',
      when: [
        { kind: 'purchased', match: { product: 'robot' } },
        { kind: 'stage-moved', match: { stage: 'won' } },
      ],
      achievableBy: 'members',
      next: [
        { to: 'vip', if: { field: 'spend', atLeast: 1000 } },
        { to: 'onboarding', otherwise: true },
      ],
    },
    { id: 'leave', when: { kind: 'tag-applied', match: { tag: 'stop-mail' } }, next: [] },
  ],
  sequences: [
    {
      id: 'nurture',
      name: 'Seven mistakes',
      steps: [
        { id: 'mistake-1', kind: 'email', params: { template: 'mistake-1' } },
        {
          id: 'mistake-2',
          kind: 'email',
          timer: {
            afterDays: 2,
            at: '08:00',
            window: { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00' },
          },
          params: { template: 'mistake-2' },
          maxAttempts: 5,
          onFailure: 'continue',
          onUnknown: 'retry',
          expiresAfter: 'P2D',
        },
        { id: 'call', kind: 'task', timer: { after: 'PT36H' }, draft: true, params: {} },
      ],
      onGoal: 'stop',
      next: ['bought', 'leave'],
    },
    { id: 'vip', steps: [email] },
    { id: 'onboarding', steps: [email] },
  ],
}

describe('valid definitions', () => {
  it('VERSION-2: the example of the contract is valid and suspicious in nothing', () => {
    expect(defineCampaign(poolOwners)).toMatchObject({ right: { warnings: [], definition: poolOwners } })
  })

  it.each([
    { after: 'PT2H' },
    { after: 'P3D', window: { from: '00:00', to: '24:00' } },
    { afterDays: 0 },
    { afterWeekdays: 5, at: '23:59' },
    { on: '2028-02-29T09:00', whenPast: 'send' },
    { field: 'birthday', offsetDays: -7, at: '09:00', occurrence: 'next', whenPast: 'skip' },
  ])('VERSION-2: the timer %j is valid', (timer) => {
    expect(problemsOf(withTimer(timer))).toEqual([])
  })

  it.each([
    { tag: 'x' },
    { field: 'f', equals: null },
    { field: 'f', in: [1, 'a', true] },
    { field: 'f', atLeast: 1.5 },
    { field: 'f', atMost: -1 },
    { field: 'f', exists: false },
    { all: [{ any: [{ none: [] }] }] },
  ])('VERSION-2: the condition %j is valid', (condition) => {
    expect(problemsOf(withIf(condition))).toEqual([])
  })

  it('LOG-6: any string up to 200 characters is an id', () => {
    for (const id of ['__proto__', 'constructor', 'a/b', 'ünï', '-', '😀'.repeat(200), '~0', ''.padEnd(200, '"')]) {
      const definition = {
        id,
        goals: [{ id, when: { kind: id }, next: [`${id.slice(2)}!`] }],
        sequences: [{ id: `${id.slice(2)}!`, steps: [{ id, kind: id }], next: [id] }],
      }
      expect(problemsOf(definition)).toEqual([])
    }
  })

  it('VERSION-1: the definition is copied and frozen, the input left alone', () => {
    const input = structuredClone(poolOwners) as unknown as { goals: { id: string }[] }
    const defined = defineCampaign(input)
    if (isLeft(defined)) throw new Error('unreachable')
    ;(input.goals[0] as { id: string }).id = 'changed'
    expect(defined.right.goals.has('asked')).toBe(true)
    expect(Object.isFrozen(defined.right.definition.sequences[0]?.steps[0]?.params)).toBe(true)
  })

  it('GOAL-4: upstream of a goal are the sequences from which it can be reached, through loops, and through goals', () => {
    const defined = defineCampaign({
      id: 'c',
      goals: [
        { id: 'g1', when: { kind: 'k' }, next: ['c'] },
        { id: 'g2', when: { kind: 'k' } },
        { id: 'g3', when: { kind: 'k' } },
      ],
      sequences: [
        { id: 'a', steps: [email], next: ['b'] },
        { id: 'b', steps: [email], next: ['a', 'g1'] },
        { id: 'c', steps: [email], next: [{ to: 'g2', if: { tag: 'x' } }] },
        { id: 'd', steps: [email] },
      ],
    })
    if (isLeft(defined)) throw new Error('unreachable')
    const { goals, sequences, isUpstream, beforeGoals } = defined.right
    const upstreamOf = (goal: string) => [...sequences.keys()].filter((sequence) => isUpstream(sequence, goal))
    expect([...goals.keys()].map((goal) => [goal, upstreamOf(goal)])).toEqual([
      ['g1', ['a', 'b']],
      ['g2', ['a', 'b', 'c']],
      ['g3', []],
    ])
    expect([...beforeGoals].sort()).toEqual(['a', 'b', 'c'])
  })
})

describe('invalid definitions', () => {
  it.each<[string, unknown, string[]]>([
    ['nothing', undefined, ['']],
    ['null', null, ['']],
    ['a list', [], ['']],
    ['a text', 'campaign', ['']],
    ['an empty object', {}, ['/id', '/goals', '/sequences']],
    ['an unknown property', { ...good, colour: 'red' }, ['/colour']],
    ['an empty id', { ...good, id: '' }, ['/id']],
    ['an id of 201 characters', { ...good, id: 'x'.repeat(201) }, ['/id']],
    ['an id with half a character', { ...good, id: '\ud800' }, ['/id']],
    ['a number for an id', { ...good, id: 7 }, ['/id']],
    ['an empty name', { ...good, name: '' }, ['/name']],
    ['an unknown zone', { ...good, timeZone: 'Mars/Olympus' }, ['/timeZone']],
    ['a zone that nothing can be computed in', { ...good, timeZone: 'PST' }, ['/timeZone']],
    ['a field that is no object', { ...good, fields: { f: true } }, ['/fields/f']],
    ['a misspelled field option', { ...good, fields: { f: { privat: true } } }, ['/fields/f/privat']],
    ['goals that are no list', { ...good, goals: {}, sequences: [{ id: 's', steps: [email] }] }, ['/goals']],
    ['a goal without when', { ...good, goals: [{ id: 'g' }] }, ['/goals/0/when']],
    ['a goal without patterns', { ...good, goals: [{ id: 'g', when: [] }] }, ['/goals/0/when']],
    ['a pattern without kind', { ...good, goals: [{ id: 'g', when: {} }] }, ['/goals/0/when/kind']],
    ['a pattern that is no object', { ...good, goals: [{ id: 'g', when: [{ kind: 'k' }, 'k'] }] }, ['/goals/0/when/1']],
    [
      'a pattern that matches an object',
      { ...good, goals: [{ id: 'g', when: { kind: 'k', match: { a: {} } } }] },
      ['/goals/0/when/match/a'],
    ],
    [
      'an unknown achiever',
      { ...good, goals: [{ id: 'g', when: { kind: 'k' }, achievableBy: 'all' }] },
      ['/goals/0/achievableBy'],
    ],
    ['a sequence without steps', { ...good, sequences: [{ id: 's', steps: [] }] }, ['/sequences/0/steps']],
    ['a sequence without a list of steps', { ...good, sequences: [{ id: 's' }] }, ['/sequences/0/steps']],
    ['an unknown onGoal', { ...good, sequences: [{ id: 's', steps: [email], onGoal: 'go' }] }, ['/sequences/0/onGoal']],
    ['a step without kind', withStep({ kind: undefined }), ['/sequences/0/steps/0/kind']],
    ['no attempts', withStep({ maxAttempts: 0 }), ['/sequences/0/steps/0/maxAttempts']],
    ['half an attempt', withStep({ maxAttempts: 1.5 }), ['/sequences/0/steps/0/maxAttempts']],
    ['an unknown onFailure', withStep({ onFailure: 'retry' }), ['/sequences/0/steps/0/onFailure']],
    ['an unknown onUnknown', withStep({ onUnknown: 'stop' }), ['/sequences/0/steps/0/onUnknown']],
    ['a draft that is no boolean', withStep({ draft: 'yes' }), ['/sequences/0/steps/0/draft']],
    ['params that are no object', withStep({ params: [] }), ['/sequences/0/steps/0/params']],
    ['a bad duration', withStep({ expiresAfter: '2 days' }), ['/sequences/0/steps/0/expiresAfter']],
    ['a duration in months', withTimer({ after: 'P1M' }), ['/sequences/0/steps/0/timer/after']],
    ['a timer of two kinds', withTimer({ after: 'P1D', afterDays: 1 }), ['/sequences/0/steps/0/timer']],
    ['a timer of no kind', withTimer({ window: { from: '08:00', to: '09:00' } }), ['/sequences/0/steps/0/timer']],
    ['a timer that is no object', withTimer('P1D'), ['/sequences/0/steps/0/timer']],
    ['a timer of null', withTimer(null), ['/sequences/0/steps/0/timer']],
    ['negative days', withTimer({ afterDays: -1 }), ['/sequences/0/steps/0/timer/afterDays']],
    ['an hour that no day has', withTimer({ afterDays: 1, at: '24:00' }), ['/sequences/0/steps/0/timer/at']],
    ['a date that no year has', withTimer({ on: '2026-02-30T09:00' }), ['/sequences/0/steps/0/timer/on']],
    [
      'a field timer without its parts',
      withTimer({ field: 'f', offsetDays: 1 }),
      ['/sequences/0/steps/0/timer/at', '/sequences/0/steps/0/timer/occurrence'],
    ],
    [
      'a window that ends when it opens',
      withTimer({ after: 'P1D', window: { from: '18:00', to: '18:00' } }),
      ['/sequences/0/steps/0/timer/window/to'],
    ],
    [
      'a window on no day',
      withTimer({ after: 'P1D', window: { days: [], from: '08:00', to: '18:00' } }),
      ['/sequences/0/steps/0/timer/window/days'],
    ],
    [
      'a window on a day that no week has',
      withTimer({ after: 'P1D', window: { days: ['mon', 'monday'], from: '08:00', to: '18:00' } }),
      ['/sequences/0/steps/0/timer/window/days/1'],
    ],
    ['a route to nowhere', withNext('x'), ['/goals/0/next/0']],
    ['a conditional route to nowhere', withNext({ to: 'x', if: { tag: 't' } }), ['/goals/0/next/0/to']],
    [
      'a route to nowhere from a sequence',
      { ...good, sequences: [{ id: 's', steps: [email], next: ['g', 'x'] }] },
      ['/sequences/0/next/1'],
    ],
    ['a route to a step', withNext('one'), ['/goals/0/next/0']],
    ['a route through the prototype', withNext('__proto__'), ['/goals/0/next/0']],
    ['a route that is no route', withNext(5), ['/goals/0/next/0']],
    ['a route of null', withNext(null), ['/goals/0/next/0']],
    ['a route without a target', withNext({ otherwise: true }), ['/goals/0/next/0/to']],
    ['a route without a condition', withNext({ to: 's' }), ['/goals/0/next/0']],
    ['a route with both', withNext({ to: 's', if: { tag: 't' }, otherwise: true }), ['/goals/0/next/0']],
    ['otherwise false', withNext({ to: 's', otherwise: false }), ['/goals/0/next/0/otherwise']],
    [
      'otherwise twice',
      withNext({ to: 's', otherwise: true }, { to: 'g', otherwise: true }),
      ['/goals/0/next/1/otherwise'],
    ],
    ['the same route twice', withNext('s', 's'), ['/goals/0/next/1']],
    ['a condition of no kind', withIf({}), ['/goals/0/next/0/if']],
    ['a condition of two kinds', withIf({ tag: 't', all: [] }), ['/goals/0/next/0/if']],
    ['a field without a test', withIf({ field: 'f' }), ['/goals/0/next/0/if']],
    ['a field with two tests', withIf({ field: 'f', atLeast: 1, atMost: 2 }), ['/goals/0/next/0/if']],
    ['a range of text', withIf({ field: 'f', atLeast: '1' }), ['/goals/0/next/0/if/atLeast']],
    [
      'a bad condition deep inside',
      withIf({ all: [{ any: [{ tag: 't' }, { tag: 5 }] }] }),
      ['/goals/0/next/0/if/all/0/any/1/tag'],
    ],
    ['the same goal twice', { ...good, goals: [...good.goals, ...good.goals] }, ['/goals/1/id']],
    [
      'a goal and a sequence of one id',
      {
        ...good,
        sequences: [
          { id: 'g', steps: [email] },
          { id: 's', steps: [email] },
        ],
      },
      ['/sequences/0/id'],
    ],
    ['the same step twice', { ...good, sequences: [{ id: 's', steps: [email, email] }] }, ['/sequences/0/steps/1/id']],
  ])('VERSION-2: %s is named with its path', (_, definition, paths) => {
    expect(pathsOf(definition)).toEqual(paths)
    for (const problem of problemsOf(definition)) expect(problem.message).not.toBe('')
  })

  it('VERSION-2: a problem says what stands there and what was expected', () => {
    expect(problemsOf(withNext('x'))).toEqual([
      {
        path: '/goals/0/next/0',
        value: 'x',
        message: 'is "x"; expected the id of a goal or sequence of this campaign',
      },
    ])
  })

  it('VERSION-2: a text of the wrong form is answered with an example of the right one, not with a pattern', () => {
    const messages = [{ after: '2 hours' }, { afterDays: 1, at: '8' }, { on: '24.12.' }].map(
      (timer) => problemsOf(withTimer(timer))[0]?.message,
    )
    expect(messages).toEqual([
      'is "2 hours"; expected an ISO 8601 duration of elapsed time such as "PT2H" or "P3D"',
      'is "8"; expected a wall time "HH:mm" from 00:00 to 23:59',
      'is "24.12."; expected a date and wall time "YYYY-MM-DDTHH:mm" that the calendar has',
    ])
    expect(problemsOf({ ...good, id: '' })).toEqual([
      { path: '/id', value: '', message: 'is ""; expected an id of 1 to 200 well-formed characters' },
    ])
  })

  it.each<[string, object, string]>([
    [
      'a number for a duration',
      { after: 5 },
      'is 5; expected an ISO 8601 duration of elapsed time such as "PT2H" or "P3D"',
    ],
    ['a number for a wall time', { afterDays: 1, at: 8 }, 'is 8; expected a wall time "HH:mm" from 00:00 to 23:59'],
    ['text for a number', { afterDays: '3', at: '08:00' }, 'is "3"; expected a whole number, without quotes'],
    ['a number for a name', { field: 5, offset: 'P1D' }, 'is 5; expected text in quotes'],
  ])('VERSION-2: a definition with %s is refused with what was expected', (_, timer, message) => {
    expect(problemsOf(withTimer(timer)).map((one) => one.message)).toEqual([message])
  })

  it('VERSION-2: a number instead of an id is refused with what was expected', () => {
    expect(problemsOf({ ...good, id: 5 })[0]?.message).toBe('is 5; expected an id of 1 to 200 well-formed characters')
  })

  it('VERSION-2: paths are JSON pointers also where names are hostile', () => {
    expect(pathsOf({ ...good, fields: { 'a/b~c': { privat: true } } })).toEqual(['/fields/a~1b~0c/privat'])
    expect(pathsOf({ ...good, 'a/b': 1 })).toEqual(['/a~1b'])
    expect(pathsOf(JSON.parse(`{"__proto__":1,${JSON.stringify(good).slice(1)}`))).toEqual(['/__proto__'])
  })

  it('VERSION-2: all problems come in one answer, of shape and of the graph', () => {
    const paths = pathsOf({
      id: 'c',
      timeZone: 'Mars/Olympus',
      goals: [{ id: 'g', when: { kind: 'k' }, next: ['x', 's'] }, { id: 'g', when: {} }, null],
      sequences: [
        { id: 's', steps: [{ ...email, timer: { after: '?' } }, email], next: [{ to: 'y', otherwise: true }, 7] },
        { id: 't', steps: [] },
        5,
      ],
    })
    expect(new Set(paths)).toEqual(
      new Set([
        '/timeZone',
        '/goals/0/next/0',
        '/goals/1/id',
        '/goals/1/when/kind',
        '/goals/2',
        '/sequences/0/steps/0/timer/after',
        '/sequences/0/steps/1/id',
        '/sequences/0/next/0/to',
        '/sequences/0/next/1',
        '/sequences/1/steps',
        '/sequences/2',
      ]),
    )
    expect(paths).toHaveLength(11)
  })
})

describe('hostile input', () => {
  const cycle: Record<string, unknown> = { ...good }
  cycle.self = cycle
  const trap = {
    get id(): string {
      throw new Error('trap')
    },
  }
  let deep: unknown = { tag: 'x' }
  for (let i = 0; i < 2000; i++) deep = { all: [deep] }
  let nested: unknown = {}
  for (let i = 0; i < 3000; i++) nested = [nested]

  it.each<[string, unknown]>([
    ['a cycle', cycle],
    ['a bigint', { ...good, id: 1n }],
    ['a symbol', Symbol('x')],
    ['a function', () => good],
    ['a getter that throws', trap],
    [
      'a proxy that throws',
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('trap')
          },
        },
      ),
    ],
    [
      'a toJSON that throws',
      {
        toJSON: () => {
          throw new Error('trap')
        },
      },
    ],
    ['conditions 2,000 deep', withIf(deep)],
    ['params 3,000 deep', withStep({ params: { nested } })],
    ['a route that will not be text', withNext({ toString: 1, valueOf: 1 })],
    ['ids that will not be text', { ...good, goals: [{ id: { toString: null } }] }],
    ['steps that are null', { ...good, sequences: [{ id: 's', steps: [null, 1, 'x', []] }] }],
    ['a window that is no window', withTimer({ after: 'P1D', window: { from: {}, to: [] } })],
    ['lists everywhere', { id: [], goals: [[]], sequences: [[[]]], fields: [], timeZone: [] }],
    ['numbers beyond all', { ...good, sequences: [{ id: 's', steps: [{ ...email, timer: { afterDays: 1e308 } }] }] }],
  ])('VERSION-2: %s is refused, and nothing is thrown', (_, input) => {
    expect(problemsOf(input).length).toBeGreaterThan(0)
  })

  it('VERSION-2: prototype keys are keys like others', () => {
    const definition = JSON.parse(
      '{"id":"__proto__","fields":{"__proto__":{"private":true}},"goals":[{"id":"constructor","when":{"kind":"k","match":{"__proto__":"x"}},"next":["toString"]}],"sequences":[{"id":"toString","steps":[{"id":"__proto__","kind":"email","params":{"__proto__":{"polluted":true}}}],"next":["constructor"]}]}',
    )
    expect(problemsOf(definition)).toEqual([])
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  it('VERSION-2: 10,000 goals after one sequence are a campaign', () => {
    const goals = Array.from({ length: 10_000 }, (_, i) => ({ id: `g${i}`, when: { kind: 'k' }, next: ['s'] }))
    const sequences = [{ id: 's', steps: [email], next: goals.map((goal) => goal.id) }]
    const defined = defineCampaign({ id: 'c', goals, sequences })
    expect(defined).toMatchObject({ _tag: 'Right' })
    expect(pathsOf({ id: 'c', goals: [...goals, goals[7]], sequences })).toEqual(['/goals/10000/id'])
  })
})

describe('large definitions', () => {
  // In time linear in their size; each of these took from 9 to 19 seconds where every node walked the whole graph.
  it.each([
    ['8,000 sequences in a chain', (i: number) => (i < 7999 ? [`s${i + 1}`] : ['done'])],
    ['8,000 sequences in a ring', (i: number) => [`s${(i + 1) % 8000}`]],
  ])('VERSION-2: %s are a campaign', (_, nextOf) => {
    const sequences = Array.from({ length: 8000 }, (_, i) => ({ id: `s${i}`, steps: [email], next: nextOf(i) }))
    const defined = defineCampaign({ id: 'c', goals: [{ id: 'done', when: { kind: 'k' } }], sequences })
    expect(defined).toMatchObject({ _tag: 'Right' })
  })

  it('VERSION-2: 6,500 goals over 6,500 sequences, each before all that follow, are a campaign', () => {
    const numbers = Array.from({ length: 6500 }, (_, i) => i)
    const goals = numbers.map((i) => ({ id: `g${i}`, when: { kind: 'k' }, achievableBy: 'members' }))
    const next = (i: number) => (i < 6499 ? [`s${i + 1}`, `g${i}`] : ['g6499'])
    const defined = defineCampaign({
      id: 'c',
      goals,
      sequences: numbers.map((i) => ({ id: `s${i}`, steps: [email], next: next(i) })),
    })
    if (isLeft(defined)) throw new Error('unreachable')
    const { isUpstream } = defined.right
    expect(['g0', 'g3000', 'g6499'].map((goal) => isUpstream('s3000', goal))).toEqual([false, true, true])
  })

  it('VERSION-2: each warning of a chain is found, and each sequence of a ring leads back to itself', () => {
    const ring = ['a', 'b', 'c'].map((id, i, all) => ({ id, steps: [email], next: [all[(i + 1) % 3]] }))
    const chain = [
      { id: 'in', steps: [email], next: ['a'] },
      { id: 'self', steps: [email], next: ['self'] },
    ]
    const defined = defineCampaign({ id: 'c', goals: [], sequences: [...chain, ...ring] })
    if (isLeft(defined)) throw new Error('unreachable')
    const loops = defined.right.warnings.filter(({ message }) => message.includes('leads back to itself'))
    expect(loops.map(({ value }) => value)).toEqual(['self', 'a', 'b', 'c'])
  })

  it.each([
    ['nodes', { goals: [], sequences: Array.from({ length: 20_001 }, () => null) }],
    ['steps', { goals: [], sequences: [{ id: 's', steps: Array.from({ length: 50_001 }, () => null) }] }],
    ['routes', { goals: [{ id: 'g', next: Array.from({ length: 100_001 }, () => 's') }], sequences: [] }],
  ])('VERSION-2: too many %s are one problem that says so', (what, more) => {
    const defined = defineCampaign({ id: 'c', ...more })
    if (!isLeft(defined)) throw new Error('unreachable')
    expect(defined.left.problems).toEqual([{ path: '', message: expect.stringContaining(what) }])
  })
})

describe('warnings', () => {
  const warningsOf = (definition: unknown) => {
    const defined = defineCampaign(definition)
    if (isLeft(defined)) throw new Error(JSON.stringify(defined.left))
    return defined.right.warnings.map(({ path, message }) => [path, message.split(/[:,]/)[0]])
  }

  it('VERSION-2: a sequence that only a hand can start', () => {
    const alone = 'has no route to it'
    expect(warningsOf({ id: 'c', goals: [], sequences: [{ id: 's', steps: [email] }] })).toEqual([
      ['/sequences/0', alone],
    ])
    const timer = { after: 'P1D' }
    const itself = { id: 'c', goals: [], sequences: [{ id: 's', steps: [{ ...email, timer }], next: ['s'] }] }
    expect(warningsOf(itself)).toEqual([['/sequences/0', alone]])
  })

  it('VERSION-2: a loop without a wait', () => {
    const loop = (timer?: object) => ({
      id: 'c',
      goals: [{ id: 'g', when: { kind: 'k' }, next: ['a'] }],
      sequences: [
        { id: 'a', steps: [email], next: ['b'] },
        { id: 'b', steps: [{ ...email, ...(timer && { timer }) }], next: ['a'] },
      ],
    })
    const message = 'leads back to itself without a wait'
    expect(warningsOf(loop())).toEqual([
      ['/sequences/0', message],
      ['/sequences/1', message],
    ])
    expect(warningsOf(loop({ after: 'P1D' }))).toEqual([])
  })

  it('VERSION-2: a goal that only members can satisfy in a campaign that nothing makes members of', () => {
    const members = {
      id: 'c',
      goals: [{ id: 'g', when: { kind: 'k' }, achievableBy: 'members', next: ['s'] }],
      sequences: [{ id: 's', steps: [email] }],
    }
    expect(warningsOf(members)).toEqual([['/goals/0/achievableBy', 'can be satisfied by members only']])
    const entry = { id: 'entry', when: { kind: 'k' }, next: ['s'] }
    expect(warningsOf({ ...members, goals: [...members.goals, entry] })).toEqual([])
  })

  it('VERSION-2: an exit from nothing, and a sequence of drafts', () => {
    expect(
      warningsOf({
        id: 'c',
        goals: [
          { id: 'in', when: { kind: 'k' }, next: ['s'] },
          { id: 'out', when: { kind: 'k' }, achievableBy: 'members' },
        ],
        sequences: [{ id: 's', steps: [{ ...email, draft: true }] }],
      }),
    ).toEqual([
      ['/goals/1', 'stops nothing and starts nothing'],
      ['/sequences/0/steps', 'are all drafts'],
    ])
  })

  it('VERSION-2a: the same value of a signal compared with values of different types', () => {
    const sequences = [{ id: 's', steps: [email] }]
    const goal = (id: string, ...patterns: object[]) => ({ id, when: patterns, next: ['s'] })
    const paid = (total: unknown, kind = 'paid') => ({ kind, match: { total } })
    const mixed = [goal('a', paid('100'), paid('200')), goal('b', paid(null), paid(100)), goal('c', paid(true))]
    expect(warningsOf({ id: 'c', goals: mixed, sequences })).toEqual([
      ['/goals/1/when/1/match/total', 'is a number'],
      ['/goals/2/when/0/match/total', 'is a boolean'],
    ])
    const other = { kind: 'paid', match: { sum: 1 } }
    expect(warningsOf({ id: 'c', goals: [goal('a', paid('1'), paid(1, 'sold'), other)], sequences })).toEqual([])
  })

  it('VERSION-2: integers in patterns and conditions that a number cannot hold', () => {
    const large = 2 ** 53
    const fits = 2 ** 53 - 1
    const steps = [{ ...email, if: { all: [{ tag: 't' }, { none: [{ field: 'n', atLeast: large }] }] } }]
    const next = [{ to: 's', if: { any: [{ field: 'n', atMost: -large }] } }]
    const definition = {
      id: 'c',
      goals: [
        {
          id: 'one',
          when: { kind: 'k', match: { 'a/b~c': large, fits, text: String(large), part: 0.5 } },
          next: ['s'],
        },
        { id: 'two', when: [{ kind: 'k' }, { kind: 'k', match: { x: large } }], next },
        { id: 'three', when: { kind: 'k' }, next: [{ to: 'r', if: { field: 'n', in: [1, fits, 1e300] } }] },
      ],
      sequences: [
        { id: 's', steps, next: [{ to: 's', if: { field: 'n', equals: large } }] },
        { id: 'r', steps: [email] },
      ],
    }
    expect(warningsOf(definition).filter(([, message]) => message?.includes('kept exactly'))).toEqual([
      ['/goals/0/when/match/a~1b~0c', '9007199254740992 cannot be kept exactly; use a string'],
      ['/goals/1/when/1/match/x', '9007199254740992 cannot be kept exactly; use a string'],
      ['/goals/1/next/0/if/any/0/atMost', '-9007199254740992 cannot be kept exactly; use a string'],
      ['/goals/2/next/0/if/in/2', '1e+300 cannot be kept exactly; use a string'],
      ['/sequences/0/steps/0/if/all/1/none/0/atLeast', '9007199254740992 cannot be kept exactly; use a string'],
      ['/sequences/0/next/0/if/equals', '9007199254740992 cannot be kept exactly; use a string'],
    ])
  })
})

describe('the schema', () => {
  it('VERSION-2: the published JSON Schema is the one that is checked against', () => {
    const renew =
      'Renew it: node -e "import(\'@enfold/core\').then((core) => console.log(JSON.stringify(core.campaignJsonSchema)))" > schema/campaign.schema.json in packages/core, then biome format --write'
    expect(file, renew).toEqual(campaignJsonSchema)
  })
})

describe('what the compiler refuses', () => {
  it('VERSION-2: a route to a node that the campaign does not have, and ids of another kind', () => {
    const steps = [email]
    const written = campaign({
      id: 'c',
      goals: [{ id: 'g', when: { kind: 'k' }, next: ['s', { to: 's', if: { tag: 't' } }] }],
      sequences: [{ id: 's', steps, next: ['g', 's'] }],
    })
    expect(problemsOf(written)).toEqual([])
    const wrong = campaign({
      id: 'c',
      // @ts-expect-error there is no node "x"
      goals: [{ id: 'g', when: { kind: 'k' }, next: ['x'] }],
      // @ts-expect-error there is no node "y"
      sequences: [{ id: 's', steps, next: [{ to: 'y', otherwise: true }] }],
    })
    expect(pathsOf(wrong)).toEqual(['/goals/0/next/0', '/sequences/0/next/0/to'])

    const contactId: ContactId = 'contact'
    // @ts-expect-error a contact is no sequence
    const sequenceId: SequenceId = contactId
    // @ts-expect-error and a sequence is no contact
    const back: ContactId = sequenceId as SequenceId
    expect(back).toBe(contactId)
  })
})
