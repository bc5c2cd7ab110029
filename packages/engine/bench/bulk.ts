/**
 * A bulk start on SQLite beside the bare loop that inserts the same rows in batches of 1,000: time and memory (BULK-3).
 * `node packages/engine/bench/bulk.ts [contacts, default 1000000] [FULL|NORMAL]`. Writes to the system's temporary
 * folder, about 2 GB for a million.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createEngine } from '@enfold/engine'
import { createSqliteStore } from '@enfold/store-sqlite'
import { pool } from '../src/given-engine.ts'

const contacts = Number(process.argv[2] ?? 1_000_000)
const synchronous = process.argv[3] === 'NORMAL' ? 'NORMAL' : 'FULL'
const BATCH = 1000
const folder = mkdtempSync(join(tmpdir(), 'enfold-bulk-'))
const print = (line: string) => process.stdout.write(`${line}\n`)
const perSecond = (seconds: number) => `${Math.round(contacts / seconds).toLocaleString('en')}/s`

function* ids(): Generator<string> {
  for (let i = 0; i < contacts; i++) yield `contact-${i}`
}

async function bulk(path: string): Promise<number> {
  const store = createSqliteStore({ path, synchronous })
  const engine = createEngine({ store, handlers: {} })
  await engine.publish(pool)
  let peakMb = 0
  let collectedAt = 0
  const startedAt = performance.now()
  let next = 0
  await engine.processAction(
    {
      actionId: 'bench',
      action: 'start',
      campaignId: 'pool',
      sequenceId: 'nurture',
      contacts: { ids: ids() },
      actor: null,
    },
    {
      onProgress({ processed }) {
        collectedAt ||= performance.now()
        if (processed < next) return
        next += contacts / 10
        const mb = process.memoryUsage().rss / 2 ** 20
        peakMb = Math.max(peakMb, mb)
        print(
          `  ${processed.toLocaleString('en')} after ${Math.round((performance.now() - startedAt) / 1000)} s, ${Math.round(mb)} MB`,
        )
      },
    },
  )
  const seconds = (performance.now() - startedAt) / 1000
  print(`  collected after ${((collectedAt - startedAt) / 1000).toFixed(1)} s; at most ${Math.round(peakMb)} MB`)
  await engine.close()
  await store.close()
  return seconds
}

/** The same tables with the same rows, by nothing but prepared statements. */
async function bare(from: string, path: string): Promise<number> {
  await createSqliteStore({ path, synchronous }).close()
  const source = new DatabaseSync(from, { readOnly: true })
  const target = new DatabaseSync(path)
  target.exec(`PRAGMA synchronous = ${synchronous}; PRAGMA cache_size = -65536`)
  const columnsOf = (table: string) =>
    (source.prepare(`PRAGMA table_info(${table})`).all() as { name: string }[]).map(({ name }) => name)
  let seconds = 0
  const tables = ['tags', 'events', 'memberships', 'agenda', 'actions', 'action_contacts'].map((table) => {
    const columns = columnsOf(table)
    const insert = target.prepare(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    )
    return { rows: source.prepare(`SELECT ${columns.join(', ')} FROM ${table}`).iterate(), columns, insert }
  })
  // As the bulk start does: a batch is the rows of the same thousand contacts in every table.
  for (let left = true; left; ) {
    left = false
    const batch = tables.map(({ rows }) => {
      const some: Record<string, unknown>[] = []
      for (let row = rows.next(); !row.done; row = rows.next()) {
        some.push(row.value as Record<string, unknown>)
        if (some.length === BATCH) break
      }
      return some
    })
    const startedAt = performance.now()
    target.exec('BEGIN IMMEDIATE')
    for (const [i, rows] of batch.entries()) {
      const { columns, insert } = tables[i] as (typeof tables)[number]
      for (const row of rows) insert.run(...(columns.map((name) => row[name]) as (string | number | null)[]))
      if (rows.length === BATCH) left = true
    }
    target.exec('COMMIT')
    seconds += (performance.now() - startedAt) / 1000
  }
  source.close()
  target.close()
  return seconds
}

try {
  print(`${contacts.toLocaleString('en')} contacts, synchronous ${synchronous}`)
  print('bulk start')
  const bulkSeconds = await bulk(join(folder, 'bulk.db'))
  print(`  ${bulkSeconds.toFixed(1)} s, ${perSecond(bulkSeconds)}`)
  print('bare loop')
  const bareSeconds = await bare(join(folder, 'bulk.db'), join(folder, 'bare.db'))
  print(`  ${bareSeconds.toFixed(1)} s, ${perSecond(bareSeconds)}`)
  print(`ratio ${(bareSeconds / bulkSeconds).toFixed(2)}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
