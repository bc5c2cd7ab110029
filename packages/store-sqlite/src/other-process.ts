/** For the tests of this package: run by `process.fixture.ts` with a task, prints what it did, a line for each deed. */
import { writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { type ContactEvent, contactStream, eventIdOf, isEnfoldFault, type NewEvent } from '@enfold/core'
import { createSqliteStore } from '@enfold/store-sqlite'

export type Task =
  /** Appends events one by one, in turn to each of the contacts. Prints the event's id when it is acknowledged. */
  | {
      readonly task: 'append'
      readonly path: string
      readonly name: string
      readonly count: number
      readonly contacts: readonly string[]
    }
  /** Starts contact after contact, three events and a tag each. Prints the contact, or the code of the fault, which ends it. */
  | { readonly task: 'start'; readonly path: string; readonly name: string }
  /** Holds the write lock until its input ends. Prints "held". */
  | { readonly task: 'hold'; readonly path: string }

/** An event whose id comes of all of these. */
export function eventOf(contactId: string, commandId: string, index: number): ContactEvent {
  return {
    id: eventIdOf(contactStream(contactId), commandId, index),
    schema: 1,
    at: '2026-03-01T09:00:00.000Z',
    commandId,
    correlationId: commandId,
    causationId: commandId,
    actor: null,
    cause: { by: 'operator' },
    type: 'SequenceStarted',
    data: { campaignId: 'pool-owners', sequenceId: 'nurture', run: 1, campaignVersion: 1 },
  }
}

export const TAG = 'pool-owners/nurture'
export const WAKE_AT = '2026-03-01T10:00:00.000Z'

// Printed at once: what is in a buffer dies with the process.
const print = (line: string) => writeSync(1, `${line}\n`)

async function run(task: Task): Promise<void> {
  if (task.task === 'hold') {
    const connection = new DatabaseSync(task.path)
    connection.exec('BEGIN IMMEDIATE')
    print('held')
    for await (const _ of process.stdin);
    connection.close()
    return
  }
  const store = createSqliteStore({ path: task.path, busyTimeoutMs: 30_000 })
  if (task.task === 'append') {
    for (let n = 0; n < task.count; n++) {
      const contactId = task.contacts[n % task.contacts.length] as string
      const event = eventOf(contactId, `${task.name} ${n}`, 0)
      let result = await store.append(contactStream(contactId), [event], 'no-stream')
      // Other processes write to the same contacts.
      while (result.outcome === 'conflict')
        result = await store.append(contactStream(contactId), [event], result.actual)
      print(event.id)
    }
  } else {
    for (let n = 0; ; n++) {
      const contactId = `${task.name} ${n}`
      const events: NewEvent[] = [0, 1, 2].map((index) => eventOf(contactId, `start ${n}`, index))
      const tags = [{ change: 'add', contactId, tag: TAG }] as const
      try {
        await store.append(contactStream(contactId), events, 'no-stream', { tags, wakeAt: WAKE_AT })
      } catch (error) {
        print(isEnfoldFault(error) ? error.code : String(error))
        break
      }
      print(contactId)
    }
  }
  await store.close()
}

if (process.argv[2] !== undefined && process.argv[1] === import.meta.filename) await run(JSON.parse(process.argv[2]))
