import { describe, expect, it } from 'vitest'
import { chaos } from './chaos.ts'
import { engineChaos } from './engine-chaos.ts'
import { playUntil, saw, sawAll } from './play.ts'

describe('a server that dies every half second and loses answers', { timeout: 600_000 }, () => {
  it.each([1, 2, 3])(
    'ONCE-3: every event stands once and in order, in its stream and with a reader that crashes (seed %i)',
    async (seed) => {
      const report = await chaos({ seed, commands: 40 })
      expect(report.problems).toEqual([])
      expect(sawAll('kills', 'readerCrashes', 'repeated')([report])).toBe(true)
    },
  )

  it('ONCE-3: a reader that stores the checkpoints of checkpointReached loses events, and the chaos finds it', async () => {
    await playUntil((seed) => chaos({ seed, commands: 40, careless: 'checkpoint-reached' }), saw(/^The reader has \d+/))
  })

  it('ONCE-1: a writer that makes new ids when it tries again writes events twice, and the chaos finds it', async () => {
    await playUntil((seed) => chaos({ seed, commands: 40, careless: 'fresh-ids' }), saw(/contact-\w has \d+ events/))
  })

  it.each([
    [1, 'memory'],
    [2, 'sqlite'],
    [3, 'sqlite'],
  ] as const)(
    'ONCE-1, ONCE-3, GATE-2: every acknowledged command of engines that begin again stands in the log once, nothing is sent in a pause, and the read model is what the log says (seed %i, %s)',
    async (seed, readModel) => {
      const report = await engineChaos({ seed, readModel, contacts: 8, commands: 6 })
      expect(report.problems).toEqual([])
      expect(report.acknowledged).toBe(48)
      expect(sawAll('kills', 'restarts', 'retries', 'steps', 'pauses')([report])).toBe(true)
    },
  )

  it('GATE-2: workers with another gateMs than the process that pauses send in a pause, and the chaos finds it', async () => {
    const careless = 'other-gates'
    await playUntil(
      (seed) => engineChaos({ seed, readModel: 'memory', contacts: 6, commands: 8, careless }),
      saw(/Handlers were called/),
    )
  })

  it('ONCE-1: ordering again under another id does it twice, and the chaos finds it', async () => {
    const careless = 'fresh-command-ids'
    await playUntil(
      (seed) => engineChaos({ seed, readModel: 'memory', contacts: 6, commands: 8, careless }),
      saw(/nobody was told so/),
    )
  })
})
