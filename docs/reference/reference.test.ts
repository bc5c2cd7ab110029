/** The pages of the reference list what the code has: no more, no less, and in the words that the code would say. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { campaignJsonSchema, defineCampaign, describeRejection, type FaultCode, isLeft, type Rejection } from 'enfold'
import { type EventType, REASONS } from 'enfold/core'
import { eventJsonSchema } from 'enfold/log'
import { describe, expect, it } from 'vitest'

const page = (name: string) => readFileSync(join(import.meta.dirname, `${name}.md`), 'utf8')

/** The cells of every row whose first cell is a single name in code. */
function rows(markdown: string): ReadonlyMap<string, readonly string[]> {
  const found = [...markdown.matchAll(/^\| `(\w+)` \|(.*)\|$/gm)]
  return new Map(found.map(([, name = '', cells = '']) => [name, cells.split(' | ').map((cell) => cell.trim())]))
}

const section = (markdown: string, heading: string) => markdown.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''

describe('given the page of errors', () => {
  const nurture = { campaignId: 'pool-owners', sequenceId: 'nurture' }
  const step = { ...nurture, run: 1, stepId: 'mistake-1' }
  // Compiles only while it has every rejection that there is.
  const rejections: { readonly [Type in Rejection['type']]: Rejection & { readonly type: Type } } = {
    CampaignInvalid: { type: 'CampaignInvalid', problems: [{ path: '/goals', message: 'is required' }] },
    CampaignUnknown: { type: 'CampaignUnknown', campaignId: 'pool-owners' },
    CampaignNotPublished: { type: 'CampaignNotPublished', campaignId: 'pool-owners' },
    CampaignPaused: { type: 'CampaignPaused', ...nurture, since: '2026-03-01T09:00:00.000Z' },
    SequenceUnknown: { type: 'SequenceUnknown', ...nurture },
    StepUnknown: { type: 'StepUnknown', ...nurture, stepId: 'mistake-1', campaignVersion: 2 },
    ContactUnknown: { type: 'ContactUnknown', contactId: 'ada' },
    ContactSuppressed: { type: 'ContactSuppressed', contactId: 'ada', until: null },
    ContactErased: { type: 'ContactErased', contactId: 'ada' },
    EnrollmentNotActive: { type: 'EnrollmentNotActive', ...nurture, run: 1, status: 'stopped' },
    InstantPast: { type: 'InstantPast', instant: '2026-03-01T09:00:00.000Z', now: '2026-03-02T09:00:00.000Z' },
    TooManyStarts: { type: 'TooManyStarts', ...nurture, most: 60, until: '2026-03-02T10:00:00.000Z' },
    KeyMissing: { type: 'KeyMissing', ...nurture, per: 'orderId' },
    KeyUnexpected: { type: 'KeyUnexpected', ...nurture, key: '7', per: 'orderId', expected: '8' },
    VariableUnknown: { type: 'VariableUnknown', ...nurture, name: 'ordreId', known: ['orderId'] },
    TooManyRuns: { type: 'TooManyRuns', ...nurture, key: '7', most: 100 },
    RunUnknown: { type: 'RunUnknown', ...nurture, run: 3, newest: 2 },
    StepNotReached: { type: 'StepNotReached', ...step },
    StepInFlight: { type: 'StepInFlight', ...step },
    StepAlreadySent: { type: 'StepAlreadySent', ...step },
    StepAlreadyResolved: { type: 'StepAlreadyResolved', ...step, status: 'skipped' },
    EnrollmentActive: { type: 'EnrollmentActive', ...nurture, run: 1 },
    NoStepLeft: { type: 'NoStepLeft', ...nurture, run: 1 },
    SignalUnknown: { type: 'SignalUnknown', contactId: 'ada', signalId: 'order-1' },
    ActionUnknown: { type: 'ActionUnknown', actionId: 'fair-2026' },
    ActionRunning: { type: 'ActionRunning', actionId: 'fair-2026', until: null },
    ActionIncomplete: { type: 'ActionIncomplete', actionId: 'fair-2026' },
    CommandIdReused: { type: 'CommandIdReused', commandId: 'k1', usedFor: 'SequenceStarted' },
  }
  // The same for faults.
  const faults: { readonly [Code in FaultCode]: true } = {
    INVALID_INPUT: true,
    NODE_TOO_OLD: true,
    DRIVER_MISSING: true,
    CLOSED: true,
    STORE_UNAVAILABLE: true,
    STORE_BUSY: true,
    STORE_FULL: true,
    STORE_READ_ONLY: true,
    STORE_INCOMPATIBLE: true,
    STORE_CORRUPT: true,
    EVENT_ID_REUSED: true,
    CONTENTION: true,
    CONTACT_LOCKED: true,
    DIRECTORY_SILENT: true,
    DIRECTORY_FAILED: true,
    FACTS_UNREADABLE: true,
    CAMPAIGN_VERSION_MISSING: true,
    PROJECTION_BEHIND: true,
    PROJECTION_STOPPED: true,
    PROJECTION_OUT_OF_ORDER: true,
  }

  it('it has every rejection, as the code says it, and a remedy', () => {
    const told = rows(section(page('errors'), 'Rejections'))
    expect([...told.keys()].sort()).toEqual(Object.keys(rejections).sort())
    for (const [type, rejection] of Object.entries(rejections)) {
      const [sentence, remedy] = told.get(type) ?? []
      expect(sentence).toBe(describeRejection(rejection))
      expect(remedy).toBeTruthy()
    }
  })

  it('it has every fault, and a remedy', () => {
    const told = rows(section(page('errors'), 'Faults'))
    expect([...told.keys()].sort()).toEqual(Object.keys(faults).sort())
    for (const cells of told.values()) expect(cells.filter((cell) => cell !== '')).toHaveLength(2)
  })
})

describe('given the page of events', () => {
  const types: { readonly [Type in EventType]: true } = {
    SequenceStarted: true,
    SequenceStopped: true,
    RunUndone: true,
    SequencePaused: true,
    SequenceResumed: true,
    SequenceCompleted: true,
    SignalReceived: true,
    SignalsDropped: true,
    SignalRetracted: true,
    GoalSatisfied: true,
    StepDispatched: true,
    StepSent: true,
    StepFailed: true,
    StepSkipped: true,
    StepResent: true,
    StepCancelled: true,
    StepRescheduled: true,
    RunShifted: true,
    RunMoved: true,
    ContactSuppressed: true,
    ContactUnsuppressed: true,
    ContactErased: true,
    CampaignPublished: true,
    CampaignUnpublished: true,
    CampaignPaused: true,
    CampaignResumed: true,
    CampaignUnchanged: true,
  }

  it('LOG-2: it has every event', () => {
    const told = rows(`${section(page('events'), 'Of a contact')}\n${section(page('events'), 'Of a campaign')}`)
    expect([...told.keys()].sort()).toEqual(Object.keys(types).sort())
  })

  it('LOG-3: the row of each event has its data, and the sections below it what that is made of', () => {
    const defs = (eventJsonSchema as { readonly $defs: { readonly [name: string]: { readonly properties?: object } } })
      .$defs
    const told = rows(page('events'))
    const run = ['campaignId', 'sequenceId', 'run', 'key']
    const shorthand = [
      ['the attempt', [...run, 'stepId', 'occurrence', 'resend', 'attempt']],
      ['the step', [...run, 'stepId', 'occurrence']],
      ['the run', run],
    ] as const
    for (const type of Object.keys(types)) {
      const data = told.get(type)?.[1] ?? ''
      const short = shorthand.find(([words]) => data.startsWith(words))?.[1] ?? []
      const named = [...short, ...[...data.matchAll(/`(\w+)`/g)].map((match) => match[1] as string)]
      const properties = Object.keys(defs[type]?.properties ?? {}).filter((name) => name !== 'cause')
      for (const name of properties) expect(named, `${type}.${name}`).toContain(name)
    }
    const inner = new Set<string>()
    for (const name of ['cause', 'timing', 'routes', 'observations']) collect(defs[name], inner)
    expect([...inner].filter((name) => !new RegExp(`\\b${name}\\b`).test(page('events')))).toEqual([])
  })

  it('STEP-4: it has every reason of the engine', () => {
    for (const reason of [...Object.values(REASONS), 'past', 'field-empty', 'field-unreadable'])
      expect(page('events')).toContain(`| \`${reason}\` |`)
  })
})

describe('given the page of the campaign', () => {
  it('VERSION-2: its example is a campaign, without a warning', () => {
    const example = /```json\n([\s\S]*?)```/.exec(page('campaign'))?.[1] ?? ''
    const defined = defineCampaign(JSON.parse(example))
    expect(isLeft(defined) ? defined.left.problems : defined.right.warnings).toEqual([])
  })

  it('VERSION-2: it has every property and every word that the schema knows', () => {
    const names = new Set<string>()
    collect(campaignJsonSchema, names)
    expect(names.size).toBeGreaterThan(30)
    expect([...names].filter((name) => !new RegExp(`\\b${name}\\b`).test(page('campaign')))).toEqual([])
  })
})

describe('given the decisions', () => {
  it('each has a number of its own', () => {
    const names = readdirSync(join(import.meta.dirname, '../decisions')).filter((name) => /^\d/.test(name))
    expect(new Set(names.map((name) => name.slice(0, 4))).size).toBe(names.length)
  })
})

/** Every name of a property, and every word of an enumeration, in a JSON Schema. */
function collect(schema: unknown, names: Set<string>): void {
  if (typeof schema !== 'object' || schema === null) return
  const { properties, enum: words } = schema as { properties?: object; enum?: readonly unknown[] }
  for (const name of Object.keys(properties ?? {})) names.add(name)
  for (const word of words ?? []) if (typeof word === 'string') names.add(word)
  for (const inner of Object.values(schema)) collect(inner, names)
}
