/** Where `enfold dev` keeps things: in memory, or in a SQLite file of its own. */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Store } from '@enfold/core'
import { createMemoryStore } from '@enfold/store-memory'
import { createSqliteStore } from '@enfold/store-sqlite'
import { UsageError } from '../errors.ts'
import { placeName, placeText } from '../places.ts'
import { isStoreUrl, unknownScheme } from '../store-url.ts'
import { inMemory, type Journal, openJournal } from './journal.ts'

export interface DevStore {
  readonly store: Store
  readonly journal: Journal
  readonly inWords: string
}

/**
 * @param place a path, `sqlite:PATH`, or `null` for memory
 * @throws UsageError for the URL of another store, for a file that was not made by `enfold dev`, and where its folder is missing
 */
export function openDevStore(place: string | null): DevStore {
  if (place === null) return { store: createMemoryStore(), journal: inMemory, inWords: 'memory' }
  const path = place.replace(/^sqlite:/i, '')
  // SQLite means memory by that name, and the journal would be a file of it.
  if (path === '' || path === ':memory:' || isStoreUrl(path) || unknownScheme(path) !== null)
    throw new UsageError(
      `${placeName(place)} is no file. "enfold dev" keeps things in memory, or with --store FILE in a SQLite file of its own.`,
    )
  if (!existsSync(dirname(path))) throw new UsageError(`There is no folder ${placeText(dirname(path))}.`)
  const journal = openJournal(path)
  return { store: createSqliteStore({ path }), journal, inWords: placeText(path) }
}
