/**
 * The limit of everything that writes: the rows that Enfold wrote, read back from its file and inserted into the same
 * tables by prepared statements and nothing else. The indexes are those of the store; the hash chain is computed already.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { createSqliteStore } from '@enfold/store-sqlite'

/** The tables that a start writes to, and where the rows of one contact are; there is one action at most. */
const TABLES = [
  { table: 'events', where: "stream = 'contact-' || ?", columns: 'position, stream, version, id, body, hash' },
  { table: 'memberships', where: 'contact = ?', columns: 'tag, contact' },
  { table: 'agenda', where: 'contact = ?', columns: 'contact, version, wake_at, kind, campaign' },
  {
    table: 'action_contacts',
    where: 'action = 1 AND contact = ?',
    columns: 'action, number, contact, outcome, run, reason',
  },
]

/** Contacts that a dispatcher works on at once, by default. */
const AT_ONCE = 50

export interface BareLoop {
  /** Inserts the rows of the next contacts, in one transaction for each `perTransaction` of them. */
  insert(contacts: number, perTransaction: number): { readonly contacts: number; readonly seconds: number }
  close(): void
}

/** From a file that Enfold wrote into a new one, contacts in the order of their events. */
export function createBareLoop(from: string, to: string, synchronous: 'FULL' | 'NORMAL'): BareLoop {
  const source = new DatabaseSync(from, { readOnly: true })
  const target = openTarget(to, synchronous)
  for (const table of ['tags', 'actions'])
    for (const row of source.prepare(`SELECT * FROM ${table}`).all()) {
      const columns = Object.keys(row)
      target.prepare(insertInto(table, columns.join(', '))).run(...(Object.values(row) as SQLInputValue[]))
    }
  target.exec('UPDATE tags SET members = 0')
  const contacts = source
    .prepare(
      "SELECT stream FROM events WHERE stream >= 'contact-' AND stream < 'contact.' AND version = 1 ORDER BY position",
    )
    .iterate() as Iterator<{ stream: string }>
  const tables = TABLES.map(({ table, where, columns }) => ({
    find: source.prepare(`SELECT ${columns} FROM ${table} WHERE ${where}`),
    insert: target.prepare(insertInto(table, columns)),
  }))
  const [begin, commit] = ['BEGIN IMMEDIATE', 'COMMIT'].map((sql) => target.prepare(sql)) as [
    StatementSync,
    StatementSync,
  ]

  type Insert = readonly [statement: StatementSync, values: SQLInputValue[]]
  function rowsOf(stream: string): Insert[] {
    const contact = stream.slice('contact-'.length)
    return tables.flatMap(({ find, insert }) =>
      find.all(contact).map((row): Insert => [insert, Object.values(row) as SQLInputValue[]]),
    )
  }

  return {
    insert(count, perTransaction) {
      let done = 0
      let seconds = 0
      while (done < count) {
        const batch: Insert[][] = []
        // Read before the time begins, in portions that fit into memory.
        for (let next = contacts.next(); !next.done; next = contacts.next()) {
          batch.push(rowsOf(next.value.stream))
          if (batch.length === Math.max(1000, perTransaction) || done + batch.length === count) break
        }
        if (batch.length === 0) break
        const startedAt = performance.now()
        for (let first = 0; first < batch.length; first += perTransaction) {
          begin.run()
          for (const rows of batch.slice(first, first + perTransaction))
            for (const [statement, values] of rows) statement.run(...values)
          commit.run()
        }
        seconds += (performance.now() - startedAt) / 1000
        done += batch.length
      }
      return { contacts: done, seconds }
    },
    close() {
      source.close()
      target.close()
    },
  }
}

export interface StepsInserted {
  readonly steps: number
  readonly seconds: number
}

/**
 * The limit of a dispatch: what each of its steps wrote, from a file in which they are done into a copy of the one in which
 * they were due. As many contacts at once as a dispatcher works on by default, in two transactions, because a step must be
 * on the disk before its handler is called. Nothing is claimed: this loop is alone.
 */
export function insertSteps(from: string, to: string): StepsInserted {
  const source = new DatabaseSync(from, { readOnly: true })
  const target = openTarget(to, 'FULL')
  const [dispatched, sent] = ['StepDispatched', 'StepSent'].map((type) =>
    source
      .prepare(`SELECT position, stream, version, id, body, hash FROM events WHERE type = ? ORDER BY position`)
      .all(type)
      .map((row) => Object.values(row) as SQLInputValue[]),
  ) as [SQLInputValue[][], SQLInputValue[][]]
  const rowOnAgenda = source.prepare(
    'SELECT version, wake_at, kind, campaign, contact FROM agenda WHERE contact = substr(?, 9)',
  )
  const onAgenda = new Map(
    sent.map(([, stream]) => [stream, Object.values(rowOnAgenda.get(stream as string) ?? {}) as SQLInputValue[]]),
  )
  const insertEvent = target.prepare(insertInto('events', 'position, stream, version, id, body, hash'))
  const plan = target.prepare('UPDATE agenda SET version = ?, wake_at = ?, kind = ?, campaign = ? WHERE contact = ?')
  const [begin, commit] = ['BEGIN IMMEDIATE', 'COMMIT'].map((sql) => target.prepare(sql)) as [
    StatementSync,
    StatementSync,
  ]
  const startedAt = performance.now()
  for (let first = 0; first < dispatched.length; first += AT_ONCE) {
    begin.run()
    for (const row of dispatched.slice(first, first + AT_ONCE)) insertEvent.run(...row)
    commit.run()
    begin.run()
    for (const row of sent.slice(first, first + AT_ONCE)) {
      insertEvent.run(...row)
      plan.run(...(onAgenda.get(row[1] as string) ?? []))
    }
    commit.run()
  }
  const seconds = (performance.now() - startedAt) / 1000
  source.close()
  target.close()
  return { steps: dispatched.length, seconds }
}

/** An empty file with the tables of the store. */
export async function emptyStore(path: string): Promise<void> {
  await createSqliteStore({ path }).close()
}

/** How many contacts a file has in the index, in the log and on the agenda: what was done, counted where it ended up. */
export function countRows(path: string): { events: number; memberships: number; agenda: number } {
  const connection = new DatabaseSync(path, { readOnly: true })
  const count = (sql: string) => Object.values(connection.prepare(sql).get() ?? {})[0] as number
  const counts = {
    events: count("SELECT count(*) FROM events WHERE stream >= 'contact-' AND stream < 'contact.'"),
    memberships: count('SELECT count(*) FROM memberships'),
    agenda: count('SELECT count(*) FROM agenda'),
  }
  connection.close()
  return counts
}

function openTarget(path: string, synchronous: 'FULL' | 'NORMAL'): DatabaseSync {
  const target = new DatabaseSync(path)
  target.exec(`PRAGMA synchronous = ${synchronous}; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 10000`)
  return target
}

function insertInto(table: string, columns: string): string {
  const marks = columns.split(',').map(() => '?')
  return `INSERT INTO ${table} (${columns}) VALUES (${marks.join(', ')})`
}
