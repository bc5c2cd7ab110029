/** What a step costs by how many steps its sequence has: it should cost the same. One step at a time; SQLite, in memory. */
import { createEngine, orThrow } from '@enfold/engine'
import { createSqliteStore } from '@enfold/store-sqlite'
import { createSimulatedClock } from '@enfold/testkit'
import { type Benchmark, type Given, sizeOf } from './benchmark.ts'

/** Processor time of this process in microseconds: nothing here waits for anything. */
const processorUs = () => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** Contacts go through a sequence of so many steps, one after the other, until all steps are done. */
async function goThrough(length: number, steps: number): Promise<number> {
  const store = createSqliteStore({ path: ':memory:' })
  const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
  const engine = createEngine({ store, clock, handlers: { email: () => ({ outcome: 'sent' }) } })
  const timer = { after: 'PT1H' }
  const sequence = { id: 'long', steps: Array.from({ length }, (_, i) => ({ id: `step-${i}`, kind: 'email', timer })) }
  orThrow(await engine.publish({ id: 'bench', goals: [], sequences: [sequence] }))
  const before = processorUs()
  let sent = 0
  for (let contact = 0; sent < steps; contact++) {
    const contactId = `contact-${contact}`
    orThrow(await engine.startSequence({ contactId, campaignId: 'bench', sequenceId: 'long', actor: 'bench' }))
    for (let i = 0; i < length; i++) {
      await clock.advance('PT1H')
      sent += (await engine.runDue()).sent
    }
  }
  const took = processorUs() - before
  await engine.close()
  await store.close()
  if (sent !== steps) throw new Error(`${sent} of ${steps} were sent.`)
  return took / steps
}

async function run(given: Given) {
  const [short, long] = [sizeOf(given, 'short'), sizeOf(given, 'long')]
  // What is measured first would pay for the compiler alone.
  await goThrough(short, short * Math.ceil(long / short))
  return {
    figures: {
      short: await goThrough(short, short * Math.ceil(long / short)),
      long: await goThrough(long, long),
    },
    work: { steps: long },
  }
}

export const longSequenceBenchmark: Benchmark = {
  name: 'long-sequence',
  what: '{long} steps, one at a time: of contacts whose sequence has {short}, and of one whose sequence has {long}; processor time',
  full: { short: 50, long: 1_500 },
  quick: { short: 5, long: 20 },
  rounds: 2,
  figures: {
    short: { title: 'a step of a short sequence', unit: 'µs', better: 'less' },
    long: { title: 'a step of a long one', unit: 'µs', better: 'less' },
  },
  contenders: { enfold: { title: 'Enfold', run } },
  wanted: [
    {
      text: 'a step of a long sequence, of one of a short',
      figure: 'long',
      of: 'enfold',
      over: ['enfold'],
      overFigure: 'short',
      atMost: 1.3,
    },
  ],
}
