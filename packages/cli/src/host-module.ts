/** The host's own code: a module that exports `handlers`, `contacts`, or both. Loaded only where a command names it. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ContactDirectory, ContactId } from '@enfold/core'
import type { Handlers } from '@enfold/engine'
import { CommandFailedError, messageOf, UsageError } from './errors.ts'
import { placeText, requireFile, withPlaceShown } from './places.ts'

export interface HostModule {
  readonly handlers?: Handlers
  readonly contacts?: ContactDirectory
  /** Called when all is at rest, so that connections do not keep the process alive. */
  close?(): unknown
}

/** @throws UsageError if there is no such file, it cannot be loaded, or what it exports cannot be used */
export async function loadHostModule(path: string): Promise<HostModule> {
  requireFile(path)
  let exported: Record<string, unknown>
  try {
    exported = await import(pathToFileURL(resolve(path)).href)
  } catch (error) {
    throw new UsageError(`${placeText(path)} cannot be loaded: ${withPlaceShown(messageOf(error), path)}`)
  }
  const { handlers, contacts, close } = exported
  const wrong = (name: string, expected: string) =>
    new UsageError(`${placeText(path)} exports something else as ${name}; expected ${expected}.`)
  if (handlers !== undefined && !isHandlers(handlers))
    throw wrong(
      'handlers',
      'an object of functions by kind of step, an instance of a class, or a function from kind to handler',
    )
  if (contacts !== undefined && !isDirectory(contacts)) throw wrong('contacts', 'an object with get(contactId)')
  if (close !== undefined && typeof close !== 'function') throw wrong('close', 'a function')
  return {
    ...(handlers === undefined ? {} : { handlers }),
    ...(contacts === undefined ? {} : { contacts: named(path, contacts) }),
    ...(close === undefined ? {} : { close: close as () => unknown }),
  }
}

/** Of a record each entry must be a handler; an instance may hold what it likes. */
function isHandlers(value: unknown): value is Handlers {
  if (typeof value === 'function') return true
  if (!isObject(value)) return false
  const isRecord = [Object.prototype, null].includes(Object.getPrototypeOf(value))
  return !isRecord || Object.values(value).every((handler) => typeof handler === 'function')
}

function isDirectory(value: unknown): value is ContactDirectory {
  return isObject(value) && 'get' in value && typeof value.get === 'function'
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** The same directory; what goes wrong in it is told as its fault, not as ours. */
function named(path: string, contacts: ContactDirectory): ContactDirectory {
  const blaming = async <Answer>(ask: () => Answer | Promise<Answer>): Promise<Answer> => {
    try {
      return await ask()
    } catch (error) {
      throw new CommandFailedError(`The contacts of ${placeText(path)} cannot be asked: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }
  const many = contacts.getMany?.bind(contacts)
  return {
    get: (contactId) => blaming(() => contacts.get(contactId)),
    ...(many === undefined ? {} : { getMany: (ids: readonly ContactId[]) => blaming(() => many(ids)) }),
  }
}
