/** A store of the host's own, by the module that opens it: `module:FILE?NAME=VALUE`. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isEnfoldFault, type Store } from '@enfold/core'
import { messageOf, UsageError } from './errors.ts'
import { type Access, placeText, requireFile, withPlaceShown } from './places.ts'

/** Some methods of each port: a store with these has the others. */
const METHODS = ['appendMany', 'readAll', 'members', 'claimDue', 'restore', 'saveAction', 'close'] as const

/**
 * What the module exports as `openStore` is given the access and what follows the question mark.
 *
 * @throws UsageError if there is no such file, it cannot be loaded, or what it exports is not a store
 */
export async function openModuleStore(url: string, access: Access): Promise<Store> {
  const [path = '', query = ''] = url.slice('module:'.length).split(/\?(.*)/s, 2)
  if (path === '') throw new UsageError('module: names no file; expected module:FILE.')
  requireFile(path)
  const { openStore } = await loaded(path)
  if (typeof openStore !== 'function')
    throw new UsageError(
      `${placeText(path)} exports no function openStore; expected openStore({ access, parameters }).`,
    )
  let store: Partial<Store> | null | undefined
  try {
    store = await openStore({ access, parameters: new URLSearchParams(query) })
  } catch (error) {
    if (isEnfoldFault(error)) throw error
    throw new UsageError(`The store of ${placeText(path)} cannot be opened: ${messageOf(error)}`)
  }
  const missing = METHODS.find((name) => typeof store?.[name] !== 'function')
  if (missing !== undefined || store?.capabilities === undefined)
    throw new UsageError(
      `openStore of ${placeText(path)} returns no store: it has no ${missing ?? 'capabilities'}. createStore of @enfold/core/store makes one.`,
    )
  return store as Store
}

async function loaded(path: string): Promise<Record<string, unknown>> {
  try {
    return await import(pathToFileURL(resolve(path)).href)
  } catch (error) {
    throw new UsageError(`${placeText(path)} cannot be loaded: ${withPlaceShown(messageOf(error), path)}`)
  }
}
