import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { contactStream, instantOf } from '@enfold/core'
import { createSqliteStore } from '@enfold/store-sqlite'
import { migrations } from './migrations/index.ts'
import { eventOf } from './other-process.ts'

const dir = mkdtempSync('/tmp/enfold-bench-')
const N = 5000
const rate = (n: number, t: number) => Math.round((n / (performance.now() - t)) * 1000)
const derived = (c: string, i: number) => ({
  tags: [{ change: 'add', contactId: c, tag: 'pool-owners/nurture' }] as const,
  wakeAt: instantOf(1772000000000 + i * 1000),
  lane: { kind: 'email', campaignId: 'pool-owners' },
})
for (const sync of ['FULL', 'NORMAL'] as const)
  for (const round of [1, 2]) {
    const d = new DatabaseSync(`${dir}/bare-${sync}${round}.db`)
    for (const m of [
      'PRAGMA journal_mode=WAL',
      `PRAGMA synchronous=${sync}`,
      'create table e (position integer primary key, stream text, version int, id text unique, body text, unique(stream, version)) strict; create table m (tag int, contact text, primary key(tag,contact)) strict, without rowid; create index mc on m(contact,tag); create table a (contact text primary key, version int, wake_at text, kind text, campaign text, lease text, worker text) strict, without rowid; create index aw on a(wake_at); create index ac on a(kind,campaign,wake_at); create table t(id integer primary key, n int); insert into t values(1,0)',
    ])
      d.exec(m)
    const ie = d.prepare('insert into e (stream, version, id, body) values (?,?,?,?)')
    const im = d.prepare('insert into m values (1,?)'),
      ia = d.prepare('insert into a (contact,version,wake_at,kind,campaign) values (?,?,?,?,?)'),
      ut = d.prepare('update t set n=n+1 where id=1')
    const events = Array.from({ length: N + 50000 }, (_, i) => eventOf(`c${i}`, 'start', 0))
    let t = performance.now()
    for (let i = 0; i < N; i++) {
      const { id, ...b } = events[i]!
      ie.run(`contact-c${i}`, 1, id, JSON.stringify(b))
    }
    const bareEvent = rate(N, t)
    d.exec('delete from e')
    t = performance.now()
    for (let i = 0; i < N; i++) {
      const { id, ...b } = events[i]!
      d.exec('begin')
      ie.run(`contact-c${i}`, 1, id, JSON.stringify(b))
      im.run(`c${i}`)
      ut.run()
      ia.run(`c${i}`, 1, instantOf(1772000000000 + i * 1000), 'email', 'p')
      d.exec('commit')
    }
    const bareRows = rate(N, t)
    t = performance.now()
    for (let k = 0; k < 50; k++) {
      d.exec('begin')
      for (let i = N + k * 1000; i < N + (k + 1) * 1000; i++) {
        const { id, ...b } = events[i]!
        ie.run(`contact-c${i}`, 1, id, JSON.stringify(b))
        im.run(`c${i}`)
        ut.run()
        ia.run(`c${i}`, 1, instantOf(1772000000000 + i * 1000), 'email', 'p')
      }
      d.exec('commit')
    }
    const bareBatch = rate(50000, t)
    d.close()

    const s1 = createSqliteStore({ path: `${dir}/s1-${sync}${round}.db`, synchronous: sync })
    t = performance.now()
    for (let i = 0; i < N; i++) await s1.append(contactStream(`c${i}`), [events[i]!], 'no-stream')
    const one = rate(N, t)
    await s1.close()
    const s = createSqliteStore({ path: `${dir}/s-${sync}${round}.db`, synchronous: sync })
    t = performance.now()
    for (let i = 0; i < N; i++) await s.append(contactStream(`c${i}`), [events[i]!], 'no-stream', derived(`c${i}`, i))
    const oneDerived = rate(N, t)
    t = performance.now()
    for (let k = 0; k < 50; k++)
      await s.appendMany(
        events.slice(N + k * 1000, N + (k + 1) * 1000).map((e, j) => {
          const c = `c${N + k * 1000 + j}`
          return { stream: contactStream(c), events: [e], expected: 'no-stream', derived: derived(c, N + k * 1000 + j) }
        }),
      )
    const many = rate(50000, t)
    t = performance.now()
    let n = 0
    for await (const _ of s.readAll()) n++
    const read = rate(n, t)
    t = performance.now()
    let claimed = 0
    for (let k = 0; k < 200; k++) {
      const c = await s.claimDue('2030-01-01T00:00:00.000Z', 'w', 50, 60000)
      claimed += c.length
      await s.release(c)
      for (const x of c.slice(0, 1)) await s.restore({ contactId: x.contactId, version: 1, tags: [], wakeAt: null })
    }
    const claim = rate(200, t)
    t = performance.now()
    for (let k = 0; k < 1000; k++) await s.members('pool-owners/nurture', { after: `c${k}`, limit: 50 })
    const pages = rate(1000, t)
    console.log(sync, {
      bareEvent,
      one,
      bareRows,
      oneDerived,
      bareBatch,
      many,
      readAll: read,
      claim50PlusRelease: claim,
      memberPages: pages,
    })
    await s.close()
  }
void migrations
rmSync(dir, { recursive: true })
