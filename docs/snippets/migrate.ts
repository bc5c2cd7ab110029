import { DatabaseSync } from 'node:sqlite'
import { createEngine, type Instant, orThrow } from 'enfold'
import { createSqliteStore } from 'enfold/sqlite'

const old = new DatabaseSync(':memory:')
// #region old
old.exec(`
  CREATE TABLE enrollments (
    id          INTEGER PRIMARY KEY,
    contact_id  TEXT NOT NULL,
    enrolled_at TEXT NOT NULL,  -- UTC
    mails_sent  INTEGER NOT NULL,
    next_at     TEXT,           -- the cron job looks for next_at <= now
    state       TEXT NOT NULL   -- running, done, unsubscribed
  );
  INSERT INTO enrollments VALUES
    (1, 'ada', '2026-02-20 10:15:00', 3, NULL,                  'done'),
    (2, 'bob', '2026-02-27 16:40:00', 1, NULL,                  'unsubscribed'),
    (3, 'cem', '2026-02-28 09:00:00', 2, '2026-03-05 08:00:00', 'running'),
    (4, 'dan', '2026-03-02 07:30:00', 1, '2026-03-04 08:00:00', 'running');
`)
// #endregion old

// #region campaign
const campaign = {
  id: 'pool-owners',
  goals: [{ id: 'asked', when: { kind: 'form-submitted' }, next: ['nurture'] }],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'mistake-1', kind: 'email' },
        { id: 'mistake-2', kind: 'email', timer: { afterDays: 2, at: '08:00' } },
        { id: 'mistake-3', kind: 'email', timer: { afterDays: 3, at: '08:00' } },
      ],
    },
  ],
}
// #endregion campaign

// #region import
interface Row {
  readonly id: number
  readonly contact_id: string
  readonly enrolled_at: string
  readonly mails_sent: number
  readonly next_at: string | null
  readonly state: 'running' | 'done' | 'unsubscribed'
}
const instant = (utc: string): Instant => new Date(`${utc.replace(' ', 'T')}Z`).toISOString()
const rows = old.prepare('SELECT * FROM enrollments ORDER BY enrolled_at').all() as unknown as readonly Row[]

/** Time is what the row says. Nothing is sent: this engine is never asked to run what is due. */
let now: Instant = '2026-01-01T00:00:00.000Z'
const store = createSqliteStore({ path: ':memory:' })
const importer = createEngine({ store, handlers: {}, clock: { now: () => now } })

async function importRows(): Promise<void> {
  const by = { actor: 'migration', reason: 'from the enrollment table' }
  for (const row of rows) {
    now = instant(row.enrolled_at)
    const contact = { ...by, contactId: row.contact_id }
    if (row.state === 'unsubscribed')
      orThrow(await importer.suppress({ ...contact, commandId: `enrollments/${row.id}` }))
    if (row.state !== 'running') continue
    const sequence = { ...contact, campaignId: 'pool-owners', sequenceId: 'nurture' }
    orThrow(await importer.startSequence({ ...sequence, commandId: `enrollments/${row.id}` }))
    for (const { id: stepId } of campaign.sequences[0]?.steps.slice(0, row.mails_sent) ?? [])
      orThrow(await importer.cancelStep({ ...sequence, stepId, commandId: `enrollments/${row.id}/${stepId}` }))
  }
}

orThrow(await importer.publish(campaign, { actor: 'migration', commandId: 'import' }))
await importRows()
await importRows() // Cut short? Once more: the same command ids change nothing.
// #endregion import

// #region compare
for (const row of rows) {
  const { enrollments, suppressed } = await importer.inspect.contact(row.contact_id)
  const next = enrollments[0]?.next
  const was = row.next_at === null ? 'nothing' : instant(row.next_at)
  console.log(row.contact_id, row.state, '| was due:', was, '| is due:', next?.dueAt ?? 'nothing', next?.stepId ?? '')
  if (row.state === 'unsubscribed') console.log(row.contact_id, 'is suppressed:', suppressed !== null)
}
const { contacts, differences } = await importer.verifyIndex()
console.log(`${contacts} contacts, ${differences.length} differences between index and log`)
await importer.close()
// #endregion compare

// #region goes-on
const engine = createEngine({
  store,
  clock: { now: () => '2026-03-04T08:00:01.000Z' },
  handlers: {
    email({ contactId, step }) {
      console.log('mail', step.id, 'to', contactId)
      return { outcome: 'sent' }
    },
  },
})
await engine.runDue()
// #endregion goes-on
await engine.close()
await store.close()
