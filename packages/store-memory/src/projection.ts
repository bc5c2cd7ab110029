/** What is derived of events, in memory: tags, agenda, counters and states, of each contact up to a version of its own. */
import {
  type ContactId,
  contactOf,
  contactStream,
  type Derived,
  type Position,
  type ProjectionStore,
  type StoredState,
  type StreamId,
  type TagChange,
  type Version,
} from '@enfold/core'
import type { Synchronous } from '@enfold/core/store'
import type { MemoryAgenda } from './agenda.ts'
import type { MemoryCounters } from './counters.ts'

export interface MemoryProjection {
  /** What an append derived of its events, written with them. */
  append(stream: StreamId, version: Version, derived: Derived | undefined): void
  stateOf(contactId: ContactId | null): StoredState | null
  checkpoint(): Position
  readonly port: Synchronous<ProjectionStore>
}

/** @param known the version of a stream; 0 where the events are in another log */
export function createProjection(
  tags: { apply(changes: readonly TagChange[]): void },
  agenda: MemoryAgenda,
  counters: MemoryCounters,
  known: (stream: StreamId) => Version,
): MemoryProjection {
  /** Up to which version each contact's rows of the read model go. */
  const projected = new Map<ContactId, Version>()
  const states = new Map<ContactId, StoredState>()
  let checkpoint: Position = 0

  function project(contactId: ContactId, version: Version, derived: Derived): void {
    const { tags: changed, wakeAt, lane, others, state } = derived
    if (state !== undefined) states.set(contactId, Object.freeze({ ...state, version }))
    tags.apply(changed)
    agenda.set(contactId, wakeAt, lane, others)
    projected.set(contactId, version)
  }

  /** As the read model of another log it has no streams: then what was projected last is what is known. */
  function isCurrent(contactId: ContactId, version: Version): boolean {
    const recorded = known(contactStream(contactId))
    if (recorded > 0) return version === recorded
    return version === 0 || version >= (projected.get(contactId) ?? 0)
  }

  return {
    append(stream, version, derived) {
      const contactId = contactOf(stream)
      if (contactId === null || derived === undefined) return
      project(contactId, version, derived)
      counters.add(derived.counters)
    },
    stateOf: (contactId) => states.get(contactId ?? '') ?? null,
    checkpoint: () => checkpoint,
    port: {
      apply(all, position, counted) {
        if (counted !== undefined) {
          if (counted.since !== checkpoint) return false
          counters.addBatch(counted)
        }
        for (const { contactId, version, derived } of all)
          if (version > (projected.get(contactId) ?? 0)) project(contactId, version, derived)
        checkpoint = Math.max(checkpoint, position)
        return true
      },
      checkpoint: () => checkpoint,
      states: (contacts) =>
        new Map(
          contacts.flatMap((contactId) =>
            states.has(contactId) ? [[contactId, states.get(contactId) as StoredState]] : [],
          ),
        ),
      restore({ contactId, version, tags: all, keyed = [], wakeAt, lane = null, others = [], state }) {
        if (!isCurrent(contactId, version)) return false
        const memberships = [...all.map((tag) => ({ tag })), ...keyed]
        const added = memberships.map((one) => ({ change: 'add', contactId, ...one }) as const)
        project(contactId, version, { tags: [{ change: 'clear', contactId }, ...added], wakeAt, lane, others })
        if (state === null) states.delete(contactId)
        else if (state !== undefined) states.set(contactId, Object.freeze({ ...state }))
        return true
      },
    },
  }
}
