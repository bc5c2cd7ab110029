import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEngine, orThrow, type RecordedEvent, type StepHandler, type Store } from 'enfold'
import { createSimulatedClock } from 'enfold/testing'
import { storeBattery } from 'enfold/testing/battery'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openJournalStore } from './journal-store.ts'

function journal() {
  const folder = mkdtempSync(join(tmpdir(), 'enfold-journal-'))
  return { path: join(folder, 'journal.jsonl'), cleanup: () => rmSync(folder, { recursive: true }) }
}

storeBattery(
  'the journal store',
  async () => {
    const { path, cleanup } = journal()
    return { store: await openJournalStore(path), reopen: () => openJournalStore(path), cleanup }
  },
  { manyProcesses: false },
)

describe('a journal', () => {
  const NOON = '2026-03-02T12:00:00.000Z'
  const eventsOf = async (store: Store) => {
    const events: RecordedEvent[] = []
    for await (const event of store.readAll()) events.push(event)
    return events
  }

  async function given() {
    const { path, cleanup } = journal()
    onTestFinished(cleanup)
    const store = await openJournalStore(path)
    const sent: string[] = []
    const email: StepHandler = ({ contactId }) => {
      sent.push(contactId)
      return { outcome: 'sent' }
    }
    const engineOf = (on: Store) => createEngine({ store: on, clock: createSimulatedClock(NOON), handlers: { email } })
    const engine = engineOf(store)
    orThrow(await engine.publish({ id: 'c', goals: [], sequences: [{ id: 's', steps: [{ id: 'a', kind: 'email' }] }] }))
    for (const contactId of ['ann', '__proto__'])
      orThrow(await engine.startSequence({ contactId, campaignId: 'c', sequenceId: 's', actor: 'olga' }))
    return { path, store, sent, engineOf }
  }

  it('ONCE-3: what was acknowledged is there when the store is opened again, with index and agenda', async () => {
    const { path, store, sent, engineOf } = await given()
    const next = await openJournalStore(path)
    onTestFinished(() => next.close())
    expect(await eventsOf(next)).toEqual(await eventsOf(store))
    expect(await next.members('c/s', { after: null, limit: 10 })).toMatchObject({ total: 2 })
    await engineOf(next).runDue()
    expect(sent.sort()).toEqual(['__proto__', 'ann'])
    await store.close()
  })

  it('ONCE-3: a line that a crash cut short is dropped, and the next append replaces it', async () => {
    const { path, store } = await given()
    const before = await eventsOf(store)
    await store.close()
    const text = readFileSync(path, 'utf8')
    appendFileSync(path, '["append","contact-')
    const next = await openJournalStore(path)
    expect(await eventsOf(next)).toEqual(before)
    await next.close()
    expect(readFileSync(path, 'utf8')).toBe(text)
  })
})
