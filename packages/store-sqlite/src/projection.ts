/** Writes the rows of index and agenda. All within a transaction of the caller. */
import type { DatabaseSync } from 'node:sqlite'
import {
  type ContactId,
  contactStream,
  type Derived,
  type ProjectionStore,
  type StreamId,
  type Version,
} from '@enfold/core'
import type { Synchronous } from '@enfold/core/store'
import { type AgendaTable, projectedVersion, setWake } from './agenda.ts'
import type { CounterTables } from './counters.ts'
import type { StateTable } from './states.ts'
import type { TagTables } from './tag-index.ts'

export interface Projection {
  project(contactId: ContactId, version: Version, derived: Derived): void
  readonly port: Synchronous<ProjectionStore>
}

/** What a contact's rows stand in, and the counters. */
interface Tables {
  readonly tags: TagTables
  readonly agenda: AgendaTable
  readonly counters: CounterTables
  readonly states: StateTable
}

/** @param versionOf of a stream in the log of the same file */
export function createProjection(
  connection: DatabaseSync,
  { tags, agenda, counters, states }: Tables,
  versionOf: (stream: StreamId) => Version,
): Projection {
  const checkpoint = connection.prepare('SELECT position FROM checkpoint')
  const setCheckpoint = connection.prepare('UPDATE checkpoint SET position = max(position, ?)')

  const checkpointNow = () => (checkpoint.get() as { position: number }).position

  function project(contactId: ContactId, version: Version, derived: Derived): void {
    for (const one of derived.tags) tags.change(one)
    if (derived.agendaStays !== true) setWake(agenda, contactId, version, derived)
    if (derived.state !== undefined) states.set(contactId, { ...derived.state, version })
  }

  return {
    project,
    port: {
      apply(changes, position, counted) {
        if (counted !== undefined) {
          if (counted.since !== checkpointNow()) return false
          counters.addBatch(counted)
        }
        for (const { contactId, version, derived } of changes)
          if (version > projectedVersion(agenda, contactId)) project(contactId, version, derived)
        setCheckpoint.run(position)
        return true
      },
      checkpoint: checkpointNow,
      states: (contacts) =>
        new Map(
          contacts.flatMap((contactId) => {
            const state = states.of(contactId)
            return state === null ? [] : [[contactId, state]]
          }),
        ),
      restore({ contactId, version, tags: all, keyed = [], wakeAt, lane = null, others = [], state }) {
        // As the read model of another log it has no streams: then what was projected last is what is known.
        const known = versionOf(contactStream(contactId))
        const isCurrent =
          known > 0 ? version === known : version === 0 || version >= projectedVersion(agenda, contactId)
        if (!isCurrent) return false
        const memberships = [...all.map((tag) => ({ tag })), ...keyed]
        const added = memberships.map((one) => ({ change: 'add', contactId, ...one }) as const)
        project(contactId, version, { tags: [{ change: 'clear', contactId }, ...added], wakeAt, lane, others })
        if (state === null) states.remove(contactId)
        else if (state !== undefined) states.set(contactId, state)
        return true
      },
    },
  }
}
