/**
 * Arbitraries for fast-check: plausible campaigns, facts, and whole histories of a contact that really can happen,
 * for they are played through the engine's own decisions. For properties of your own projections and stores.
 */
import {
  type CampaignDefinition,
  type Condition,
  campaignStream,
  contactStream,
  type Facts,
  type MatchTest,
  type RecordedEvent,
  type Route,
  type SequenceDefinition,
  type StepDefinition,
  type StoryWord,
  type Timer,
  type ValueTest,
  VERB_OF_STORY,
  type Windows,
} from '@enfold/core'
import { chainHash, digestOf } from '@enfold/core/log'
import fc, { type Arbitrary } from 'fast-check'
import { type History, type Move, type MoveKind, play, SIGNAL_KINDS } from './play.ts'

export type { History, Played } from './play.ts'

/** Ids as no host should have them, and as some host has them. Rule LOG-6. */
export const hostileIds: readonly string[] = [
  '__proto__',
  'constructor',
  'toString',
  'a/b',
  'a%2Fb',
  '~waiting',
  '-dash',
  '../..',
  ' ',
  '"\'\\',
  '<b>',
  'ünï',
  'x'.repeat(200),
  '\u202egnp.exe',
  '\uffff',
  '😀',
  '0',
]

/** Any legal id, the nastier ones often. */
export const idArbitrary: Arbitrary<string> = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(...hostileIds) },
  { weight: 3, arbitrary: fc.stringMatching(/^[a-z]{1,6}$/) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }) },
)

const TAGS = ['customer', '__proto__'] as const
const FIELDS = ['spend', 'birthday', 'constructor'] as const

/** A contact's facts, with zones and dates that are none among them. */
export const factsArbitrary: Arbitrary<Facts> = fc.record(
  {
    timeZone: fc.constantFrom('Europe/Berlin', 'America/Chicago', 'Asia/Kathmandu', 'PST', 'Nowhere/At_All'),
    tags: fc.subarray([...TAGS]),
    fields: fc.record(
      {
        spend: fc.constantFrom(0, 20, 1000, '1000'),
        birthday: fc.constantFrom(
          '1980-02-29',
          '1999-03-03',
          '2026-03-04T10:30',
          '2026-03-05T09:00:00+02:00',
          '',
          'soon',
        ),
        constructor: fc.constantFrom(true, 5),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
)

/** @param variables that a condition may read (VAR-2) */
function conditionArbitrary(variables: readonly string[]): Arbitrary<Condition> {
  const ofVariables = (test: Arbitrary<ValueTest>): Arbitrary<Condition>[] =>
    variables.length === 0
      ? []
      : [fc.tuple(fc.constantFrom(...variables), test).map(([name, one]) => ({ var: name, ...one }))]
  return fc.letrec<{ any: Condition; leaf: Condition }>((tie) => ({
    leaf: fc.oneof(
      fc.record({ tag: fc.constantFrom(...TAGS) }),
      fc.record({ field: fc.constantFrom(...FIELDS), equals: fc.constantFrom(0, 20, '1000', true) }),
      fc.record({ field: fc.constantFrom(...FIELDS), in: fc.subarray([0, 20, 1000]) }),
      fc.record({ field: fc.constantFrom(...FIELDS), atLeast: fc.constantFrom(1, 1000) }),
      fc.record({ field: fc.constantFrom(...FIELDS), atMost: fc.constantFrom(1, 1000) }),
      fc.record({ field: fc.constantFrom(...FIELDS), exists: fc.boolean() }),
      ...ofVariables(fc.record({ equals: fc.constantFrom(1, '1', 'red') })),
      ...ofVariables(fc.record({ in: fc.subarray([1, '1', 'red']) })),
      ...ofVariables(fc.record({ atLeast: fc.constantFrom(1, 2) })),
      ...ofVariables(fc.record({ atMost: fc.constantFrom(1, 2) })),
      ...ofVariables(fc.record({ exists: fc.boolean() })),
    ),
    any: fc.oneof(
      { maxDepth: 2, withCrossShrink: true },
      tie('leaf'),
      fc.record({ all: fc.array(tie('any'), { maxLength: 2 }) }),
      fc.record({ any: fc.array(tie('any'), { maxLength: 2 }) }),
      fc.record({ none: fc.array(tie('any'), { maxLength: 2 }) }),
    ),
  })).any
}

const daysArbitrary = fc.subarray(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const, { minLength: 1 })
const exceptArbitrary = fc.subarray(['2026-03-03', '2026-03-04', '2026-03-29'])
const oneWindowArbitrary = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record(
      {
        days: daysArbitrary,
        from: fc.constantFrom('00:00', '08:00', '22:00'),
        to: fc.constantFrom('06:00', '18:00', '24:00'),
        except: exceptArbitrary,
      },
      { requiredKeys: ['from', 'to'] },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record(
      { days: daysArbitrary, keepTime: fc.constant(true as const), except: exceptArbitrary },
      { requiredKeys: ['days', 'keepTime'] },
    ),
  },
)
const windowArbitrary: Arbitrary<Windows> = fc.oneof(
  { weight: 3, arbitrary: oneWindowArbitrary },
  { weight: 1, arbitrary: fc.array(oneWindowArbitrary, { minLength: 1, maxLength: 3 }) },
)

const fromArbitrary = fc.constant('start' as const)

const timerArbitrary = (variables: readonly string[]): Arbitrary<Timer> =>
  fc
    .tuple(
      fc.oneof<Arbitrary<Timer>[]>(
        ...variableTimers(variables),
        fc.record(
          { after: fc.constantFrom('PT0S', 'PT2H', 'P1D', 'P3D'), from: fromArbitrary },
          { requiredKeys: ['after'] },
        ),
        fc.record(
          { afterDays: fc.integer({ min: 0, max: 3 }), at: fc.constantFrom('08:00', '02:30'), from: fromArbitrary },
          { requiredKeys: ['afterDays'] },
        ),
        fc.record(
          { afterWeekdays: fc.integer({ min: 0, max: 3 }), at: fc.constant('09:30'), from: fromArbitrary },
          { requiredKeys: ['afterWeekdays'] },
        ),
        fc.record({
          on: fc.constantFrom('2026-03-29T02:30', '2026-03-05T09:00', '2020-01-01T00:00'),
          whenPast: fc.constantFrom('skip', 'send'),
        }),
        fc.record({
          field: fc.constantFrom(...FIELDS),
          offsetDays: fc.integer({ min: -7, max: 7 }),
          at: fc.constant('09:00'),
          occurrence: fc.constantFrom('exact', 'next'),
          whenPast: fc.constantFrom('skip', 'send'),
        }),
        fc.record({
          field: fc.constantFrom(...FIELDS),
          offset: fc.constantFrom('-PT1H', 'PT0S', 'P2D'),
          whenPast: fc.constantFrom('skip', 'send'),
        }),
      ),
      fc.option(windowArbitrary, { nil: undefined, freq: 4 }),
    )
    .map(([timer, window]) => (window === undefined ? timer : { ...timer, window }))

function variableTimers(variables: readonly string[]): Arbitrary<Timer>[] {
  if (variables.length === 0) return []
  const name = fc.constantFrom(...variables)
  const whenPast = fc.constantFrom('skip' as const, 'send' as const)
  return [
    fc.record({ var: name, offset: fc.constantFrom('-PT1H', 'P2D'), whenPast }),
    fc.record({
      var: name,
      offsetDays: fc.integer({ min: -7, max: 7 }),
      at: fc.constant('09:00'),
      occurrence: fc.constantFrom('exact' as const, 'next' as const),
      whenPast,
    }),
  ]
}

/** Mostly no condition, so that most steps go out. */
const ifArbitrary = (variables: readonly string[]): Arbitrary<Condition | undefined> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: conditionArbitrary(variables) })

const plainStepArbitrary = (variables: readonly string[]): Arbitrary<Omit<StepDefinition, 'id' | 'if'>> =>
  fc.record(
    {
      kind: fc.constantFrom('email', 'task'),
      timer: timerArbitrary(variables),
      draft: fc.nat({ max: 3 }).map((n) => n === 3),
      params: fc.constant({ template: 'x' }),
      maxAttempts: fc.integer({ min: 1, max: 3 }),
      onFailure: fc.constantFrom('continue', 'stop', 'hold'),
      onUnknown: fc.constantFrom('retry', 'hold'),
      expiresAfter: fc.constantFrom('PT1H', 'P2D'),
    },
    { requiredKeys: ['kind'] },
  )

const stepArbitrary = (variables: readonly string[]): Arbitrary<Omit<StepDefinition, 'id'>> =>
  fc
    .tuple(plainStepArbitrary(variables), ifArbitrary(variables))
    .map(([step, condition]) => (condition === undefined ? step : { ...step, if: condition }))

export interface CampaignSize {
  /** Default 4. */
  readonly maxSequences?: number
  /** Default 4. */
  readonly maxGoals?: number
  /** Default 3. */
  readonly maxSteps?: number
}

/**
 * Campaigns that `defineCampaign` accepts: goals for anyone and for members, several patterns, loops, conditions,
 * `otherwise`, variables and keys, timers of all kinds, windows of all forms, steps with conditions, drafts, holds, sequences that run to completion, hostile ids.
 */
export function campaignArbitrary(size: CampaignSize = {}): Arbitrary<CampaignDefinition> {
  const { maxSequences = 4, maxGoals = 4, maxSteps = 3 } = size
  const idsArbitrary = (max: number, min = 1) => fc.uniqueArray(idArbitrary, { minLength: min, maxLength: max })
  const nodesArbitrary = fc
    .tuple(fc.integer({ min: 1, max: maxSequences }), fc.integer({ min: 0, max: maxGoals }))
    .chain(([sequences, goals]) =>
      idsArbitrary(sequences + goals, sequences + goals).map((ids) => ({
        sequenceIds: ids.slice(0, sequences),
        goalIds: ids.slice(sequences),
      })),
    )
  const withVariables = nodesArbitrary.chain(({ sequenceIds, goalIds }) =>
    fc.tuple(...sequenceIds.map((id) => keyedArbitrary.map((keyed) => ({ id, ...keyed })))).map((sequences) => ({
      goalIds,
      sequences,
    })),
  )
  return withVariables.chain(({ sequences, goalIds }) => {
    const nodeIds = [...sequences.map(({ id }) => id), ...goalIds]
    const next = nextArbitrary(nodeIds, [])
    const hasOrders = sequences.some(({ vars = {} }) => Object.hasOwn(vars, 'order'))
    const pattern = patternArbitrary(hasOrders)
    return fc.record(
      {
        id: idArbitrary,
        timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'Pacific/Apia'),
        fields: fc.constant({ spend: { private: true } }),
        signals: signalsArbitrary,
        goals: fc.tuple(
          ...goalIds.map((id) =>
            fc.record(
              {
                id: fc.constant(id),
                when: fc.oneof(pattern, fc.array(pattern, { minLength: 1, maxLength: 2 })),
                achievableBy: fc.constantFrom('anyone', 'members'),
                same: fc.constantFrom('which', 'colour'),
                next,
              },
              { requiredKeys: ['id', 'when'] },
            ),
          ),
        ),
        sequences: fc.tuple(
          ...sequences.map(({ id, ...keyed }) => {
            const variables = Object.keys(keyed.vars ?? {})
            const step = stepArbitrary(variables)
            return fc
              .record(
                {
                  id: fc.constant(id),
                  steps: idsArbitrary(maxSteps).chain((ids) =>
                    fc.tuple(...ids.map((stepId) => step.map((one) => ({ id: stepId, ...one })))),
                  ),
                  onGoal: fc.constantFrom('stop', 'runToCompletion'),
                  next: nextArbitrary(nodeIds, variables),
                },
                { requiredKeys: ['id', 'steps', 'next'] },
              )
              .map((sequence) => ({ ...sequence, ...keyed }))
          }),
        ),
      },
      { requiredKeys: ['id', 'goals', 'sequences'] },
    ) as Arbitrary<CampaignDefinition>
  })
}

/** Half of the sequences have variables, and half of those run once for each value of one. */
const keyedArbitrary: Arbitrary<Pick<SequenceDefinition, 'vars' | 'per'>> = fc.constantFrom<
  Pick<SequenceDefinition, 'vars' | 'per'>
>(
  {},
  {},
  { vars: { order: { data: 'which' } }, per: 'order' },
  { vars: { order: { data: 'which' }, day: { data: 'day' } }, per: 'order' },
  { vars: { order: { data: 'which' }, day: { data: 'day' } } },
  // As JSON has it: an own property of that name.
  JSON.parse('{ "vars": { "__proto__": { "data": "colour" }, "order": { "data": "which" } }, "per": "__proto__" }'),
)

const patternArbitrary = (hasOrders: boolean) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom(...SIGNAL_KINDS) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom(...SIGNAL_KINDS),
        match: fc.constantFrom<Record<string, MatchTest>>(
          { which: 1 },
          { which: { atLeast: 1 }, colour: { exists: false } },
          { which: { atMost: 1 } },
          { colour: { exists: true } },
          { which: { in: [1, 2] } },
          { colour: { not: 'red' } },
          ...(hasOrders ? [{ which: { var: 'order' } }] : []),
        ),
        automated: fc.boolean(),
      }),
    },
  )

/** What is kept of some kinds; of others nothing. */
const signalsArbitrary = fc.dictionary(
  fc.constantFrom(...SIGNAL_KINDS),
  fc.constantFrom({ keep: ['which', 'colour'] }, { keep: ['which'], private: ['colour'] }, {}),
)

function nextArbitrary(ids: readonly string[], variables: readonly string[]): Arbitrary<Route[]> {
  return fc
    .tuple(
      fc.subarray([...ids], { maxLength: Math.min(3, ids.length) }),
      fc.array(fc.option(conditionArbitrary(variables)), { maxLength: 3 }),
      fc.boolean(),
    )
    .map(([targets, conditions, otherwise]) =>
      targets.map((to, i): Route => {
        const condition = conditions[i]
        if (condition !== undefined && condition !== null) return { to, if: condition }
        return otherwise && i === targets.length - 1 ? { to, otherwise: true } : to
      }),
    )
}

// --- Histories ------------------------------------------------------------------------------------------------------

/** How often each comes. The first is what a counterexample shrinks to. Of a verb that is not named: `OFTEN`. */
const MOVES = {
  wait: 3,
  ...({
    start: 8,
    stop: 2,
    restart: 1,
    pause: 2,
    resume: 6,
    stopAll: 0.4,
    suppress: 0.4,
    unsuppress: 2,
    erase: 0.2,
    signal: 6,
    resend: 5,
    cancel: 3,
    retract: 1,
  } satisfies { readonly [Word in StoryWord]?: number }),
  wake: 16,
  dispatch: 12,
  report: 20,
  crash: 2,
  publish: 1,
  unpublish: 0.4,
  pauseCampaign: 0.4,
  resumeCampaign: 0.8,
  facts: 1,
} as const satisfies { readonly [Kind in MoveKind]?: number }
const OFTEN = 3
const WEIGHTS: ReadonlyMap<string, number> = new Map([
  ...Object.entries(MOVES),
  ...[...VERB_OF_STORY.keys()].filter((word) => !Object.hasOwn(MOVES, word)).map((word) => [word, OFTEN] as const),
])

const moveArbitrary: Arbitrary<Move> = fc.tuple(
  fc.oneof(
    { withCrossShrink: true },
    ...[...WEIGHTS].map(([kind, weight]) => ({
      weight: Math.ceil(weight * 5),
      arbitrary: fc.constant(kind as MoveKind),
    })),
  ),
  fc.nat({ max: 59 }),
  fc.nat({ max: 59 }),
)

/** Mostly long: what is interesting takes some time to happen. */
function movesArbitrary(maxLength: number): Arbitrary<readonly Move[]> {
  const minLength = maxLength >> 1
  return fc.oneof(
    { weight: 1, arbitrary: fc.array(moveArbitrary, { maxLength: minLength }) },
    { weight: 4, arbitrary: fc.array(moveArbitrary, { minLength, maxLength, size: 'max' }) },
  )
}

export interface HistorySize extends CampaignSize {
  /** Commands and waits. Default 40. */
  readonly maxMoves?: number
}

/**
 * Legal histories of one contact in one campaign: commands of all kinds, goals, waits, dispatches, outcomes of all
 * kinds, workers that die and come back, new versions, changing facts. Every event was decided by `decide`.
 *
 * @example
 * fc.assert(fc.property(historyArbitrary(), ({ events, state }) => isDeepStrictEqual(fold(events), state)))
 */
export function historyArbitrary(size: HistorySize = {}): Arbitrary<History> {
  return fc
    .tuple(
      campaignArbitrary(size),
      idArbitrary,
      fc.array(factsArbitrary, { minLength: 1, maxLength: 3 }),
      movesArbitrary(size.maxMoves ?? 40),
    )
    .map(([definition, contactId, facts, moves]) => play(definition, contactId, facts, moves))
}

/**
 * One whole log of many histories, as a store would have written it: by instant, positions 1, 2, 3 …, with a hash chain.
 * Of histories that share a contact or a campaign only the first is taken.
 *
 * @example
 * const log = logOf(fc.sample(historyArbitrary(), { numRuns: 20, seed: 1 }))
 */
export function logOf(histories: readonly History[]): readonly RecordedEvent[] {
  const taken = new Set<string>()
  const inOrder: { readonly event: RecordedEvent; readonly history: number }[] = []
  for (const [history, { contactId, definition, events, publications }] of histories.entries()) {
    const streams = [contactStream(contactId), campaignStream(definition.id)]
    if (streams.some((stream) => taken.has(stream)) || events.length === 0) continue
    for (const stream of streams) taken.add(stream)
    for (const event of [...publications, ...events]) inOrder.push({ event, history })
  }
  // Of one instant, in the order in which the history decided them: a campaign that was unpublished last was started before.
  inOrder.sort((a, b) =>
    a.event.at !== b.event.at
      ? a.event.at < b.event.at
        ? -1
        : 1
      : a.history - b.history || a.event.position - b.event.position,
  )
  const heads = new Map<string, string>()
  return inOrder.map(({ event }, i) => {
    const hash = chainHash(heads.get(event.stream) ?? null, digestOf(event))
    heads.set(event.stream, hash)
    return { ...event, position: i + 1, hash }
  })
}
