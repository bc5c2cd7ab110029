import { campaign } from 'enfold'
import { carryOn, cutShort, type Standing } from './carry-on.ts'
import { recipe } from './stage.ts'

// #region campaign
export const course = campaign({
  id: 'pool-owners',
  goals: [{ id: 'asked', when: { kind: 'form-submitted' }, next: ['nurture'] }],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'mistake-1', kind: 'email' },
        { id: 'mistake-2', kind: 'email', timer: { after: 'P2D' } },
        { id: 'mistake-3', kind: 'email', timer: { after: 'P3D' } },
      ],
    },
  ],
})
// #endregion campaign

// #region host
/** What it takes of `job.toJSON()`. Yours has other `data`. */
interface BullJob {
  readonly id?: string
  readonly name: string
  readonly data: { readonly contactId: string; readonly step: string }
  /** When it was added, in milliseconds. */
  readonly timestamp: number
  readonly delay: number
  readonly repeatJobKey?: string
}

/** Of `await queue.getJobs(['delayed', 'waiting', 'prioritized', 'paused'])`, once every worker is closed. */
export function standingsOf(jobs: readonly BullJob[]): Standing[] {
  const instant = (ms: number) => new Date(ms).toISOString()
  const mails = jobs
    // A job of a scheduler looks for work; it is not the mail of one contact.
    .filter(({ name, repeatJobKey }) => name === 'drip-mail' && repeatJobKey === undefined)
    .toSorted((a, b) => a.timestamp + a.delay - (b.timestamp + b.delay))
  const standings = new Map<string, Standing>()
  for (const { id, data, timestamp, delay } of mails) {
    const first = standings.get(data.contactId)
    const next = { id: `job/${id}`, contactId: data.contactId, stepId: data.step, since: instant(timestamp) }
    const due = [...(first?.due ?? []), [data.step, instant(timestamp + delay)] as const]
    // All jobs of a contact are one run: it goes on at the first, and the others keep their instants.
    standings.set(data.contactId, { ...(first ?? next), due })
  }
  return [...standings.values()]
}
// #endregion host

const HOUR = 3_600_000
const DAY = 24 * HOUR
const added = Date.parse('2026-03-02T09:00:00Z')
const job = (id: string, contactId: string, step: string, timestamp: number, delay: number): BullJob => {
  const rest = { opts: { attempts: 3, delay }, progress: 0, attemptsMade: 0, stacktrace: [], returnvalue: null }
  return { id, name: 'drip-mail', data: { contactId, step }, timestamp, delay, ...rest }
}
const jobs: readonly BullJob[] = JSON.parse(
  JSON.stringify([
    // cem's worker adds the next job when one is done; dan's jobs were all added at the sign-up.
    job('101', 'cem', 'mistake-3', added + HOUR, 3 * DAY),
    job('102', 'dan', 'mistake-2', added, 2 * DAY),
    job('103', 'dan', 'mistake-3', added, 6 * DAY),
    job('104', 'eve', 'mistake-1', added + 27 * HOUR, 0),
    { ...job('repeat:sweep:1', 'none', 'none', added, DAY), name: 'sweep', repeatJobKey: 'sweep' },
  ]),
)

export default recipe({
  campaigns: [course],
  from: '2026-03-01',
  async story({ store, at, until, print }) {
    print('ada had mistake-1, mistake-2, mistake-3')
    print('cem had mistake-1, mistake-2')
    print('dan had mistake-1')
    print('eve had nothing')
    const into = { campaignId: 'pool-owners', sequenceId: 'nurture' }
    await at('2026-03-03 12:00', 'the workers are closed: import', async () => {
      // Cut short, and repeated.
      await carryOn(store, into, cutShort(standingsOf(jobs)), [])
      await carryOn(store, into, standingsOf(jobs), [])
    })
    await until('2026-04-01')
  },
})
