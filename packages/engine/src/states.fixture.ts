/** For the tests of this package: stores that keep a state as often as a test says, and stores that count what is read. */
import {
  contactOf,
  fold,
  foldedState,
  type RecordedContactEvent,
  type Store,
  type StreamAppend,
  type Version,
} from '@enfold/core'

/** The store with a state kept after an append where the test says so, and no other. */
export function keepingStates(store: Store, isKept: (version: Version) => boolean): Store {
  async function withState(one: StreamAppend): Promise<StreamAppend> {
    const { stream, derived } = one
    if (contactOf(stream) === null || derived === undefined) return one
    const { state: _, ...others } = derived
    const before = ((await store.readMany([stream])).get(stream) ?? []) as readonly RecordedContactEvent[]
    const version = before.length + one.events.length
    if (one.expected !== before.length && one.expected !== 'no-stream') return { ...one, derived: others }
    const events = [...before, ...(one.events as readonly RecordedContactEvent[])]
    return {
      ...one,
      derived: isKept(version) ? { ...others, state: foldedState(fold(events), events.at(-1)?.id ?? '') } : others,
    }
  }
  return {
    ...store,
    async append(stream, events, expected, derived, requires) {
      const one = await withState({
        stream,
        events,
        expected,
        ...(derived === undefined ? {} : { derived }),
        ...(requires === undefined ? {} : { requires }),
      })
      return store.append(stream, events, expected, one.derived, requires)
    },
    async appendMany(appends) {
      const given: StreamAppend[] = []
      for (const one of appends) given.push(await withState(one))
      return store.appendMany(given)
    },
  }
}

/**
 * The store, and how many events of contacts were read of it since the count was last taken; and how often a contact's stream
 * was looked at, and how many appends were asked for.
 */
export function counting(store: Store): {
  readonly store: Store
  taken(): number
  looks(): number
  appends(): number
} {
  let read = 0
  let looks = 0
  let appends = 0
  return {
    store: {
      ...store,
      async readMany(streams) {
        const found = await store.readMany(streams)
        for (const [stream, events] of found) if (contactOf(stream) !== null) read += events.length
        looks += streams.filter((stream) => contactOf(stream) !== null).length
        return found
      },
      async *readStream(stream, from) {
        if (contactOf(stream) !== null) looks += 1
        for await (const event of store.readStream(stream, from)) {
          if (contactOf(stream) !== null) read += 1
          yield event
        }
      },
      appendMany(all) {
        appends += all.length
        return store.appendMany(all)
      },
      async readTails(asked) {
        const tails = await store.readTails(asked)
        for (const { events } of tails) read += events.length
        return tails
      },
    },
    taken() {
      const taken = read
      read = 0
      return taken
    },
    looks() {
      const since = looks
      looks = 0
      return since
    },
    appends() {
      const since = appends
      appends = 0
      return since
    },
  }
}
