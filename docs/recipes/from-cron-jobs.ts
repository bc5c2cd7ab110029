import { DatabaseSync } from 'node:sqlite'
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

export const db = new DatabaseSync(':memory:')
// #region table
db.exec(`
  CREATE TABLE drip (
    id           INTEGER PRIMARY KEY,
    user_id      TEXT NOT NULL,
    mails_sent   INTEGER NOT NULL,
    began_at     TEXT NOT NULL,  -- UTC, as the other two
    last_sent_at TEXT,
    next_at      TEXT,           -- the cron job looks for next_at <= now
    state        TEXT NOT NULL   -- running, done, unsubscribed
  );
  INSERT INTO drip VALUES
    (1, 'ada', 3, '2026-02-20 10:15:00', '2026-02-25 10:15:00', NULL,                  'done'),
    (2, 'bob', 1, '2026-02-27 16:40:00', '2026-02-27 16:40:00', NULL,                  'unsubscribed'),
    (3, 'cem', 2, '2026-02-28 09:00:00', '2026-03-02 09:03:00', '2026-03-05 09:03:00', 'running'),
    (4, 'dan', 1, '2026-03-02 07:30:00', '2026-03-02 07:31:00', '2026-03-04 07:31:00', 'running'),
    (5, 'eve', 0, '2026-03-03 11:59:30', NULL,                  '2026-03-03 11:59:30', 'running');
`)
// #endregion table

// #region host
interface Row {
  readonly id: number
  readonly user_id: string
  readonly mails_sent: number
  readonly began_at: string
  readonly last_sent_at: string | null
  readonly next_at: string
}
const instant = (utc: string) => new Date(`${utc.replace(' ', 'T')}Z`).toISOString()

export function standingsOf(db: DatabaseSync): Standing[] {
  const rows = db.prepare("SELECT * FROM drip WHERE state = 'running'").all() as unknown as readonly Row[]
  return rows.flatMap(({ id, user_id, mails_sent, began_at, last_sent_at, next_at }) => {
    const stepId = course.sequences[0]?.steps[mails_sent]?.id
    if (stepId === undefined) return []
    const since = instant(last_sent_at ?? began_at)
    return [{ id: `drip/${id}`, contactId: user_id, stepId, since, due: [[stepId, instant(next_at)]] }]
  })
}

export function unsubscribedOf(db: DatabaseSync): string[] {
  const rows = db.prepare("SELECT user_id FROM drip WHERE state = 'unsubscribed'").all()
  return rows.map(({ user_id }) => String(user_id))
}
// #endregion host

export default recipe({
  campaigns: [course],
  from: '2026-03-01',
  async story({ store, at, until, print }) {
    print('ada had mistake-1, mistake-2, mistake-3')
    print('bob had mistake-1, and unsubscribed')
    print('cem had mistake-1, mistake-2')
    print('dan had mistake-1')
    print('eve had nothing')
    const into = { campaignId: 'pool-owners', sequenceId: 'nurture' }
    await at('2026-03-03 12:00', 'the cron job is off: import', async () => {
      // Cut short, and repeated.
      await carryOn(store, into, cutShort(standingsOf(db)), [])
      await carryOn(store, into, standingsOf(db), unsubscribedOf(db))
    })
    await until('2026-04-01')
  },
})
