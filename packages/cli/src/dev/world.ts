/** What the pages of `enfold dev` show and act on. */
import type { Engine } from '@enfold/engine'
import type { CampaignWatch } from './campaign-watch.ts'
import type { Outbox } from './outbox.ts'
import type { People } from './people.ts'
import type { SimulatedTime } from './simulated-time.ts'

export interface World {
  readonly engine: Engine
  readonly outbox: Outbox
  readonly people: People
  /** Where the contacts come from, in words. */
  readonly peopleFrom: string
  readonly campaign: CampaignWatch
  /** The file of the campaign; `null`: the example. */
  readonly campaignPath: string | null
  /** `null`: the clock of this machine. */
  readonly time: SimulatedTime | null
  /** Where things are kept, in words. */
  readonly keptIn: string
  /** One thing at a time is done to the engine; work on what is due is one of them. */
  readonly exclusive: <Result>(work: () => Promise<Result>) => Promise<Result>
  /** Resolves when all that is due now was done. */
  settled(): Promise<void>
  /** Another one when a page would show something new. While something is going on, it stays the same. */
  revision(): string
}

/** Works one after the other, and says whether one is at work. */
export function createExclusive() {
  let last: Promise<unknown> = Promise.resolve()
  let atWork = 0
  return {
    isBusy: () => atWork > 0,
    run<Result>(work: () => Promise<Result>): Promise<Result> {
      atWork += 1
      const done = last.then(work).finally(() => {
        atWork -= 1
      })
      last = done.catch(() => {})
      return done
    },
  }
}
