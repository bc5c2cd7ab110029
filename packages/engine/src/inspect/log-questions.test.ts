/** What the log itself answers: held against what is counted in another way. */
import { isContactEvent, type RecordedEvent } from '@enfold/core'
import { membersAt, stateAt } from '@enfold/core/log'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { MONDAY, pool } from '../engine.fixture.ts'
import { createEngine } from '../engine.ts'

async function given() {
  const store = createMemoryStore()
  const clock = createSimulatedClock(MONDAY)
  const handlers = {
    email: ({ contactId }: { contactId: string }) =>
      contactId === 'c-3'
        ? ({ outcome: 'failed', reason: 'bounced', permanent: true } as const)
        : ({ outcome: 'sent' } as const),
    task: () => ({ outcome: 'failed', reason: 'nobody-there', permanent: true }) as const,
  }
  const holding = {
    ...pool,
    sequences: pool.sequences.map((one) =>
      one.id === 'vip' ? { ...one, steps: one.steps.map((step) => ({ ...step, onFailure: 'hold' as const })) } : one,
    ),
  }
  const contacts = { get: (id: string) => ({ fields: { spend: Number(id.slice(2)) * 500 } }) }
  const engine = createEngine({ store, clock, handlers, contacts })
  onTestFinished(async () => {
    await engine.close()
    await store.close()
  })
  await engine.publish(holding)
  return { store, clock, engine }
}

/** Twelve contacts ask, an hour apart; some buy, some leave, one is erased. */
async function played() {
  const { clock, engine, store } = await given()
  for (let i = 0; i < 12; i++) {
    await engine.signal({ contactId: `c-${i}`, kind: 'form-submitted', data: { form: 'guide' } })
    await engine.runDue()
    clock.advance('PT1H')
  }
  clock.advance('P3D')
  await engine.runDue()
  for (let i = 0; i < 6; i++) await engine.signal({ contactId: `c-${i}`, kind: 'purchased' })
  clock.advance('PT2H')
  await engine.runDue()
  await engine.signal({ contactId: 'c-8', kind: 'tag-applied', data: { tag: 'stop-mail' } })
  await engine.startSequence({ contactId: 'c-9', campaignId: 'pool', sequenceId: 'nurture', actor: 'olga' })
  clock.advance('PT1H')
  await engine.erase({ contactId: 'c-9', actor: 'olga' })
  return { clock, engine, store }
}

describe('activity', () => {
  it('activity counts sendings by the hour, as the log has them', async () => {
    const { engine, store } = await played()
    const { complete, events, from, hours, to } = await engine.inspect.activity()
    const log: RecordedEvent[] = []
    for await (const event of store.readAll(0, { streams: 'contacts' })) log.push(event)
    expect([complete, events, from, to]).toEqual([true, log.length, log[0]?.at, log.at(-1)?.at])
    const sent = Map.groupBy(
      log.filter(({ type }) => type === 'StepSent'),
      ({ at }) => `${at.slice(0, 13)}:00:00.000Z`,
    )
    expect(hours.filter((one) => one.sent > 0).map((one) => [one.hour, one.sent])).toEqual(
      [...sent].map(([hour, list]) => [hour, list.length]),
    )
    const failed = log.filter(
      ({ type, data }) => type === 'StepFailed' && (data as { consequence: string }).consequence !== 'retry',
    )
    expect(hours.reduce((all, one) => all + one.failed, 0)).toBe(failed.length)
  })

  it.each([20_000, 60, 20, 1])(
    'activity knows how full sequences were at each instant, out of the last %i events',
    async (events) => {
      const { engine, store } = await played()
      const { complete, sequences, ...rest } = await engine.inspect.activity({ events })
      const log: RecordedEvent[] = []
      for await (const event of store.readAll(0)) log.push(event)
      const last = log.slice(-events).filter(isContactEvent)
      expect([rest.events, rest.from, rest.to]).toEqual([last.length, last[0]?.at, last.at(-1)?.at])
      expect(complete).toBe(events >= log.length)
      expect(sequences.length).toBeGreaterThan(0)
      for (const { campaignId, levels, sequenceId } of sequences)
        for (const { active, at } of levels)
          expect([sequenceId, at, active]).toEqual([
            sequenceId,
            at,
            (await membersAt(store.readAll(), { campaignId, sequenceId }, at)).length,
          ])
    },
  )

  it('later questions begin where the last one ended', async () => {
    const { engine } = await given()
    const fill = async (from: number, to: number) => {
      for (let i = from; i < to; i++)
        await engine.startSequence({ contactId: `c-${i}`, campaignId: 'pool', sequenceId: 'nurture', actor: null })
      const { complete, events, sequences } = await engine.inspect.activity({ events: 1500 })
      return [complete, events, sequences[0]?.levels.at(-1)?.active]
    }
    expect(await fill(0, 100)).toEqual([true, 100, 100])
    expect(await fill(100, 3000)).toEqual([false, 1500, 3000])
    expect(await fill(3000, 3001)).toEqual([false, 1500, 3001])
  })

  it('activity tells of some campaigns only, where asked to', async () => {
    const { engine } = await played()
    const { hours, sequences } = await engine.inspect.activity({ campaigns: ['another'] })
    expect([hours, sequences]).toEqual([[], []])
    await expect(engine.inspect.activity({ events: 0 })).rejects.toThrow(/inspect.activity.events/)
    await expect(engine.inspect.activity({ campaigns: 'pool' as never })).rejects.toThrow(/inspect.activity.campaigns/)
  })

  it('activity is empty for an empty log', async () => {
    const { engine } = await given()
    const nothing = { from: null, to: null, events: 0, complete: true, hours: [], sequences: [] }
    expect(await engine.inspect.activity()).toEqual(nothing)
  })
})

describe('verifyLog', () => {
  it('AUDIT-4: verifyLog finds nothing wrong with what the engine wrote, and says how far it read', async () => {
    const { clock, engine } = await played()
    const all = await engine.inspect.verifyLog()
    expect(all).toMatchObject({ at: clock.now(), complete: true, contacts: 12, faults: [], seal: null })
    expect(all.hashed).toBe(all.events)
    expect(await engine.inspect.verifyLog({ events: 10 })).toMatchObject({ complete: false, events: 10, faults: [] })
    expect(await engine.inspect.verifyLog({ events: all.events })).toMatchObject({ complete: true })
  })
})

describe('contact at an instant', () => {
  it('AUDIT-2: a contact at an instant is what the events up to then make of it', async () => {
    const { engine, store } = await played()
    const history = await engine.inspect.history('c-4')
    for (const { at } of history) {
      const view = await engine.inspect.contact('c-4', { at, runs: 'all' })
      const state = await stateAt(store.readAll(), 'c-4', at)
      const runs = state.enrollments.flatMap(({ sequenceId, runs: all }) =>
        all.map(({ run, status }) => [sequenceId, run, status]),
      )
      expect([view.version, view.enrollments.map(({ run, sequenceId, status }) => [sequenceId, run, status])]).toEqual([
        state.version,
        runs,
      ])
    }
    expect(await engine.inspect.contact('c-4', { at: '2020-01-01T00:00:00.000Z' })).toMatchObject({
      version: 0,
      enrollments: [],
    })
    await expect(engine.inspect.contact('c-4', { at: 'yesterday' })).rejects.toThrow(/inspect.contact.at/)
  })

  it('facts are those of the directory', async () => {
    const { engine } = await given()
    expect(await engine.inspect.facts('c-4')).toEqual({ fields: { spend: 2000 } })
  })
})
