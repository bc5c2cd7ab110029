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
    OrderUnknown: { type: 'OrderUnknown', contactId: 'ada', undoes: 'k1' },
    NotUndoable: { type: 'NotUndoable', contactId: 'ada', undoes: 'k1' },
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

  it('it has every rejection, and a remedy', () => {
    const told = rows(section(page('errors'), 'Rejections'))
    expect([...told.keys()].sort()).toEqual(Object.keys(rejections).sort())
    for (const cells of told.values()) expect(cells.filter((cell) => cell !== '')).toHaveLength(1)
  })

  it('what the page leaves out, the code says: a sentence for each', () => {
    expect(Object.values(rejections).map(describeRejection)).toEqual(
      expect.arrayContaining([
        'The definition has 1 problem: /goals is required',
        'There is no campaign "pool-owners".',
        'The campaign "pool-owners" is not published.',
        'The campaign "pool-owners" is paused since 2026-03-01T09:00:00.000Z, and takes nobody into "nurture" until it is resumed.',
        'The campaign "pool-owners" has no sequence "nurture".',
        'Version 2 of the sequence "nurture" has no step "mistake-1".',
        'The directory knows no contact "ada".',
        'The contact "ada" is suppressed without end.',
        'The contact "ada" was erased.',
        'Run 1 of the sequence "nurture" is stopped.',
        'The sequence "nurture" has no run 3 for this contact; the newest is 2.',
        'The step "mistake-1" was not dispatched in run 1, so there is nothing to send again.',
        'The step "mistake-1" is being dispatched right now; try again when its outcome is known.',
        'The step "mistake-1" was sent already in run 1.',
        'The step "mistake-1" is skipped in run 1; nothing of it is left to take out.',
        'The instant 2026-03-01T09:00:00.000Z is in the past; it is now 2026-03-02T09:00:00.000Z. Name a later one.',
        'The sequence "nurture" was started 60 times for this contact within an hour. The next start is possible at 2026-03-02T10:00:00.000Z. Do sequences or signals form a loop?',
        'The sequence "nurture" runs once for each "orderId", and none is given. Name it as `key`.',
        'The key "7" is not the variable "orderId" that is given for it, "8".',
        'The sequence "nurture" has no variable "ordreId". Did you mean "orderId"?',
        'The contact is in the sequence "nurture" with 100 keys, as many as may be open. "7" would be one more.',
        'Run 1 of the sequence "nurture" is in progress already.',
        'Run 1 of the sequence "nurture" has no step left to send.',
        'The log of the contact "ada" has no signal "order-1": it never came, or it satisfied no goal and is of a kind that nobody keeps.',
        'No order with the command id "k1" has changed anything of the contact "ada". A signal is no order: retract it by its own id.',
        'The order "k1" cannot be undone: a run that a skip has ended stays so, as does a signal that was retracted; a skip, a cancelling, a resend or a move that was undone is ordered again.',
        'There is no action "fair-2026".',
        'The action "fair-2026" is not over. Cancel it, or wait until it is done, and then undo it.',
        'The action "fair-2026" ended before all of its contacts were read. Order it again, with its contacts.',
        'The command id "k1" was used before, for SequenceStarted. Use a new one for another command.',
      ]),
    )
  })

  it('it has every fault, and a remedy', () => {
    const told = rows(section(page('errors'), 'Faults'))
    expect([...told.keys()].sort()).toEqual(Object.keys(faults).sort())
    for (const cells of told.values()) expect(cells.filter((cell) => cell !== '')).toHaveLength(1)
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
    OrderUndone: true,
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
      ['the version', ['campaignId', 'campaignVersion']],
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
