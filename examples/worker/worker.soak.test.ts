import { describe, expect, it } from 'vitest'
import { SHORT } from './given-place.ts'
import { soak } from './soak/soak.ts'

/** Real processes in real time: how long it takes depends on the machine. */
const PATIENCE_MS = 600_000

describe('given a worker that is killed again and again', () => {
  it.each([
    ['at least once where it is retried', 'retry'],
    ['at most once where it is held', 'hold'],
  ] as const)(
    'STEP-4, STEP-6, STOP-6, ONCE-3: everything is sent, %s',
    async (_what, onUnknown) => {
      const figures = await soak({ kills: 12, steps: 240, seed: 7, onUnknown, workers: 1, ...SHORT })

      expect(figures.contacts).toBe(132)
      expect(figures.killsAtWork).toBeGreaterThan(0)
      expect(figures.cutOff).toBeGreaterThan(0)
      if (onUnknown === 'retry') expect(figures).toMatchObject({ held: 0, resends: 0 })
      else expect(figures).toMatchObject({ repeats: 0 })
    },
    PATIENCE_MS,
  )

  it(
    'STEP-6, ONCE-2: several workers at once change nothing of that',
    async () => {
      const figures = await soak({ kills: 8, steps: 160, seed: 3, onUnknown: 'retry', workers: 2, ...SHORT })
      expect(figures.killsAtWork).toBeGreaterThan(0)
    },
    PATIENCE_MS,
  )
})
