import {
  type CampaignDefinition,
  type CampaignEventData,
  type Cause,
  type ContactEventData,
  campaign,
  campaignStream,
  canonicalJson,
  contactStream,
  type EventMeta,
  type EventPlace,
  type EventType,
  type Instant,
  instantOf,
  isEnfoldFault,
  isLegalId,
  isRight,
  type JsonValue,
  type MatchTest,
  type Observation,
  type RecordedEvent,
  type RouteTaken,
  SCHEMA_VERSION,
  type Timing,
  UNDO_RUN_OUTCOMES,
} from '@enfold/core'
import {
  type DecodeProblem,
  decodeEvent,
  digestOf,
  encodeEvent,
  eventJsonSchema,
  type LogEntry,
  readLog,
  type Upcasters,
} from '@enfold/core/log'
import { commands, historyArbitrary, scenario } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { Compile } from 'typebox/compile'
import { describe, expect, it } from 'vitest'

type EventData = ContactEventData & CampaignEventData

const days = (id: string) => ({ id, kind: 'email', timer: { after: 'P1D' } })
const course = campaign({ id: 'course', goals: [], sequences: [{ id: 's', steps: [days('a'), days('b')] }] })

// --- Arbitrary events -----------------------------------------------------------------------------------------------

const id = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'a/b',
    '-x',
    '🏊‍♀️',
    '\u202Etxet',
    '"\'`\\',
    'two\nlines',
    '\u0000',
    '\u2028',
  ),
  fc.constantFrom('x'.repeat(200), '🏊'.repeat(200), ' ', 'e\u0301', '%2F'),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }).filter(isLegalId),
)
/** Any UTF-16 units, and so lone surrogates too. */
const text = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 12 }).map((u) => String.fromCharCode(...u))
const trace = fc.tuple(fc.bigInt(0n, 2n ** 128n - 1n), fc.bigInt(0n, 2n ** 64n - 1n)).map(([traceId, spanId]) => {
  return `00-${traceId.toString(16).padStart(32, '0')}-${spanId.toString(16).padStart(16, '0')}-01`
})
const instant: fc.Arbitrary<Instant> = fc.integer({ min: -62167219200000, max: 253402300799999 }).map(instantOf)
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
const count = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }))
const natural = fc.oneof(fc.constant(0), count)
const json: fc.Arbitrary<JsonValue> = fc
  .oneof(
    fc.jsonValue({ stringUnit: 'binary' }),
    fc.constant('{"__proto__":{"polluted":true},"constructor":null,"1":2}').map((it) => JSON.parse(it)),
    text,
  )
  // JSON has no -0.
  .map((value) => JSON.parse(JSON.stringify(value)) as JsonValue)

const sequence = { campaignId: id, sequenceId: id }
const run = { ...sequence, run: count }
const step = { ...run, stepId: id }
const attempt = { ...step, resend: natural, attempt: count }
const timing: fc.Arbitrary<Timing> = fc.record(
  {
    anchor: instant,
    dueAt: instant,
    timeZone: text,
    invalidTimeZone: text,
    field: fc.record({ name: text, value: json }, { requiredKeys: ['name'] }),
  },
  { requiredKeys: ['anchor', 'dueAt'] },
)
const routes: fc.Arbitrary<RouteTaken[]> = fc.array(
  fc.record(
    {
      to: id,
      outcome: fc.constantFrom(...(['closed', 'started', 'already_active', 'goal', 'not_published', 'brake'] as const)),
      run: count,
    },
    { requiredKeys: ['to', 'outcome'] },
  ),
  { maxLength: 3 },
)
const saw: fc.Arbitrary<Observation[]> = fc.array(
  fc.oneof(
    fc.record({ tag: text, present: fc.boolean() }),
    fc.record({ field: text, value: json }),
    fc.record({ field: text, test: text, holds: fc.boolean() }),
  ),
  { maxLength: 3 },
)
const by = <const By extends string>(value: By) => ({ by: fc.constant(value) })
const cause: fc.Arbitrary<Cause> = fc.oneof(
  fc.record({ ...by('operator'), reason: text }, { requiredKeys: ['by'] }),
  fc.record({ ...by('bulk'), actionId: id, reason: text }, { requiredKeys: ['by', 'actionId'] }),
  fc.record({ ...by('signal'), signalId: id, kind: text }),
  fc.record({ ...by('goal'), campaignId: id, goalId: id }),
  fc.record({ ...by('sequence'), ...run }),
  fc.record({ ...by('step'), stepId: id }),
)
const scalar = json.map((value) => (typeof value === 'object' ? null : value))
const matchTest: fc.Arbitrary<MatchTest> = fc.oneof(
  scalar,
  fc.record({ atLeast: fc.integer() }),
  fc.record({ atMost: fc.integer() }),
  fc.record({ in: fc.array(scalar, { maxLength: 3 }) }),
  fc.record({ not: scalar }),
  fc.record({ exists: fc.boolean() }),
)
const definition: fc.Arbitrary<CampaignDefinition> = fc.record(
  {
    id,
    name: fc.string({ minLength: 1 }),
    timeZone: fc.constantFrom('UTC', 'America/Chicago'),
    fields: fc.dictionary(fc.constantFrom('birthday', '__proto__', 'x'), fc.constant({ private: true })),
    goals: fc.array(
      fc.record({
        id,
        when: fc.record({ kind: fc.string({ minLength: 1 }), match: fc.dictionary(fc.string(), matchTest) }),
        next: fc.array(fc.record({ to: id, if: fc.record({ all: fc.constant([{ tag: 'customer' }]) }) })),
      }),
      { maxLength: 2 },
    ),
    sequences: fc.array(
      fc.record({
        id,
        steps: fc.array(
          fc.record({
            id,
            kind: fc.constant('email'),
            timer: fc.constantFrom({ after: 'P3D' }, { afterDays: 2, at: '08:00' }),
            params: fc.record({ template: json }),
          }),
          { minLength: 1, maxLength: 3 },
        ),
      }),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: ['id', 'goals', 'sequences'] },
)

const unmet = fc.array(
  fc.record({
    campaignId: id,
    goalId: id,
    because: fc.constantFrom(...(['not_member', 'suppressed', 'automated'] as const)),
    saw,
  }),
)

const DATA: { [Type in EventType]: fc.Arbitrary<EventData[Type]> } = {
  SequenceStarted: fc.record(
    {
      ...run,
      campaignVersion: count,
      continues: count,
      standing: fc.constantFrom(...(['paused', 'waiting'] as const)),
      shiftMs: natural,
    },
    { requiredKeys: ['campaignId', 'sequenceId', 'run', 'campaignVersion'] },
  ),
  SequenceStopped: fc.record(run),
  RunUndone: fc.record({ ...run, waiting: fc.boolean() }),
  SequencePaused: fc.record(run),
  SequenceResumed: fc.record({ ...run, shiftMs: natural }),
  SequenceCompleted: fc.record({ ...run, waiting: fc.boolean(), routes, saw }),
  SignalReceived: fc.record({
    signalId: id,
    kind: text,
    occurredAt: instant,
    automated: fc.boolean(),
    data: fc.dictionary(fc.oneof(text, fc.constant('__proto__')), scalar),
    clipped: fc.array(text),
    tests: saw,
    unmet,
  }),
  SignalsDropped: fc.record({ count, signalId: id, unmet }),
  SignalRetracted: fc.record({
    signalId: id,
    goals: fc.array(fc.record({ campaignId: id, goalId: id, campaignVersion: count })),
    results: fc.array(fc.record({ ...run, outcome: fc.constantFrom(...UNDO_RUN_OUTCOMES) })),
  }),
  GoalSatisfied: fc.record(
    {
      campaignId: id,
      goalId: id,
      campaignVersion: count,
      signalId: id,
      kind: text,
      occurredAt: instant,
      pattern: natural,
      routes,
      saw,
      matched: fc.array(
        fc.record({
          campaignId: id,
          goalId: id,
          outcome: fc.constantFrom(...(['satisfied', 'not_member', 'automated'] as const)),
        }),
      ),
    },
    {
      requiredKeys: [
        'campaignId',
        'goalId',
        'campaignVersion',
        'signalId',
        'kind',
        'occurredAt',
        'pattern',
        'routes',
        'saw',
      ],
    },
  ),
  StepDispatched: fc.record({ ...attempt, idempotencyKey: id, timing: orNull(timing) }),
  StepSent: fc.record(
    { ...attempt, receipt: text },
    { requiredKeys: ['campaignId', 'sequenceId', 'run', 'stepId', 'resend', 'attempt'] },
  ),
  StepFailed: fc.record({
    ...attempt,
    reason: text,
    consequence: fc.constantFrom(...(['retry', 'continue', 'stop', 'hold'] as const)),
    retryAt: orNull(instant),
  }),
  StepSkipped: fc.record({ ...attempt, attempt: natural, reason: text, timing: orNull(timing) }),
  StepResent: fc.record({ ...step, resend: count }),
  StepCancelled: fc.record(step),
  StepRescheduled: fc.record(
    { ...step, dueAt: fc.option(instant), from: instant, to: instant, now: fc.boolean() },
    { requiredKeys: ['campaignId', 'sequenceId', 'run', 'stepId', 'dueAt'] },
  ),
  RunShifted: fc.record({ ...run, byMs: fc.maxSafeInteger() }),
  RunMoved: fc.record({
    ...run,
    from: fc.option(id),
    to: id,
    standsAt: fc.option(id),
    wait: fc.constantFrom('none', 'keep'),
    again: fc.array(id),
  }),
  OrderUndone: fc.record(
    { ...run, undoes: id, order: fc.constantFrom('skip', 'cancel', 'resend', 'move'), stepId: id },
    { requiredKeys: ['campaignId', 'sequenceId', 'run', 'undoes', 'order'] },
  ),
  ContactSuppressed: fc.record({ until: orNull(instant) }),
  ContactUnsuppressed: fc.record({}),
  ContactErased: fc.record({}),
  CampaignPublished: fc.record({ campaignId: id, campaignVersion: count, definition }),
  CampaignUnpublished: fc.record({ campaignId: id, campaignVersion: count }),
  CampaignPaused: fc.record({
    campaignId: id,
    campaignVersion: count,
    sequences: fc.option(fc.array(id)),
    entries: fc.constantFrom('open', 'closed'),
  }),
  CampaignResumed: fc.record(
    {
      campaignId: id,
      campaignVersion: count,
      overdue: fc.constantFrom('shift', 'send', 'skip'),
      pace: fc.record({ most: count, per: fc.constantFrom('PT1H', 'P1D') }),
    },
    { requiredKeys: ['campaignId', 'campaignVersion', 'overdue'] },
  ),
  CampaignUnchanged: fc.record({
    campaignId: id,
    campaignVersion: count,
    outcome: fc.constantFrom(
      ...(['unchanged', 'superseded', 'not_published', 'already_paused', 'not_paused'] as const),
    ),
  }),
}
const TYPES = Object.keys(DATA) as EventType[]

/** Attributes that other programs added; `tenant2` and `constructor` are names like any other. */
const extensions = fc
  .uniqueArray(fc.constantFrom('tenant2', 'constructor', 'sampledrate', 'partitionkey', 'zz'), { minLength: 1 })
  .chain((names) =>
    fc.record(
      Object.fromEntries(
        names.sort().map((name) => [name, fc.oneof(fc.string({ unit: 'grapheme' }), fc.boolean(), fc.integer())]),
      ),
    ),
  )

/** Everything an event carries: a thing that is added to it must be added here, and so come back from its line. */
type Carried = { readonly [Key in keyof EventMeta | Exclude<keyof EventPlace, 'recordedAs'>]-?: fc.Arbitrary<unknown> }
const REQUIRED = [
  ...(['type', 'data', 'id', 'schema', 'at', 'commandId', 'correlationId', 'causationId'] as const),
  ...(['actor', 'cause', 'stream', 'version', 'position'] as const),
]

function eventOfType(type: EventType): fc.Arbitrary<RecordedEvent> {
  const stream = type.startsWith('Campaign') ? campaignStream : contactStream
  const carried = {
    id,
    schema: fc.constant(SCHEMA_VERSION),
    at: instant,
    commandId: id,
    correlationId: id,
    causationId: id,
    actor: orNull(id),
    cause,
    trace,
    order: fc.stringMatching(/^[0-9a-f]{16}(?:-[0-9a-f]{4})?$/),
    stream: id.map(stream),
    version: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    position: count,
    hash: fc.stringMatching(/^[0-9a-f]{64}$/),
    extensions,
  } satisfies Carried
  const model = { type: fc.constant(type), data: DATA[type], ...carried }
  return fc.record(model, { requiredKeys: REQUIRED }) as fc.Arbitrary<RecordedEvent>
}
const anyEvent = fc.oneof(...TYPES.map(eventOfType))

// --- Words for the tests --------------------------------------------------------------------------------------------

const started: RecordedEvent = {
  type: 'SequenceStarted',
  data: { campaignId: 'pool', sequenceId: 'nurture', run: 2, campaignVersion: 7 },
  id: '5b1f8f0e-3f0a-5d2b-9c55-0a8f6c1d2e3f',
  schema: 1,
  at: '2026-03-01T09:00:00.000Z',
  commandId: 'command-1',
  correlationId: 'correlation-1',
  causationId: 'causation-1',
  actor: 'ann',
  cause: { by: 'operator', reason: 'asked' },
  stream: 'contact-mike',
  version: 3,
  position: 5_000_000_000,
}
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
/** As a file would hold it, written by hand: what it looks like is a promise to other programs. */
const STARTED_LINE =
  '{"specversion":"1.0","type":"dev.enfold.SequenceStarted","source":"/enfold/contacts",' +
  '"id":"5b1f8f0e-3f0a-5d2b-9c55-0a8f6c1d2e3f","time":"2026-03-01T09:00:00.000Z","subject":"mike",' +
  '"datacontenttype":"application/json","schemaversion":1,"streamversion":3,"position":"5000000000",' +
  '"commandid":"command-1","correlationid":"correlation-1","causationid":"causation-1","actor":"ann",' +
  '"data":{"campaignId":"pool","sequenceId":"nurture","run":2,"campaignVersion":7,' +
  '"cause":{"by":"operator","reason":"asked"}}}'

const PUBLISHED_LINE = encodeEvent({
  ...started,
  stream: 'campaign-c',
  type: 'CampaignPublished',
  data: {
    campaignId: 'c',
    campaignVersion: 1,
    definition: {
      id: 'c',
      goals: [],
      sequences: [{ id: 's', steps: [{ id: 'one', kind: 'email', timer: { after: 'P1D' } }] }],
    },
  },
})

type Data = Record<string, unknown>
type Parsed = Record<string, unknown> & { data: Data }

function changed(change: (line: Parsed) => void, line = STARTED_LINE): string {
  const parsed = JSON.parse(line) as Parsed
  change(parsed)
  return JSON.stringify(parsed)
}

/** The line of `started` with these attributes instead of its own, or with these properties of its data. */
const withAttributes = (attributes: object, line = STARTED_LINE) => changed((it) => Object.assign(it, attributes), line)
const withData = (data: object, line = STARTED_LINE) => changed((it) => Object.assign(it.data, data), line)

function decoded(line: string, upcasters?: Upcasters): RecordedEvent {
  const result = decodeEvent(line, upcasters)
  if (isRight(result)) return result.right
  throw new Error(`${result.left.message} in ${line}`)
}

function problem(line: string, upcasters?: Upcasters): DecodeProblem {
  const result = decodeEvent(line, upcasters)
  if (isRight(result)) throw new Error(`This line passes: ${line}`)
  return result.left
}

const published = Compile(eventJsonSchema)

// --- The tests ------------------------------------------------------------------------------------------------------

const utf8 = (text: string) => new TextEncoder().encode(text)

/** The same keys, the same values, the same prototypes, all the way down. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b)
  const keys = Object.keys(a)
  const value = (of: object, key: string) => (of as Record<string, unknown>)[key]
  return (
    Object.getPrototypeOf(a) === Object.getPrototypeOf(b) &&
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isSame(value(a, key), value(b, key)))
  )
}

describe('a line', () => {
  it('AUDIT-1: a line is a CloudEvents 1.0 object, byte for byte the one that is documented', () => {
    expect(encodeEvent(started)).toBe(STARTED_LINE)
    expect(decoded(STARTED_LINE)).toStrictEqual(started)
  })

  it('AUDIT-1: a line of a campaign has the campaign as its subject, and no actor where none ordered it', () => {
    const { actor: _, ...meta } = started
    const line = encodeEvent({
      ...meta,
      actor: null,
      stream: 'campaign-pool',
      type: 'CampaignUnpublished',
      data: { campaignId: 'pool', campaignVersion: 7 },
    })
    expect(JSON.parse(line)).toMatchObject({ source: '/enfold/campaigns', subject: 'pool' })
    expect(JSON.parse(line)).not.toHaveProperty('actor')
    expect(decoded(line)).toMatchObject({ stream: 'campaign-pool', actor: null })
  })

  it('AUDIT-1: a line keeps to the types and names of CloudEvents', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const { data, ...attributes } = JSON.parse(encodeEvent(event)) as Parsed
        expect(data).toBeTypeOf('object')
        for (const [name, value] of Object.entries(attributes)) {
          expect(name).toMatch(/^[a-z0-9]{1,20}$/)
          if (typeof value === 'number') expect(value, name).toBe(value | 0)
          else if (typeof value !== 'boolean') expect(value, name).toBeTypeOf('string')
        }
      }),
      { numRuns: runs(100) },
    )
  })

  it('AUDIT-1: an event in a stream of the other kind is refused, for its subject would be a lie', () => {
    try {
      encodeEvent({ ...started, stream: 'campaign-pool' })
      expect.unreachable()
    } catch (error) {
      expect(isEnfoldFault(error) && [error.code, error.details.path]).toEqual(['INVALID_INPUT', 'stream'])
    }
  })
})

describe('there and back', () => {
  it('AUDIT-1: every event comes back as it was, and its line byte for byte', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const line = encodeEvent(event)
        expect(line).not.toMatch(/[\n\r]/)
        const back = decoded(line)
        // Not toEqual: that takes an own __proto__ for what it is not.
        if (!isSame(back, JSON.parse(JSON.stringify(event)))) expect(back).toStrictEqual(event)
        expect(encodeEvent(back)).toBe(line)
      }),
      { numRuns: runs(1500) },
    )
  })

  it('AUDIT-1: every event that decisions made comes back, whatever the history', () => {
    const seen = new Set<EventType>()
    const comesBack = (event: RecordedEvent) => {
      seen.add(event.type)
      const line = encodeEvent(event)
      expect(decoded(line)).toStrictEqual(event)
      expect(encodeEvent(decoded(line))).toBe(line)
    }
    fc.assert(
      fc.property(historyArbitrary(), ({ events }) => events.forEach(comesBack)),
      { numRuns: Math.max(300, runs(300)) },
    )
    // Seldom drawn: a change that is undone before anything else happens to its run.
    const { start, skip, undo } = commands
    const skipped = scenario({ campaigns: [course] }).given(start('s'), { ...skip('s', 'a'), commandId: 'skip' })
    skipped.given(undo('skip')).events.forEach(comesBack)
    // Or the property would have proved nothing about those that are missing.
    expect([...seen].sort()).toEqual(TYPES.filter((type) => !type.startsWith('Campaign')).sort())
  })

  it('LOG-3: each thing that an event carries is in its line', () => {
    // Given two events that differ in one thing only, their lines differ.
    const others: RecordedEvent[] = [
      { ...started, id: 'other' },
      { ...started, stream: 'contact-other' },
      { ...started, version: 4 },
      { ...started, position: 1 },
      { ...started, schema: 0 },
      { ...started, at: '2026-03-01T09:00:00.001Z' },
      { ...started, commandId: 'other' },
      { ...started, correlationId: 'other' },
      { ...started, causationId: 'other' },
      { ...started, actor: null },
      { ...started, cause: { by: 'operator' } },
      { ...started, trace: TRACE },
    ]
    expect(new Set([started, ...others].map(encodeEvent)).size).toBe(others.length + 1)
  })

  it('AUDIT-1: a lone surrogate in a reason survives, though not UTF-8', () => {
    const event: RecordedEvent = { ...started, cause: { by: 'operator', reason: 'half \uD83C' } }
    const bytes = utf8(encodeEvent(event))
    expect(decoded(new TextDecoder().decode(bytes))).toStrictEqual(event)
  })

  it('LOG-6: "__proto__" as a key is kept as data and never applied', () => {
    const line = encodeEvent({
      ...started,
      type: 'SequenceCompleted',
      data: {
        campaignId: '__proto__',
        sequenceId: 'constructor',
        run: 1,
        waiting: false,
        routes: [],
        saw: [{ field: 'f', value: JSON.parse('{"__proto__":{"polluted":true}}') }],
      },
    })
    const event = decoded(line)
    expect(encodeEvent(event)).toBe(line)
    expect(line).toContain('{"__proto__":{"polluted":true}}')
    const [seen] = event.type === 'SequenceCompleted' ? event.data.saw : []
    const value = seen !== undefined && 'value' in seen ? seen.value : null
    expect(Object.keys(value as object)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect({}).not.toHaveProperty('polluted')
  })
})

describe('a damaged line', () => {
  it.each([
    ['cut', STARTED_LINE.slice(0, -20)],
    ['empty', ''],
    ['with a byte order mark', `\uFEFF${STARTED_LINE}`],
    ['two in one', STARTED_LINE + STARTED_LINE],
  ])('AUDIT-5: %s, is no JSON', (_, line) => {
    expect(problem(line).reason).toBe('not-json')
  })

  it('LOG-4: what is said of a line that is no JSON quotes nothing of it', () => {
    for (const line of ['{"to":ann@people.example}', '{"to":"ann@people.example",}', 'ann@people.example']) {
      const found = problem(line)
      expect(found).toEqual({
        reason: 'not-json',
        message: expect.stringMatching(/^is no JSON( \(at character \d+\))?$/),
      })
    }
  })

  it.each(['null', '5', '"text"', '[]', '[{}]', 'true'])('AUDIT-5: %s is JSON and no event', (line) => {
    expect(problem(line)).toEqual({ reason: 'not-an-event', attribute: null, message: 'is no JSON object' })
  })

  it.each([
    ['specversion', '0.3'],
    ['type', 5],
    ['source', '/enfold/campaigns'],
    ['id', ''],
    ['id', 'x'.repeat(201)],
    ['id', '\uD83C'],
    ['time', '2026-02-29T09:00:00.000Z'],
    ['time', '2026-03-01T09:00:00Z'],
    ['time', '2026-03-01T10:00:00.000+01:00'],
    ['subject', null],
    ['datacontenttype', 'text/plain'],
    ['schemaversion', '1'],
    ['schemaversion', -1],
    ['schemaversion', 0.5],
    ['streamversion', 0],
    ['streamversion', 2 ** 31],
    ['position', 5],
    ['position', '0'],
    ['position', '05'],
    ['position', '9007199254740993'],
    ['commandid', 5],
    ['correlationid', []],
    ['causationid', {}],
    ['actor', null],
    ['traceparent', 'yes'],
    ['data', null],
    ['data', []],
    ['data', 'text'],
  ])('AUDIT-5: the attribute %s cannot be %j', (attribute, value) => {
    expect(problem(withAttributes({ [attribute]: value }))).toMatchObject({ reason: 'not-an-event', attribute })
  })

  it.each([
    'specversion',
    'type',
    'source',
    'id',
    'time',
    'subject',
    'datacontenttype',
    'schemaversion',
    'streamversion',
    'position',
    'commandid',
    'correlationid',
    'causationid',
    'data',
  ])('AUDIT-5: the attribute %s cannot be left out', (attribute) => {
    const line = changed((it) => delete it[attribute])
    expect(problem(line)).toMatchObject({ reason: 'not-an-event', attribute })
  })

  it('AUDIT-5: what is expected is said', () => {
    expect(problem(withAttributes({ time: 'noon' }))).toEqual({
      reason: 'not-an-event',
      attribute: 'time',
      message: 'time is "noon"; expected an instant in UTC with milliseconds, such as "2026-03-01T09:00:00.000Z"',
    })
    expect(problem(withData({ run: 'two' }))).toEqual({
      reason: 'wrong-data',
      path: '/data/run',
      message: '/data/run is "two"; expected a whole number, 1 or more',
    })
  })

  it.each(['actr', 'ator', '__proto__', 'Tenant', 'a/b', 'hashes', '7up', 'a'.repeat(41)])(
    'AUDIT-5: an attribute that is not known (%s) is refused, because it may be a known one misspelled',
    (attribute) => {
      const line = STARTED_LINE.replace('"actor"', JSON.stringify(attribute))
      expect(problem(line)).toMatchObject({ reason: 'not-an-event', attribute })
    },
  )

  it.each(['SequenceBegun', '__proto__', 'toString', ''])('AUDIT-5: the event "%s" is not known', (name) => {
    const type = `dev.enfold.${name}`
    expect(problem(withAttributes({ type: type }))).toMatchObject({ reason: 'unknown-event', type })
  })

  it('AUDIT-5: an event of another program is not known, whatever its name', () => {
    const line = withAttributes({ type: 'SequenceStarted' })
    expect(problem(line)).toMatchObject({ reason: 'unknown-event', type: 'SequenceStarted' })
  })

  it('AUDIT-5: a line of a later release says so, also if its event is not known here', () => {
    const newer = { reason: 'newer-schema', schemaVersion: SCHEMA_VERSION + 1 }
    expect(problem(withAttributes({ schemaversion: SCHEMA_VERSION + 1 }))).toMatchObject(newer)
    const unknown = withAttributes({ schemaversion: SCHEMA_VERSION + 1, type: 'dev.enfold.SequenceMoved' })
    expect(problem(unknown)).toMatchObject(newer)
  })

  it.each<[string, object]>([
    ['/data/run', { run: 0 }],
    ['/data/run', { run: 1.5 }],
    ['/data/runn', { runn: 2 }],
    ['/data/a~1b~0c', { 'a/b~c': 2 }],
    ['/data/campaignId', { campaignId: '' }],
    ['/data/cause', { cause: { by: 'magic' } }],
    ['/data/cause', { cause: 'me' }],
    ['/data/cause/goalId', { cause: { by: 'goal', campaignId: 'c' } }],
    ['/data/cause/x', { cause: { by: 'operator', x: 1 } }],
  ])('AUDIT-5: data with a problem at %s: %j', (path, data) => {
    expect(problem(withData(data))).toMatchObject({ reason: 'wrong-data', path })
  })

  it.each(['campaignId', 'run', 'campaignVersion', 'cause'])('AUDIT-5: data without %s', (key) => {
    const line = changed(({ data }) => delete data[key])
    expect(problem(line)).toEqual({
      reason: 'wrong-data',
      path: `/data/${key}`,
      message: `/data/${key} is required`,
    })
  })

  it.each<[EventType, object, string]>([
    [
      'StepSkipped',
      { timing: { anchor: '2026-03-01T09:00:00.000Z', dueAt: '2026-03-01' }, reason: 'late' },
      '/data/timing/dueAt',
    ],
    ['StepSkipped', { timing: 'soon', reason: 'late' }, '/data/timing'],
    ['StepFailed', { reason: 'no', consequence: 'panic', retryAt: null }, '/data/consequence'],
  ])('AUDIT-5: the data of %s with %j has a problem at %s', (type, data, path) => {
    const attempted = { campaignId: 'c', sequenceId: 's', run: 1, stepId: 'one', resend: 0, attempt: 1 }
    const line = { type: `dev.enfold.${type}`, data: { ...attempted, ...data, cause: { by: 'step', stepId: 'one' } } }
    expect(problem(withAttributes(line))).toMatchObject({ reason: 'wrong-data', path })
  })

  it('AUDIT-5: items of lists are named by their index', () => {
    const line = changed((parsed) => {
      parsed.type = 'dev.enfold.SequenceCompleted'
      const { campaignVersion: _, ...data } = parsed.data
      const routes = [
        { to: 'a', outcome: 'closed' },
        { to: 'b', outcome: 'open' },
      ]
      parsed.data = { ...data, waiting: true, routes, saw: [] }
    })
    expect(problem(line)).toMatchObject({
      reason: 'wrong-data',
      path: '/data/routes/1/outcome',
      message:
        '/data/routes/1/outcome is "open"; expected one of closed, started, already_active, goal, not_published, brake, key_missing, too_many_runs, paused',
    })
  })

  it('AUDIT-5: a published definition is checked like any other data', () => {
    expect(decoded(PUBLISHED_LINE).type).toBe('CampaignPublished')
    const path = '/data/definition/sequences/0/steps/0/timer'
    expect(problem(PUBLISHED_LINE.replace('"after"', '"afterwards"'))).toMatchObject({ reason: 'wrong-data', path })
  })

  it.each([
    ['nodes', { goals: [], sequences: Array.from({ length: 20_001 }, () => null) }],
    ['steps', { goals: [], sequences: [{ id: 's', steps: Array.from({ length: 50_001 }, () => null) }] }],
    ['routes', { goals: [{ id: 'g', next: Array.from({ length: 100_001 }, () => 's') }], sequences: [] }],
  ])('VERSION-2: a definition with too many %s is refused with its line', async (what, more) => {
    const large = withData({ definition: { id: 'c', ...more } }, PUBLISHED_LINE)
    const pieces = (async function* () {
      yield `${STARTED_LINE}\n${large}\n`
    })()
    const entries: LogEntry[] = []
    for await (const entry of readLog(pieces)) entries.push(entry)
    expect(entries.at(-1)).toMatchObject({ line: 2, problem: { reason: 'wrong-data', path: '/data/definition' } })
    expect(entries.at(-1)?.problem?.message).toContain(what)
  })

  it.each(TYPES)('LOG-4: %s has no room for a name or an address', (type) => {
    fc.assert(
      fc.property(eventOfType(type), (event) => {
        const line = withData({ name: 'Ann Example' }, encodeEvent(event))
        expect(problem(line)).toMatchObject({ reason: 'wrong-data', path: '/data/name' })
      }),
      { numRuns: runs(5) },
    )
  })
})

describe('whatever the line', () => {
  /** What must hold for every text: an event that is right by the published schema too, or a problem that says where. */
  function isDecodedOrExplained(line: string): void {
    const result = decodeEvent(line)
    if (isRight(result)) {
      const again = encodeEvent(result.right)
      expect(published.Check(JSON.parse(line)), line).toBe(true)
      expect(published.Check(JSON.parse(again)), again).toBe(true)
      expect(encodeEvent(decoded(again))).toBe(again)
      return
    }
    const { left: found } = result
    expect(found.message).not.toBe('')
    // Where a line is an object, the problem says where in it.
    if (found.reason !== 'not-an-event' || found.attribute !== null) return
    const value = JSON.parse(line)
    expect(typeof value !== 'object' || value === null || Array.isArray(value), line).toBe(true)
  }

  it('AUDIT-5: any text at all is an event or a problem', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), text), isDecodedOrExplained), { numRuns: runs(1000) })
  })

  it('AUDIT-5: a valid line with bytes changed, lost, added or moved', () => {
    const damage = fc.record({
      kind: fc.constantFrom('change', 'lose', 'add', 'cut', 'repeat'),
      at: fc.nat(),
      byte: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(...utf8('"{}[]:,\\019e-'))),
      length: fc.integer({ min: 1, max: 20 }),
    })
    fc.assert(
      fc.property(anyEvent, fc.array(damage, { minLength: 1, maxLength: 3 }), (event, damages) => {
        let bytes = [...utf8(encodeEvent(event))]
        for (const { kind, at, byte, length } of damages) {
          const i = at % (bytes.length + 1)
          if (kind === 'change') bytes[i] = byte
          else if (kind === 'lose') bytes.splice(i, length)
          else if (kind === 'add') bytes.splice(i, 0, byte)
          else if (kind === 'cut') bytes = bytes.slice(0, i)
          else bytes.splice(i, 0, ...bytes.slice(i, i + length))
        }
        isDecodedOrExplained(new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes)))
      }),
      { numRuns: runs(1000) },
    )
  })

  it('AUDIT-5: a valid line with a value replaced, removed or renamed somewhere in it', () => {
    let refused = 0
    fc.assert(
      fc.property(
        anyEvent,
        fc.nat(),
        fc.constantFrom('replace', 'remove', 'rename', 'swap'),
        json,
        id,
        (event, nth, kind, value, name) => {
          const line = JSON.parse(encodeEvent(event)) as Record<string, unknown>
          const places: [Record<string, unknown>, string][] = []
          const visit = (node: unknown): void => {
            if (typeof node !== 'object' || node === null) return
            for (const key of Object.keys(node)) {
              places.push([node as Record<string, unknown>, key])
              visit((node as Record<string, unknown>)[key])
            }
          }
          visit(line)
          const [node, key] = places[nth % places.length] as [Record<string, unknown>, string]
          const before = node[key]
          const put = (k: string, v: unknown) =>
            Object.defineProperty(node, k, { value: v, enumerable: true, configurable: true, writable: true })
          if (kind === 'replace') put(key, value)
          else if (kind === 'swap') put(key, [before])
          else delete node[key]
          // The length of an array is a number, and cannot be anything else.
          if (kind === 'rename') put(Array.isArray(node) && name === 'length' ? 'width' : name, before)
          const text = JSON.stringify(line)
          isDecodedOrExplained(text)
          if (!isRight(decodeEvent(text))) refused++
        },
      ),
      { numRuns: runs(1000) },
    )
    // Or the damage would be none.
    expect(refused).toBeGreaterThan(runs(1000) / 2)
  })

  it('VERSION-2: a definition in a log has the limits of one that is published', () => {
    const sequences = Array.from({ length: 20_001 }, () => null)
    const line = withData({ definition: { id: 'pool', goals: [], sequences } }, PUBLISHED_LINE)
    expect(problem(line)).toMatchObject({
      reason: 'wrong-data',
      path: '/data/definition',
      message: expect.stringContaining('20001 nodes'),
    })
  })

  it('AUDIT-5: values nested deeper than any stack', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    expect(problem(deep)).toMatchObject({ reason: 'wrong-data', path: '/0/0' })
    const deepAt = (path: string) => ({ reason: 'wrong-data', path, message: `${path} is nested more than 128 deep` })
    expect(problem(STARTED_LINE.replace('"mike"', deep))).toEqual(deepAt('/subject/0'))
    expect(problem(STARTED_LINE.replace('"nurture"', deep))).toEqual(deepAt('/data/sequenceId'))
    const [before, after] = PUBLISHED_LINE.split('"email"')
    expect(problem(before + deep + after)).toMatchObject({
      reason: 'wrong-data',
      path: expect.stringMatching(/^\/data\/definition/),
    })
  })
})

describe('a line of an older schema version', () => {
  // Given a version 0 that never was, in which runs counted from 0 and starts knew no campaign version.
  const old = changed((line) => {
    line.schemaversion = 0
    line.data = { campaignId: 'pool', sequenceId: 'nurture', run: 1, cause: { by: 'operator', reason: 'asked' } }
  })
  const upcasters: Upcasters = {
    SequenceStarted: { 0: (data) => ({ ...data, run: (data.run as number) + 1, campaignVersion: 7 }) },
  }

  it('AUDIT-5: a line of an older schema version is brought up to date by the steps of its event', () => {
    const recordedAs = { schema: 0, data: JSON.parse(old).data }
    expect(decoded(old, upcasters)).toEqual({ ...started, schema: SCHEMA_VERSION, recordedAs })
  })

  it('AUDIT-1: a line of an older schema version goes out again as it was recorded, and keeps the digest that its hash was made of', async () => {
    const event = decoded(old, upcasters)
    expect(encodeEvent(event)).toBe(old)
    const { streamversion: _, position: __, ...line } = JSON.parse(old)
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(canonicalJson(line))))
    expect(digestOf(event)).toBe(Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join(''))
  })

  it('AUDIT-5: the steps leave a line of the current version alone', () => {
    expect(decoded(STARTED_LINE, upcasters)).toEqual(started)
  })

  it('AUDIT-5: without a step it is refused, and never read as if it were current', () => {
    const older = { reason: 'older-schema', schemaVersion: 0 }
    expect(problem(old)).toMatchObject(older)
    expect(problem(old, { SequenceStopped: { 0: (data) => data } })).toMatchObject(older)
    expect(problem(withAttributes({ schemaversion: 0 }))).toMatchObject(older)
  })

  it('AUDIT-5: what the steps made is checked as any data is', () => {
    const lazy: Upcasters = { SequenceStarted: { 0: (data) => data } }
    expect(problem(old, lazy)).toMatchObject({ reason: 'wrong-data', path: '/data/campaignVersion' })
  })

  it('AUDIT-5: a step that throws is a problem of the line', () => {
    const broken: Upcasters = {
      SequenceStarted: {
        0: () => {
          throw new Error('no run')
        },
      },
    }
    expect(problem(old, broken)).toMatchObject({
      reason: 'wrong-data',
      path: '/data',
      message: expect.stringContaining('no run'),
    })
  })

  it('AUDIT-5: a line that has no data has nothing to bring up to date', () => {
    const empty = withAttributes({ data: null }, old)
    expect(problem(empty, upcasters)).toMatchObject({ reason: 'not-an-event', attribute: 'data' })
  })
})
