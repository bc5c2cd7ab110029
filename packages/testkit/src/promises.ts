/** What a test of a store battery is given, and the few words that all of them use. */
import type { Capabilities, EventStore, NewEvent, RecordedEvent } from '@enfold/core'
import { expect } from 'vitest'

export interface Given<S extends EventStore> {
  readonly store: S & { readonly capabilities: Capabilities }
  /** Who can open the same data once more: nobody, one process after the other, or many at once. */
  readonly processes: 'none' | 'one' | 'many'
  /** Opens the same data once more. */
  another(): Promise<S>
  /** Ends the test, and says in the report why it does not concern this store. */
  skip(reason: string): never
}

/** Tests by name. */
export type Promises<S extends EventStore> = { readonly [name: string]: (given: Given<S>) => Promise<void> }

/** The store, and a second opening of its data where the store can have one: two writers as different as can be. */
export async function bothOf<S extends EventStore>({ store, processes, another }: Given<S>): Promise<readonly [S, S]> {
  return [store, processes === 'many' ? await another() : store]
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

export async function expectFault(code: string, deed: () => unknown): Promise<void> {
  const outcome = await (async () => deed())().then(
    (answer) => ({ answer }),
    (error: unknown) => error,
  )
  expect(outcome).toMatchObject({ name: 'EnfoldFault', code })
}

/** The events without their places and hashes, to be compared with what was appended. */
export function withoutPlace(events: readonly RecordedEvent[]): NewEvent[] {
  return events.map(({ stream: _, version: __, position: ___, hash: ____, ...event }) => event as NewEvent)
}

/** 0, 1, 2 … below `count`. */
export function upTo(count: number): number[] {
  return [...Array(count).keys()]
}

/** What all pages hold, until there is no next one. A store that pages in circles fails instead of going on without end. */
export async function allPages<Item, After>(
  first: After | null,
  read: (after: After | null) => Promise<{ readonly items: readonly Item[]; readonly next: After | null }>,
): Promise<Item[]> {
  const all: Item[] = []
  let after = first
  for (const _ of upTo(10_000)) {
    const { items, next } = await read(after)
    all.push(...items)
    if (next === null) return all
    after = next
  }
  throw new Error('The pages have no end.')
}
