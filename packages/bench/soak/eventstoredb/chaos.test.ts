/** A short share of `chaos.soak.test.ts`, where the same is played for longer, and by careless hosts. */
import { describe, expect, it } from 'vitest'
import { chaos } from './chaos.ts'
import { engineChaos } from './engine-chaos.ts'
import { playUntil, sawAll } from './play.ts'

describe('a server that dies every half second and loses answers', { timeout: 300_000 }, () => {
  it('ONCE-3: every event stands once and in order, in its stream and with a reader that crashes', async () => {
    const reports = await playUntil(
      (seed) => chaos({ seed, commands: 12 }),
      sawAll('kills', 'readerCrashes', 'repeated', 'undiscovered'),
    )
    expect(reports.flatMap(({ problems }) => problems)).toEqual([])
  })

  it('ONCE-1, ONCE-3, GATE-2: every acknowledged command of engines that begin again stands in the log once, nothing is sent in a pause, and the read model is what the log says', async () => {
    const reports = await playUntil(
      (seed) => engineChaos({ seed, readModel: 'sqlite', contacts: 4, commands: 5 }),
      sawAll('kills', 'restarts', 'retries', 'steps', 'pauses', 'undiscovered'),
    )
    expect(reports.flatMap(({ problems }) => problems)).toEqual([])
    for (const { acknowledged } of reports) expect(acknowledged).toBe(20)
  })
})
