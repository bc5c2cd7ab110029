import { DatabaseSync } from 'node:sqlite'
import { campaign } from 'enfold'
import { carryOn, cutShort, type Standing } from './carry-on.ts'
import { recipe } from './stage.ts'

// #region campaign
export const course = campaign({
  id: 'pool-owners',
  goals: [
    { id: 'asked', when: { kind: 'form-submitted' }, next: ['nurture'] },
    // A decision "clicks the link" of Mautic is a goal here.
    { id: 'wants-offer', when: { kind: 'link-clicked', match: { link: 'offer' } }, achievableBy: 'members' },
  ],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'mistake-1', kind: 'email' },
        { id: 'mistake-2', kind: 'email', timer: { after: 'P2D' } },
        { id: 'mistake-3', kind: 'email', timer: { after: 'P3D' } },
      ],
      next: ['wants-offer'],
    },
  ],
})
// #endregion campaign

const db = new DatabaseSync(':memory:')
db.exec(`
  CREATE TABLE campaign_leads (
    campaign_id INTEGER NOT NULL, lead_id INTEGER NOT NULL, date_added TEXT NOT NULL, date_last_exited TEXT,
    manually_removed INTEGER NOT NULL, manually_added INTEGER NOT NULL, rotation INTEGER NOT NULL,
    PRIMARY KEY (campaign_id, lead_id)
  );
  CREATE TABLE campaign_lead_event_log (
    id INTEGER PRIMARY KEY, event_id INTEGER NOT NULL, lead_id INTEGER NOT NULL, campaign_id INTEGER,
    rotation INTEGER NOT NULL, date_triggered TEXT, is_scheduled INTEGER NOT NULL, trigger_date TEXT,
    system_triggered INTEGER NOT NULL, UNIQUE (event_id, lead_id, rotation)
  );
  CREATE TABLE lead_donotcontact (
    id INTEGER PRIMARY KEY, lead_id INTEGER NOT NULL, date_added TEXT NOT NULL, reason INTEGER NOT NULL,
    channel TEXT NOT NULL, channel_id INTEGER
  );
  INSERT INTO campaign_leads VALUES
    (7, 1, '2026-02-20 10:15:00', NULL, 0, 0, 1),
    (7, 2, '2026-02-27 16:40:00', NULL, 0, 0, 1),
    (7, 3, '2026-02-28 09:00:00', NULL, 0, 0, 1),
    (7, 4, '2026-03-02 07:30:00', NULL, 0, 0, 2),
    (7, 5, '2026-03-03 11:59:30', NULL, 0, 0, 1),
    (7, 6, '2026-03-01 08:00:00', NULL, 1, 0, 1);
  INSERT INTO campaign_lead_event_log VALUES
    (1, 71, 1, 7, 1, '2026-02-20 10:20:00', 0, NULL, 1),
    (2, 72, 1, 7, 1, '2026-02-22 10:20:00', 0, '2026-02-22 10:20:00', 1),
    (3, 73, 1, 7, 1, '2026-02-25 10:25:00', 0, '2026-02-25 10:20:00', 1),
    (4, 71, 2, 7, 1, '2026-02-27 16:45:00', 0, NULL, 1),
    (5, 72, 2, 7, 1, NULL, 1, '2026-03-01 16:45:00', 1),
    (6, 71, 3, 7, 1, '2026-02-28 09:05:00', 0, NULL, 1),
    (7, 72, 3, 7, 1, '2026-03-02 09:05:00', 0, '2026-03-02 09:05:00', 1),
    (8, 73, 3, 7, 1, NULL, 1, '2026-03-05 09:05:00', 1),
    (9, 71, 4, 7, 1, '2026-01-05 08:00:00', 0, NULL, 1),
    (10, 71, 4, 7, 2, '2026-03-02 07:35:00', 0, NULL, 1),
    (11, 72, 4, 7, 2, NULL, 1, '2026-03-04 07:35:00', 1),
    (12, 71, 6, 7, 1, '2026-03-01 08:05:00', 0, NULL, 1),
    (13, 72, 6, 7, 1, NULL, 1, '2026-03-03 08:05:00', 1);
  INSERT INTO lead_donotcontact VALUES (1, 2, '2026-02-28 12:00:00', 1, 'email', 9);
`)

// #region query
/** For MySQL, MariaDB and SQLite. All dates of Mautic are in UTC. */
const STANDINGS = `
  SELECT member.lead_id, member.rotation, member.date_added, log.event_id, log.date_triggered, log.is_scheduled,
         log.trigger_date
    FROM campaign_leads member
    LEFT JOIN campaign_lead_event_log log
      ON log.campaign_id = member.campaign_id AND log.lead_id = member.lead_id AND log.rotation = member.rotation
   WHERE member.campaign_id = ? AND member.manually_removed = 0`

const UNSUBSCRIBED = `SELECT DISTINCT lead_id FROM lead_donotcontact WHERE channel = 'email' AND reason <> 0`
// #endregion query

// #region host
/** The ids of Mautic's actions (`campaign_events`), in their order, by the step that each becomes. */
const STEPS = new Map([
  [71, 'mistake-1'],
  [72, 'mistake-2'],
  [73, 'mistake-3'],
])

interface Row {
  readonly lead_id: number
  readonly rotation: number
  readonly date_added: string
  readonly event_id: number | null
  readonly date_triggered: string | null
  readonly is_scheduled: number | null
  readonly trigger_date: string | null
}
const instant = (utc: string) => new Date(`${utc.replace(' ', 'T')}Z`).toISOString()

export function standingsOf(rows: readonly Row[]): Standing[] {
  return [...Map.groupBy(rows, ({ lead_id }) => lead_id)].flatMap(([leadId, logs]) => {
    const [first] = logs
    const done = logs.filter(({ is_scheduled, date_triggered }) => is_scheduled === 0 && date_triggered !== null)
    const next = [...STEPS].find(([eventId]) => done.every(({ event_id }) => event_id !== eventId))
    if (first === undefined || next === undefined) return []
    const [eventId, stepId] = next
    const since =
      done
        .map(({ date_triggered }) => date_triggered ?? '')
        .sort()
        .at(-1) ?? first.date_added
    // Not yet seen by Mautic's cron job: no row says when it is due, so the campaign's timer does.
    const at = logs.find(({ event_id }) => event_id === eventId)?.trigger_date ?? null
    const due = at === null ? [] : [[stepId, instant(at)] as const]
    const id = `mautic/${leadId}/${first.rotation}`
    return [{ id, contactId: String(leadId), stepId, since: instant(since), due }]
  })
}
// #endregion host

export default recipe({
  campaigns: [course],
  from: '2026-02-01',
  async story({ store, at, until, print }) {
    print('1 had mistake-1, mistake-2, mistake-3')
    print('2 had mistake-1, and unsubscribed')
    print('3 had mistake-1, mistake-2')
    print('4 had mistake-1 (and once in January, in an earlier rotation)')
    print('5 had nothing')
    print('6 had mistake-1, and was removed from the campaign')
    const into = { campaignId: 'pool-owners', sequenceId: 'nurture' }
    const standings = standingsOf(db.prepare(STANDINGS).all(7) as unknown as readonly Row[])
    const unsubscribed = db
      .prepare(UNSUBSCRIBED)
      .all()
      .map(({ lead_id }) => String(lead_id))
    await at('2026-03-03 12:00', "Mautic's cron job is off: import", async () => {
      // Cut short, and repeated.
      await carryOn(store, into, cutShort(standings), [])
      await carryOn(store, into, standings, unsubscribed)
    })
    await until('2026-04-01')
  },
})
