import { describe, expect, it } from 'vitest'
import { chaos } from '../soak/chaos.ts'

describe('a server that dies every half second and loses answers, a reader that crashes', { timeout: 120_000 }, () => {
  it.each([1, 2, 3])(
    'ONCE-3: every event stands once and in order, in its stream and with the reader (seed %i)',
    async (seed) => {
      const report = await chaos({ seed, commands: 40 })
      expect(report.problems).toEqual([])
      expect(report.kills).toBeGreaterThan(0)
      expect(report.readerCrashes).toBeGreaterThan(3)
      expect(report.repeated).toBeGreaterThan(0)
    },
  )

  it('a reader that stores the checkpoints of checkpointReached loses events', async () => {
    const { problems } = await chaos({ seed: 1, commands: 40, careless: 'checkpoint-reached' })
    expect(problems.join()).toMatch(/^The reader has \d+ events of/)
  })

  it('a writer that makes new ids when it tries again writes events twice', async () => {
    const { problems } = await chaos({ seed: 1, commands: 40, careless: 'fresh-ids' })
    expect(problems.join()).toMatch(/contact-\w has \d+ events/)
  })
})
