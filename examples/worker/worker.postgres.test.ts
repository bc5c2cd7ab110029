import { givenServer } from '@enfold/postgres-server/given'
import { expect, it } from 'vitest'
import { soak } from './soak/soak.ts'

const server = givenServer()

it.skipIf(!server.isOurs)(
  'STEP-4, STEP-6, STOP-6, ONCE-3: workers die, and the PostgreSQL server under them, and everything is sent all the same',
  async () => {
    const { url, kill, start } = server
    const figures = await soak({
      ...{ kills: 4, steps: 160, seed: 5, onUnknown: 'retry', workers: 4, leaseMs: 3000, handlerTimeoutMs: 1000 },
      server: { url, kill, start, kills: 1 },
    })

    expect(figures).toMatchObject({ contacts: 88, serverKills: 1, held: 0, resends: 0 })
    expect(figures.killsAtWork + figures.serverKillsAtWork).toBeGreaterThan(0)
  },
  240_000,
)
