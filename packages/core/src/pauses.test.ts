/** Pauses of a campaign: what they make of a schedule, for every contact and whenever its turn comes. Rules GATE-1, GATE-3, GATE-4. */
import { runs as times } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Catalog, createCatalog, decidePublish } from './catalog.ts'
import type { CampaignCommand } from './commands.ts'
import type { ContactCommand } from './contact-commands.ts'
import { decide } from './decide.ts'
import type { CampaignDefinition, StepDefinition } from './definition.ts'
import { isLeft } from './either.ts'
import type { ContactState } from './enrollment.ts'
import { violationOf } from './event-order.ts'
import type { ContactEvent } from './events.ts'
import { evolve, initialContact } from './fold.ts'
import { epochMsOf, type Instant, instantOf } from './ids.ts'
import { isPausedLane, pausedLane } from './pauses.ts'
import { decidePauseCampaign, decideResumeCampaign } from './pausing.ts'
import { plan } from './plan.ts'
import { commandOf } from './verbs/order.ts'

const MONDAY = '2026-03-02T00:00:00.000Z'
const HOUR = 3_600_000
const at = (hours: number): Instant => instantOf(epochMsOf(MONDAY) + hours * HOUR)

type Overdue = 'shift' | 'send' | 'skip'

/** One contact and one campaign, played hour by hour by a worker that looks when it is told to. */
class Story {
  readonly campaigns: Catalog = createCatalog()
  state: ContactState = initialContact
  now: Instant = MONDAY
  readonly events: ContactEvent[] = []
  #commands = 0
  #version = 0

  constructor(definition: CampaignDefinition) {
    this.#of(
      (meta) => ({ type: 'PublishCampaign', definition, ...meta }) as const,
      (command) => decidePublish(command, this.campaigns, this.now),
    )
  }

  #meta() {
    return { commandId: `k${++this.#commands}`, actor: null }
  }

  #of<Command extends CampaignCommand>(
    make: (meta: { readonly commandId: string; readonly actor: null }) => Command,
    decideOn: (
      command: Command,
    ) => ReturnType<typeof decidePublish | typeof decidePauseCampaign | typeof decideResumeCampaign>,
  ): string {
    const decided = decideOn(make(this.#meta()))
    if (isLeft(decided)) return decided.left.type
    for (const event of decided.right.events) this.campaigns.apply({ ...event, version: ++this.#version })
    return decided.right.answer.outcome
  }

  pause(hour: number, order: { readonly sequences?: readonly string[]; readonly entries?: 'open' | 'closed' } = {}) {
    this.now = at(hour)
    return this.#of(
      (meta) => ({ type: 'PauseCampaign', campaignId: 'pool', entries: 'open', ...meta, ...order }) as const,
      (command) => decidePauseCampaign(command, this.campaigns, this.now),
    )
  }

  resume(hour: number, overdue: Overdue = 'shift', pace?: { readonly most: number; readonly per: string }) {
    this.now = at(hour)
    const more = pace === undefined ? {} : { pace }
    return this.#of(
      (meta) => ({ type: 'ResumeCampaign', campaignId: 'pool', overdue, ...meta, ...more }) as const,
      (command) => decideResumeCampaign(command, this.campaigns, this.now),
    )
  }

  run(command: ContactCommand): string | null {
    const context = { campaigns: this.campaigns, facts: {}, now: this.now }
    const decided = decide(command, this.state, context)
    if (isLeft(decided)) return decided.left.type
    // What is decided is what the rules of the log allow.
    let before = this.state
    for (const event of decided.right.events) {
      expect(violationOf('ann', before, event, this.campaigns)).toBe(null)
      this.events.push(event)
      before = this.#after(before, event)
    }
    this.state = decided.right.state
    return null
  }

  #after(state: ContactState, event: ContactEvent): ContactState {
    return evolve(state, event)
  }

  order(hour: number, name: Parameters<typeof commandOf>[0], more: object = {}) {
    this.now = at(hour)
    const of = { contactId: 'ann', campaignId: 'pool', sequenceId: 'nurture' }
    return this.run(commandOf(name, { ...of, ...this.#meta(), ...more }))
  }

  plan() {
    return plan('ann', this.state, this.campaigns, {}, this.now)
  }

  /** Does what is due, at the instant; handlers answer at once. */
  work(hour: number, permits?: ReadonlyMap<string, number>): void {
    if (at(hour) > this.now) this.now = at(hour)
    for (;;) {
      const count = this.events.length
      const due = { type: 'DispatchDue', contactId: 'ann', inFlight: new Set<string>(), limit: 100 } as const
      this.run({ ...due, ...this.#meta(), ...(permits === undefined ? {} : { permits }) })
      for (const event of this.events.slice(count))
        if (event.type === 'StepDispatched')
          this.run({
            type: 'RecordOutcome',
            contactId: 'ann',
            ...this.#meta(),
            ...event.data,
            outcome: { outcome: 'sent' },
            retryAt: this.now,
          })
      if (this.events.length === count) return
    }
  }

  /** As a worker does that is always there. */
  workUntil(hour: number): void {
    for (;;) {
      const { wakeAt, lane } = this.plan()
      const isHeld = lane !== null && isPausedLane(lane) && this.campaigns.paused().length > 0
      if (wakeAt === null || wakeAt > at(hour) || isHeld) break
      this.work((Math.max(epochMsOf(wakeAt), epochMsOf(this.now)) - epochMsOf(MONDAY)) / HOUR)
    }
    if (at(hour) > this.now) this.now = at(hour)
  }

  sent(): readonly string[] {
    return this.#told('StepDispatched')
  }
  skipped(): readonly string[] {
    return this.#told('StepSkipped')
  }
  #told(type: 'StepDispatched' | 'StepSkipped'): readonly string[] {
    return this.events.flatMap((event) =>
      event.type === type ? [`${event.data.stepId} ${(epochMsOf(event.at) - epochMsOf(MONDAY)) / HOUR}`] : [],
    )
  }
}

const waits = (...hours: readonly number[]): StepDefinition[] =>
  hours.map((hour, i) => ({
    id: 'abcdefgh'[i] as string,
    kind: 'email',
    ...(hour === 0 ? {} : { timer: { after: `PT${hour}H` } }),
  }))
const campaignOf = (steps: readonly StepDefinition[]): CampaignDefinition => ({
  id: 'pool',
  goals: [],
  sequences: [
    { id: 'nurture', steps: [...steps] },
    { id: 'other', steps: [{ id: 'a', kind: 'email' }] },
  ],
})

function begun(...hours: readonly number[]): Story {
  const story = new Story(campaignOf(waits(...hours)))
  story.order(0, 'startSequence')
  return story
}

describe('a paused campaign', () => {
  it('GATE-1: nothing of its runs is due, and their contact waits in a lane of its own', () => {
    const story = begun(2, 2)
    expect(story.pause(1)).toBe('paused')
    story.workUntil(5)
    expect(story.plan()).toMatchObject({
      due: [],
      wakeAt: at(2),
      lane: pausedLane('pool'),
      upcoming: [{ stepId: 'a', dueAt: at(2), paused: true, campaignPausedSince: at(1) }],
    })
    expect(story.sent()).toEqual([])
  })

  it('GATE-1: what is not paused of the same contact is due as ever', () => {
    const story = begun(2)
    story.order(0, 'startSequence', { sequenceId: 'other' })
    story.pause(0, { sequences: ['nurture'] })
    story.workUntil(3)
    expect(story.sent()).toEqual(['a 0'])
  })

  it('GATE-1: stops apply, starts are accepted, and are refused where entries are closed', () => {
    const story = begun(2)
    story.pause(1)
    expect(story.order(1, 'startSequence', { sequenceId: 'other' })).toBe(null)
    expect(story.order(1, 'stopSequence')).toBe(null)
    expect(story.pause(2, { entries: 'closed' })).toBe('paused')
    expect(story.order(2, 'startSequence')).toBe('CampaignPaused')
    story.resume(3)
    expect(story.order(3, 'startSequence')).toBe(null)
  })

  it('GATE-1: pausing again returns already_paused, unless it asks for more; resuming what runs, not_paused', () => {
    const story = begun(2)
    expect(story.resume(0)).toBe('not_paused')
    expect(story.pause(1, { sequences: ['nurture'] })).toBe('paused')
    expect(story.pause(1, { sequences: ['nurture'] })).toBe('already_paused')
    expect(story.pause(1, { sequences: ['garden'] })).toBe('SequenceUnknown')
    expect(story.pause(2)).toBe('paused')
    expect(story.pause(2, { sequences: ['other'] })).toBe('already_paused')
    expect(story.pause(2, { entries: 'closed' })).toBe('paused')
    expect(story.resume(3)).toBe('resumed')
    expect(story.resume(3)).toBe('not_paused')
  })

  it('GATE-1, AUDIT-4: a route into a sequence that is closed to entries starts nothing, and says why', () => {
    const definition = campaignOf(waits(1))
    const [nurture, other] = definition.sequences
    const story = new Story({ ...definition, sequences: [{ ...nurture, next: ['other'] }, other] as never })
    story.order(0, 'startSequence')
    story.pause(0, { sequences: ['other'], entries: 'closed' })
    story.workUntil(2)
    expect(story.events.at(-1)).toMatchObject({
      type: 'SequenceCompleted',
      data: { routes: [{ to: 'other', outcome: 'paused' }] },
    })
    // Another order of the same pause lets in again: what was so before stays true.
    expect(story.pause(3, { sequences: ['other'] })).toBe('paused')
    let before = initialContact
    for (const event of story.events) {
      expect(violationOf('ann', before, event, story.campaigns)).toBe(null)
      before = evolve(before, event)
    }
  })

  it('GATE-1: a resend that is ordered meanwhile waits for the resume', () => {
    const story = begun(1, 10)
    story.workUntil(2)
    story.pause(3)
    story.order(4, 'resendStep', { stepId: 'a' })
    story.workUntil(5)
    expect(story.sent()).toEqual(['a 1'])
    story.resume(6)
    story.workUntil(7)
    expect(story.sent()).toEqual(['a 1', 'a 6'])
  })

  it('GATE-1: what was in flight when it began ends its run, if it was the last step', () => {
    const story = begun(1)
    story.now = at(1)
    story.run({ type: 'DispatchDue', contactId: 'ann', inFlight: new Set(), limit: 1, commandId: 'd', actor: null })
    story.pause(2)
    const ref = { campaignId: 'pool', sequenceId: 'nurture', run: 1, stepId: 'a', resend: 0, attempt: 1 }
    const answered = { outcome: { outcome: 'sent' }, retryAt: at(3), commandId: 'o', actor: null } as const
    story.run({ type: 'RecordOutcome', contactId: 'ann', ...ref, ...answered })
    expect(story.events.at(-1)?.type).toBe('SequenceCompleted')
  })
})

describe('resuming a campaign', () => {
  it('GATE-3: shift: every wait that ran meanwhile is longer by the pause', () => {
    const story = begun(4, 4)
    story.pause(1)
    story.resume(11)
    story.workUntil(30)
    expect(story.sent()).toEqual(['a 14', 'b 18'])
  })

  it('GATE-3: send: what fell due is due now, and what follows counts from there', () => {
    const story = begun(4, 4)
    story.pause(1)
    story.resume(11, 'send')
    story.workUntil(30)
    expect(story.sent()).toEqual(['a 11', 'b 15'])
  })

  it('GATE-3: skip: what fell due meanwhile is left out, and what follows goes when it would have', () => {
    const story = begun(4, 4, 4)
    story.pause(1)
    story.resume(11, 'skip')
    story.workUntil(30)
    expect(story.skipped()).toEqual(['a 11', 'b 11'])
    expect(story.sent()).toEqual(['c 12'])
    expect(story.events.find(({ type }) => type === 'StepSkipped')?.data).toMatchObject({ reason: 'paused' })
  })

  it('GATE-3: a resume does the same for a contact whose turn comes days later', () => {
    for (const overdue of ['shift', 'skip'] as const) {
      const [early, late] = [begun(4, 40), begun(4, 40)]
      for (const story of [early, late]) {
        story.pause(1)
        story.resume(11, overdue)
      }
      early.workUntil(20)
      if (overdue === 'skip') late.work(20)
      const dueOf = (story: Story) => story.plan().upcoming.map(({ stepId, dueAt }) => `${stepId} ${dueAt}`)
      expect(dueOf(late)).toEqual(overdue === 'shift' ? [`a ${at(14)}`] : dueOf(early))
    }
  })

  it('GATE-3: a step that was due before the pause is due at the resume, and a shift does not make it late', () => {
    const steps = waits(1).map((step) => ({ ...step, expiresAfter: 'PT2H' }))
    for (const [overdue, told] of [
      ['shift', ['a 11']],
      ['send', []],
      ['skip', []],
    ] as const) {
      const story = new Story(campaignOf(steps))
      story.order(0, 'startSequence')
      story.pause(2)
      story.resume(11, overdue)
      story.workUntil(20)
      expect(story.sent()).toEqual(told)
      expect(story.events.filter(({ type }) => type === 'StepSkipped').map(({ data }) => data)).toMatchObject(
        overdue === 'shift' ? [] : [{ reason: 'late' }],
      )
    }
  })

  it('GATE-3, TIME-7: what counts from the start of the run is later by the pause, wherever the run stood', () => {
    const steps = [...waits(2), { id: 'b', kind: 'email', timer: { after: 'PT30H', from: 'start' } } as const]
    const story = new Story(campaignOf(steps))
    story.order(0, 'startSequence')
    story.pause(1)
    story.resume(6)
    story.workUntil(20)
    story.pause(20)
    story.resume(23)
    story.workUntil(60)
    expect(story.sent()).toEqual(['a 7', 'b 38'])
  })

  it('GATE-3, TIME-3: a date is no wait, and stays where it is', () => {
    const steps: StepDefinition[] = [{ id: 'a', kind: 'email', timer: { on: '2026-03-02T20:00' } }]
    const story = new Story(campaignOf(steps))
    story.order(0, 'startSequence')
    story.pause(1)
    story.resume(11)
    story.workUntil(40)
    expect(story.sent()).toEqual(['a 20'])
  })

  it('GATE-3, STEP-5: the wait for another attempt is longer by the pause, too', () => {
    const story = begun(1)
    story.now = at(1)
    story.run({ type: 'DispatchDue', contactId: 'ann', inFlight: new Set(), limit: 1, commandId: 'd', actor: null })
    const ref = { campaignId: 'pool', sequenceId: 'nurture', run: 1, stepId: 'a', resend: 0, attempt: 1 }
    const failed = { outcome: 'failed', reason: 'busy' } as const
    const answered = { outcome: failed, retryAt: at(5), commandId: 'o', actor: null }
    story.run({ type: 'RecordOutcome', contactId: 'ann', ...ref, ...answered })
    story.pause(2)
    story.resume(12)
    story.workUntil(30)
    expect(story.sent()).toEqual(['a 1', 'a 15'])
  })

  it('GATE-3, PAUSE-2: time that stood still for the run and for its campaign counts once', () => {
    const story = begun(10)
    story.order(1, 'pauseSequence')
    story.pause(3)
    story.order(5, 'resumeSequence', { shift: true })
    story.resume(7)
    story.workUntil(30)
    expect(story.sent()).toEqual(['a 16'])
  })

  it('GATE-3, PAUSE-1: a run that is paused by itself stays so', () => {
    const story = begun(2)
    story.order(1, 'pauseSequence')
    story.pause(1)
    story.resume(4, 'skip')
    story.workUntil(6)
    expect([story.sent(), story.skipped()]).toEqual([[], []])
    story.order(8, 'resumeSequence', { shift: true })
    story.workUntil(20)
    expect(story.sent()).toEqual(['a 9'])
  })

  it('GATE-3, CANCEL-1: a cancelled step leaves its wait, which the pause makes longer', () => {
    const story = begun(4, 4)
    story.order(1, 'cancelStep', { stepId: 'a' })
    story.pause(2)
    story.resume(3)
    story.workUntil(30)
    expect(story.sent()).toEqual(['b 9'])
  })

  it('GATE-3: a pause of some sequences changes nothing of the others', () => {
    const story = begun(4)
    story.pause(1, { sequences: ['other'] })
    story.resume(3)
    story.workUntil(30)
    expect(story.sent()).toEqual(['a 4'])
  })

  it('GATE-4: with a pace, an overdue step needs a permit, and what is due on time does not', () => {
    const story = begun(4, 4)
    story.pause(1)
    story.resume(11, 'send', { most: 1, per: 'PT1H' })
    const kind = pausedLane('pool').kind
    expect(story.plan().lane).toEqual(pausedLane('pool'))
    story.work(11, new Map([[kind, 0]]))
    expect(story.sent()).toEqual([])
    story.work(12, new Map([[kind, 1]]))
    story.work(16, new Map([[kind, 0]]))
    expect(story.sent()).toEqual(['a 12', 'b 16'])
  })
})

describe('for generated campaigns and pauses', () => {
  interface Case {
    readonly hours: readonly number[]
    readonly pauses: readonly { readonly from: number; readonly for: number }[]
  }
  // No two of them at one instant, so that what comes first is no question: waits end at whole hours, pauses at halves.
  const cases: fc.Arbitrary<Case> = fc.record({
    hours: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 }),
    pauses: fc
      .array(fc.record({ from: fc.integer({ min: 0, max: 12 }), for: fc.integer({ min: 1, max: 12 }) }), {
        minLength: 1,
        maxLength: 3,
      })
      .map((gaps) => {
        let hour = 0
        return gaps.map((gap) => {
          const from = hour + gap.from + 0.5
          hour = from + gap.for - 0.5
          return { from, for: gap.for }
        })
      }),
  })

  function played({ hours, pauses }: Case, overdue: Overdue): Story {
    const story = begun(...hours)
    for (const one of pauses) {
      story.workUntil(one.from)
      story.pause(one.from)
      story.workUntil(one.from + one.for)
      story.resume(one.from + one.for, overdue)
    }
    story.workUntil(1000)
    return story
  }

  /** When each step of an undisturbed twin goes. */
  const twin = (hours: readonly number[]) => {
    let hour = 0
    return hours.map((wait, i) => {
      hour += wait
      return { step: 'abcdefgh'[i] as string, hour }
    })
  }

  it('GATE-3: shift is the schedule of an undisturbed twin, later by the pauses before each step', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const expected = twin(one.hours).map(({ step, hour }) => {
          let late = hour
          for (const { from, for: long } of one.pauses) if (late >= from) late += long
          return `${step} ${late}`
        })
        expect(played(one, 'shift').sent()).toEqual(expected)
      }),
      { numRuns: times(60) },
    )
  })

  it('GATE-3: send is the dues of the twin, each wait from when the step before went', () => {
    fc.assert(
      fc.property(cases, (one) => {
        let hour = 0
        const expected = one.hours.map((wait, i) => {
          hour += wait
          // At the very instant at which it begins, the step goes first here.
          const held = one.pauses.find(({ from, for: long }) => from < hour && hour < from + long)
          if (held !== undefined) hour = held.from + held.for
          return `${'abcdefgh'[i]} ${hour}`
        })
        expect(played(one, 'send').sent()).toEqual(expected)
      }),
      { numRuns: times(60) },
    )
  })

  it('GATE-3: skip is the twin without what fell due in between', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const isHeld = (hour: number) => one.pauses.some(({ from, for: long }) => from <= hour && hour < from + long)
        const expected = twin(one.hours).filter(({ hour }) => !isHeld(hour))
        const story = played(one, 'skip')
        expect(story.sent()).toEqual(expected.map(({ step, hour }) => `${step} ${hour}`))
        expect(story.skipped()).toHaveLength(one.hours.length - expected.length)
      }),
      { numRuns: times(60) },
    )
  })
})
