/** What is forecast is what the engine then does, and nothing is written for it. */
import { epochMsOf, type Instant, instantOf, orThrow, type StepRef } from '@enfold/core'
import { createMemoryStore } from '@enfold/store-memory'
import { createSqliteStore } from '@enfold/store-sqlite'
import { campaignArbitrary, createSimulatedClock, factsArbitrary } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MONDAY } from '../engine.fixture.ts'
import { createEngine } from '../engine.ts'
import type { Upcoming } from './agenda-questions.ts'
import type { ContactForecast, ForecastTotals } from './forecast-questions.ts'

const later = (days: number): Instant => instantOf(epochMsOf(MONDAY) + days * 86_400_000)
const SENT = async () => ({ outcome: 'sent' as const })
const handlers = { email: SENT, task: SENT }

const FAILED = { outcome: 'failed' as const, reason: 'smtp-450' }

/** The first step of a run is told as its schedule says. */
function expectAsPlanned(step: Upcoming, { from, steps }: ContactForecast): void {
  const nameOf = ({ campaignId, sequenceId, key, run, stepId }: StepRef) => [campaignId, sequenceId, key, run, stepId]
  const name = JSON.stringify(nameOf(step))
  const told = steps.find((one) => one.resend === 0 && JSON.stringify(nameOf(one)) === name)
  if (step.paused || told === undefined || told.result !== 'sent') return
  const { at, dueAt, shift } = told
  const gate = step.opensAt !== undefined ? 'window' : step.dueAt < from ? 'overdue' : null
  expect({ at, dueAt, shift }).toEqual({
    at: step.opensAt ?? (step.dueAt < from ? from : step.dueAt),
    dueAt: step.dueAt,
    shift: gate === null ? undefined : { gate, from: step.dueAt },
  })
}

const story = fc.record({
  definition: campaignArbitrary({ maxSequences: 3, maxGoals: 2, maxSteps: 4 }),
  facts: factsArbitrary,
  which: fc.nat(20),
  days: fc.nat(6),
  pausedAfter: fc.option(fc.nat(4), { nil: null }),
  /** One in so many attempts before the forecast fails. */
  failing: fc.option(fc.integer({ min: 1, max: 3 }), { nil: null }),
  /** For so many hours before the forecast nobody works. */
  idle: fc.nat(60),
})

const pool = {
  id: 'pool',
  name: 'Pool',
  goals: [],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'one', kind: 'email' },
        { id: 'two', kind: 'email', timer: { after: 'P1D', window: { days: ['wed'], from: '08:00', to: '09:00' } } },
        { id: 'three', kind: 'email', timer: { after: 'P1D' }, if: { tag: 'pool' } },
      ],
      next: [
        { to: 'vip', if: { tag: 'pool' } },
        { to: 'rest', otherwise: true },
      ],
    },
    { id: 'vip', steps: [{ id: 'call', kind: 'task' }] },
    { id: 'rest', steps: [{ id: 'bye', kind: 'email', timer: { after: 'P1D' } }] },
  ],
} as const

async function given(contacts: readonly string[], tags: readonly string[] = ['pool']) {
  const clock = createSimulatedClock(MONDAY)
  const store = createMemoryStore()
  const engine = createEngine({ store, clock, contacts: { get: () => ({ tags }) }, handlers })
  orThrow(await engine.publish(pool))
  for (const contactId of contacts)
    orThrow(await engine.startSequence({ contactId, campaignId: 'pool', sequenceId: 'nurture', actor: null }))
  return { clock, store, engine }
}

describe('a forecast of one contact', () => {
  it.each(['memory', 'SQLite'])('FORECAST-1: a forecast is what the engine then does, over %s', async (name) => {
    let told = 0
    // Of a few histories it may be that nothing comes of any: then others are drawn.
    do
      await fc.assert(
        fc.asyncProperty(story, async ({ definition, facts, which, days, pausedAfter, failing, idle }) => {
          const clock = createSimulatedClock(MONDAY)
          const store = name === 'memory' ? createMemoryStore() : createSqliteStore({ path: ':memory:' })
          let [attempts, mayFail] = [0, failing !== null]
          const attempt = async () => {
            attempts += 1
            return mayFail && attempts % (failing ?? 1) === 0 ? FAILED : { outcome: 'sent' as const }
          }
          const engine = createEngine({
            ...{ store, clock, contacts: { get: () => facts } },
            handlers: { email: attempt, task: attempt },
          })
          orThrow(await engine.publish(definition))
          const sequence = definition.sequences[which % definition.sequences.length]
          const order = { contactId: 'ada', campaignId: definition.id, sequenceId: sequence?.id ?? '', actor: null }
          await engine.startSequence({ ...order, ...(sequence?.per === undefined ? {} : { key: 'k' }) })
          async function playUntil(end: Instant) {
            for (let looks = 0; looks < 60; looks++) {
              const wakeAt = await store.nextWake()
              if (wakeAt === null || wakeAt > end) return true
              if (wakeAt > clock.now()) clock.set(wakeAt)
              await engine.runDue()
            }
            return false
          }
          // A loop without a wait has no end, in either of the two.
          fc.pre(await playUntil(later(days)))
          if (pausedAfter !== null && pausedAfter <= days) await engine.pauseSequence(order)
          // The last attempts before the forecast are those that fail, if any do.
          const next = await store.nextWake()
          if (next !== null && next > clock.now() && next < later(days + 6)) clock.set(next)
          await engine.runDue()
          mayFail = false
          clock.advance(`PT${idle}H`)
          const before = await engine.inspect.history('ada')
          const until = later(days + 20)
          const upcoming = await engine.inspect.upcoming({ contactId: 'ada' })
          const forecast = await engine.inspect.forecast('ada', { until })
          expect(await engine.inspect.history('ada')).toEqual(before)
          for (const step of upcoming) expectAsPlanned(step, forecast)
          fc.pre(!forecast.cut && (await playUntil(until)))
          const after = (await engine.inspect.history('ada')).slice(before.length)
          const happened = after.flatMap(({ type, at, data }) => {
            if (type !== 'StepDispatched' && type !== 'StepSkipped') return []
            const { campaignId, sequenceId, key, run, stepId } = data
            const result = type === 'StepDispatched' ? 'sent' : 'skipped'
            return [{ at, campaignId, sequenceId, ...(key === undefined ? {} : { key }), run, stepId, result }]
          })
          expect(forecast.steps).toMatchObject(happened)
          expect(forecast.steps).toHaveLength(happened.length)
          expect(forecast.ends.map(({ at, run, sequenceId }) => [at, run, sequenceId])).toEqual(
            after.flatMap((event) =>
              event.type === 'SequenceCompleted' ? [[event.at, event.data.run, event.data.sequenceId]] : [],
            ),
          )
          told += happened.length
          await engine.close()
          await store.close()
        }),
        { numRuns: runs(name === 'memory' ? 60 : 5) },
      )
    while (name === 'memory' && told === 0)
  })

  it('FORECAST-1: each step tells its campaign, what shifts it, and whether it depends on a later condition', async () => {
    const { engine, clock } = await given(['ada'])
    const { steps, ends, held } = await engine.inspect.forecast('ada', { until: later(30) })
    const of = (sequenceId: string) => ({ campaignId: 'pool', sequenceId, run: 1, resend: 0, result: 'sent' })
    expect(steps).toEqual([
      { ...of('nurture'), stepId: 'one', at: MONDAY, dueAt: MONDAY },
      { ...of('nurture'), stepId: 'two', at: '2026-03-04T08:00:00.000Z', dueAt: '2026-03-04T08:00:00.000Z' },
      {
        ...of('nurture'),
        stepId: 'three',
        at: '2026-03-05T08:00:00.000Z',
        dueAt: '2026-03-05T08:00:00.000Z',
        conditional: true,
      },
      {
        ...of('vip'),
        stepId: 'call',
        at: '2026-03-05T08:00:00.000Z',
        dueAt: '2026-03-05T08:00:00.000Z',
        conditional: true,
      },
    ])
    expect(ends[0]).toMatchObject({ sequenceId: 'nurture', starts: [{ sequenceId: 'vip', run: 1 }] })
    expect(held).toEqual([])
    // Nobody works until its window is shut.
    await engine.runDue()
    clock.set('2026-03-04T10:00:00.000Z')
    const dueAt = '2026-03-04T08:00:00.000Z'
    expect((await engine.inspect.forecast('ada', { until: later(30) })).steps[0]).toMatchObject({
      ...{ stepId: 'two', at: '2026-03-11T08:00:00.000Z', dueAt },
      shift: { gate: 'window', from: dueAt },
    })
    clock.set('2026-03-11T08:30:00.000Z')
    expect((await engine.inspect.forecast('ada', { until: later(30) })).steps[0]).toMatchObject({
      ...{ stepId: 'two', at: '2026-03-11T08:30:00.000Z', dueAt },
      shift: { gate: 'overdue', from: dueAt },
    })
  })

  it('FORECAST-1: a retry that waits for its window is told as its schedule is', async () => {
    const { engine, clock, store } = await given(['ada'])
    await engine.runDue()
    // However short the wait before the next attempt is, it ends after the window.
    clock.set('2026-03-04T08:59:59.999Z')
    const failing = createEngine({
      ...{ store, clock, contacts: { get: () => ({ tags: ['pool'] }) } },
      handlers: { email: async () => FAILED, task: SENT },
    })
    await failing.runDue()
    const [upcoming] = await engine.inspect.upcoming({ contactId: 'ada' })
    expect(upcoming).toMatchObject({ stepId: 'two', status: 'retrying', opensAt: '2026-03-11T08:00:00.000Z' })
    const from = upcoming?.dueAt
    expect((await engine.inspect.forecast('ada', { until: later(30) })).steps[0]).toMatchObject({
      ...{ stepId: 'two', dueAt: from, at: '2026-03-11T08:00:00.000Z', shift: { gate: 'window', from } },
    })
    clock.set('2026-03-11T08:10:00.000Z')
    expect((await engine.inspect.forecast('ada', { until: later(30) })).steps[0]).toMatchObject({
      ...{ stepId: 'two', dueAt: from, at: '2026-03-11T08:10:00.000Z', shift: { gate: 'overdue', from } },
    })
  })

  it('FORECAST-1: what was overdue at a resume with a pace is told at its earliest instant, and by which gate', async () => {
    const { engine, clock } = await given(['ada', 'bob'])
    orThrow(await engine.pauseCampaign('pool', { actor: null }))
    clock.set(later(1))
    const resume = { overdue: 'send', pace: { most: 1, per: 'PT1H' } } as const
    const one = { stepId: 'one', at: later(1), dueAt: MONDAY, shift: { gate: 'pace', from: MONDAY } }
    const until = later(30)
    const whatIf = { resume: { campaignId: 'pool', ...resume } }
    expect((await engine.inspect.forecast('bob', { until, whatIf })).steps[0]).toMatchObject(one)
    orThrow(await engine.resumeCampaign('pool', { actor: null, ...resume }))
    const { steps } = await engine.inspect.forecast('bob', { until })
    expect(steps[0]).toMatchObject(one)
    expect(steps[1]?.shift).toBeUndefined()
  })

  it('FORECAST-1: what waits for somebody is told apart', async () => {
    const { engine } = await given(['ada'])
    orThrow(await engine.pauseSequence({ contactId: 'ada', campaignId: 'pool', sequenceId: 'nurture', actor: null }))
    const { steps, held } = await engine.inspect.forecast('ada', { until: later(30) })
    expect(steps).toEqual([])
    expect(held).toMatchObject([{ stepId: 'one', paused: true }])
  })

  it('FORECAST-3: under a pause nothing of the campaign comes, and under another definition new runs follow that', async () => {
    const { engine } = await given(['ada'])
    const until = later(30)
    const paused = await engine.inspect.forecast('ada', { until, whatIf: { pause: { campaignId: 'pool' } } })
    expect([paused.steps, paused.held.length]).toEqual([[], 1])
    const definition = {
      ...pool,
      sequences: pool.sequences.map((one) =>
        one.id === 'vip' ? { ...one, steps: [{ id: 'gift', kind: 'task' }] } : one,
      ),
    }
    const other = await engine.inspect.forecast('ada', { until, whatIf: { definition } })
    expect(other.steps.map(({ stepId }) => stepId)).toEqual(['one', 'two', 'three', 'gift'])
    // The campaign is as it was.
    expect((await engine.inspect.forecast('ada', { until })).steps.at(-1)?.stepId).toBe('call')
    await expect(engine.inspect.forecast('ada', { until, whatIf: { pause: { campaignId: 'none' } } })).rejects.toThrow(
      'whatIf',
    )
  })

  it('FORECAST-1: an instant that has gone by is refused, with its path', async () => {
    const { engine } = await given([])
    await expect(engine.inspect.forecast('ada', { until: MONDAY })).rejects.toThrow('inspect.forecast.until')
  })
})

describe('a forecast of all contacts', () => {
  const contacts = Array.from({ length: 120 }, (_, i) => `contact ${i}`)
  const until = later(9)

  it('FORECAST-2: a forecast of all adds up what is forecast of each, by day or by hour', async () => {
    const { engine } = await given(contacts)
    const progress: number[] = []
    const byDay = await engine.inspect.forecast({
      until,
      by: 'day',
      onProgress: ({ contacts }) => void progress.push(contacts),
    })
    const cell = { campaignId: 'pool', skipped: 0, error: 0 }
    expect(byDay.cells).toEqual([
      { ...cell, from: '2026-03-02T00:00:00.000Z', sequenceId: 'nurture', stepId: 'one', sent: 120, conditional: 0 },
      { ...cell, from: '2026-03-04T00:00:00.000Z', sequenceId: 'nurture', stepId: 'two', sent: 120, conditional: 0 },
      {
        ...cell,
        from: '2026-03-05T00:00:00.000Z',
        sequenceId: 'nurture',
        stepId: 'three',
        sent: 120,
        conditional: 120,
      },
      { ...cell, from: '2026-03-05T00:00:00.000Z', sequenceId: 'vip', stepId: 'call', sent: 120, conditional: 120 },
    ])
    expect(byDay).toMatchObject({ due: 120, contacts: 120, next: null, cut: 0, broken: [] })
    expect(progress.at(-1)).toBe(120)
    const byHour = await engine.inspect.forecast({ until, by: 'hour', campaignId: 'pool' })
    expect(byHour.cells[1]?.from).toBe('2026-03-04T08:00:00.000Z')
    expect((await engine.inspect.forecast({ until, by: 'hour', campaignId: 'other' })).cells).toEqual([])
  })

  it('FORECAST-2: a forecast goes on from an answer only, and of a campaign looks at its contacts only', async () => {
    const { engine } = await given(['ada', 'bob'])
    const query = { until: later(30), by: 'day' } as const
    const part = await engine.inspect.forecast({ ...query, atMost: 1 })
    const { next } = part
    if (next === null) throw new Error('one is left')
    for (const goOn of [
      {},
      { ...part, next: null },
      { ...part, due: -1 },
      { ...part, next: { ...next, counts: [['[1]', 1, 1, 0, 0]] } },
      { ...part, next: { ...next, counts: [[next.counts[0]?.[0], 1]] } },
    ])
      await expect(engine.inspect.forecast({ ...query, goOn: goOn as never })).rejects.toThrow('goOn is none')
    const other = await engine.inspect.forecast({ ...query, campaignId: 'other' })
    expect(other).toMatchObject({ cells: [], due: 0, contacts: 0 })
  })

  it('FORECAST-2: a forecast goes on where it was left, and comes to the same', async () => {
    const { engine } = await given(contacts)
    const whole = await engine.inspect.forecast({ until, by: 'day' })
    let part = await engine.inspect.forecast({ until, by: 'day', atMost: 50 })
    expect([part.contacts, part.next === null]).toEqual([50, false])
    while (part.next !== null)
      part = await engine.inspect.forecast({ until, by: 'day', atMost: 50, goOn: JSON.parse(JSON.stringify(part)) })
    expect(part).toEqual(whole)
  })

  it('FORECAST-2: a sample tells its error, and the truth is within it', async () => {
    const { engine } = await given(contacts)
    // Half of them are on their way to another step.
    for (const contactId of contacts.slice(0, 60))
      orThrow(await engine.stopSequence({ contactId, campaignId: 'pool', sequenceId: 'nurture', actor: null }))
    for (const contactId of contacts.slice(0, 60))
      orThrow(await engine.startSequence({ contactId, campaignId: 'pool', sequenceId: 'rest', actor: null }))
    const { cells, due, contacts: played } = await engine.inspect.forecast({ until, by: 'day', sample: 40 })
    expect(due).toBe(120)
    expect(played).toBeLessThan(70)
    for (const stepId of ['one', 'bye']) {
      const { sent = 0, error = 0 } = cells.find((cell) => cell.stepId === stepId) ?? {}
      expect(error).toBeGreaterThan(0)
      expect(Math.abs(sent - 60)).toBeLessThanOrEqual(error)
    }
  })

  it('FORECAST-2: a sample of a campaign is drawn from its contacts, however many others there are', async () => {
    const { engine } = await given(Array.from({ length: 400 }, (_, i) => `big ${i}`))
    orThrow(await engine.publish({ ...pool, id: 'small' }))
    for (let i = 0; i < 20; i++)
      orThrow(
        await engine.startSequence({ contactId: `few ${i}`, campaignId: 'small', sequenceId: 'nurture', actor: null }),
      )
    const few = await engine.inspect.forecast({ until, by: 'day', campaignId: 'small', sample: 25 })
    expect(few).toMatchObject({ due: 20, contacts: 20, unseen: 0 })
    expect(few.cells[0]).toMatchObject({ campaignId: 'small', stepId: 'one', sent: 20, error: 0 })
    const some = await engine.inspect.forecast({ until, by: 'day', campaignId: 'small', sample: 10 })
    expect(some.due).toBe(20)
    expect(some.contacts).toBeGreaterThan(0)
    expect(some.contacts).toBeLessThan(20)
    expect(some.cells[0]).toMatchObject({ campaignId: 'small', stepId: 'one', sent: 20 })
    // Of all campaigns the small one may not be in the sample, and the answer says how much that may leave out.
    const all = await engine.inspect.forecast({ until, by: 'day', sample: 40 })
    expect(all.due).toBe(420)
    expect(all.unseen).toBe(Math.ceil((3 * 420) / all.contacts))
    expect(all.unseen).toBeGreaterThan(20)
    // Every contact of the sample comes to it, and not every contact.
    const [one] = all.cells.filter(({ stepId, campaignId }) => stepId === 'one' && campaignId === 'pool')
    expect(Math.abs((one?.sent ?? 0) - 400)).toBeLessThanOrEqual(one?.error ?? 0)
  })

  it('FORECAST-2, GATE-4: overdue steps come by the pace of a resume, as the engine then does', async () => {
    const { engine, clock } = await given(contacts.slice(0, 20))
    orThrow(await engine.pauseCampaign('pool', { actor: null }))
    clock.set(later(1))
    const resume = { overdue: 'send', pace: { most: 2, per: 'PT1H' } } as const
    const query = { until: later(3), by: 'hour' } as const
    const inTurn = await engine.inspect.forecast({ ...query, whatIf: { resume: { campaignId: 'pool', ...resume } } })
    const sentIn = ({ cells }: ForecastTotals) => cells.map(({ from, stepId, sent }) => `${from} ${stepId} ${sent}`)
    expect(sentIn(inTurn).slice(0, 10)).toEqual(
      Array.from({ length: 10 }, (_, i) => `2026-03-03T${String(9 + i).padStart(2, '0')}:00:00.000Z one 2`),
    )
    orThrow(await engine.resumeCampaign('pool', { actor: null, ...resume }))
    expect(sentIn(await engine.inspect.forecast(query))).toEqual(sentIn(inTurn))
    let part = await engine.inspect.forecast({ ...query, atMost: 7 })
    while (part.next !== null)
      part = await engine.inspect.forecast({ ...query, atMost: 7, goOn: JSON.parse(JSON.stringify(part)) })
    expect(sentIn(part)).toEqual(sentIn(inTurn))
    // Of a sample each stands for many, and takes the permits of as many.
    const sample = await engine.inspect.forecast({ ...query, sample: 10 })
    expect(sample.contacts).toBeLessThan(20)
    const hoursOf = ({ cells }: ForecastTotals) =>
      cells.filter(({ stepId }) => stepId === 'one').map(({ from }) => from)
    expect(hoursOf(sample).at(-1)?.slice(0, 10)).toBe('2026-03-03')
    expect(hoursOf(sample).length).toBeGreaterThan(3)
    // In the middle of a span what has begun in it is used up.
    await engine.runDue()
    clock.set('2026-03-03T09:30:00.000Z')
    const rest = sentIn(await engine.inspect.forecast(query))
    expect(rest.slice(0, 9)).toEqual(sentIn(inTurn).slice(1, 10))
    const done = new Map<string, number>()
    for (let hour = 10; hour < 58; hour++) {
      clock.set(instantOf(epochMsOf('2026-03-03T00:00:00.000Z') + hour * 3_600_000))
      await engine.runDue()
    }
    for (const contactId of contacts.slice(0, 20))
      for (const { type, at, data } of await engine.inspect.history(contactId))
        if (type === 'StepDispatched') {
          const cell = `${at.slice(0, 13)}:00:00.000Z ${data.stepId}`
          done.set(cell, (done.get(cell) ?? 0) + 1)
        }
    expect([...done].map(([cell, sent]) => `${cell} ${sent}`).toSorted()).toEqual(sentIn(inTurn).toSorted())
  })

  it('FORECAST-2: a forecast ends when it is told to', async () => {
    const { engine } = await given(['ada'])
    await expect(
      engine.inspect.forecast({ until, by: 'day', signal: AbortSignal.abort(new Error('enough')) }),
    ).rejects.toThrow('enough')
  })
})
