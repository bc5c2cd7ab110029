/**
 * GATE-2 held against races on PostgreSQL: many workers dispatch while a campaign is paused and resumed again and again. What
 * is checked is the log that they left. The other stores are in `promises.test.ts`.
 */
import { type Instant, isCampaignEvent, type Position, type Store } from '@enfold/core'
import { createPostgresStore } from '@enfold/store-postgres'
import { givenSchemas, givenServer } from '@enfold/test-servers/given'
import { createSimulatedClock } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import { expect, it } from 'vitest'
import { answerOf, MONDAY, randomFrom, until } from './engine.fixture.ts'
import { createEngine, type Engine } from './engine.ts'
import { headOf } from './log.fixture.ts'

const server = givenServer()
const newSchema = givenSchemas(server)
const WORKERS = 3

// A loop without an end, so that something of each contact is due all the time.
const campaign = {
  id: 'pool',
  goals: [],
  brake: 10_000,
  sequences: [{ id: 'round', steps: ['a', 'b', 'c'].map((id) => ({ id, kind: 'email' })), next: ['round'] }],
}

/** A pause that was answered, and the resume after it: where the log stood. */
interface Pause {
  readonly answeredAt: Position
  resumedAt: Position
}

it('GATE-2: over PostgreSQL, no dispatch begins between the answer of a pause and the resume, by any worker', async () => {
  const schema = newSchema()
  const looks: number[] = Array.from({ length: WORKERS }, () => 0)
  const opened = looks.map((_, i) => {
    const one = createPostgresStore({ connectionString: server.url, schema, maxConnections: 3 })
    const claimDue: Store['claimDue'] = (...args) => {
      looks[i] = (looks[i] ?? 0) + 1
      return one.claimDue(...args)
    }
    return { ...one, claimDue }
  })
  const store = opened[0] as Store
  const clock = createSimulatedClock(MONDAY)
  const random = randomFrom(20_261_129)
  let calls = 0
  const email = async () => {
    calls += 1
    return { outcome: 'sent' } as const
  }
  const options = { clock, handlers: { email }, dispatch: { pollMs: 100 } }
  const engines = opened.map((one) => createEngine({ ...options, store: one }))
  const any = () => engines[Math.floor(random() * engines.length)] as Engine
  await answerOf(any().publish(campaign))
  for (let i = 0; i < 20; i++)
    await answerOf(any().startSequence({ contactId: `c${i}`, campaignId: 'pool', sequenceId: 'round', actor: null }))
  const end = new AbortController()
  const workers = engines.map((engine) => engine.run({ signal: end.signal }))
  const ticking = setInterval(() => clock.advance(50), 1)
  const pauses: Pause[] = []
  for (let left = runs(4); left > 0; left--) {
    const before = calls
    await until(() => calls > before + 30 * random())
    await answerOf(any().pauseCampaign('pool', { actor: 'olga' }))
    const pause: Pause = { answeredAt: await headOf(store), resumedAt: 0 }
    pauses.push(pause)
    const steps = await dispatchesIn(store)
    // Each worker has looked for work and gone on: its next look but one follows what it began at the first.
    const enough = looks.map((count) => count + 3)
    await until(() => looks.every((count, i) => count >= (enough[i] ?? 0)))
    expect(await dispatchesIn(store)).toEqual(steps)
    const resumed = await answerOf(any().resumeCampaign('pool', { actor: 'olga', overdue: 'send' }))
    pause.resumedAt = resumed.position
  }
  const before = calls
  await until(() => calls > before)
  clearInterval(ticking)
  end.abort()
  await Promise.all(workers)
  const positions = (await dispatchesIn(store)).map(({ position }) => position)
  for (const { answeredAt, resumedAt } of pauses)
    expect(positions.filter((position) => position > answeredAt && position < resumedAt)).toEqual([])
  for (const engine of engines) await engine.close()
  for (const one of opened) await one.close()
}, 120_000)

async function dispatchesIn(store: Store): Promise<{ readonly position: Position; readonly at: Instant }[]> {
  const found: { readonly position: Position; readonly at: Instant }[] = []
  for await (const event of store.readAll(0, { streams: 'contacts' }))
    if (!isCampaignEvent(event) && event.type === 'StepDispatched')
      found.push({ position: event.position, at: event.at })
  return found
}
