/** What an operator reads where no page can be shown. */
import { isEnfoldFault } from '@enfold/core'
import { Failure } from './failure.ts'

export const TITLES: ReadonlyMap<number, string> = new Map([
  [403, 'You may not do this'],
  [404, 'There is nothing here'],
  [409, 'It cannot be done as things stand'],
  [422, 'Something is missing'],
  [500, 'Something broke'],
  [503, 'Service unavailable'],
])

/** Faults that pass by themselves. */
const PASSING: ReadonlySet<string> = new Set([
  'STORE_UNAVAILABLE',
  'STORE_BUSY',
  'CONTENTION',
  'CONTACT_LOCKED',
  'DIRECTORY_SILENT',
  'DIRECTORY_FAILED',
])

/** What an operator is told. Of the inside, nothing: that goes to the host. */
export function userMessageOf(error: unknown): { readonly status: number; readonly text: string } {
  if (error instanceof Failure) return { status: error.status, text: error.message }
  if (isEnfoldFault(error)) {
    if (error.code === 'INVALID_INPUT') return { status: 400, text: error.message }
    if (error.code === 'STORE_READ_ONLY') return { status: 409, text: 'The store is opened for reading only.' }
    // It says where, and never what stands there.
    if (error.code === 'FACTS_UNREADABLE') return { status: 500, text: error.message }
    if (PASSING.has(error.code))
      return { status: 503, text: 'The store or the directory does not respond. Try again in a while.' }
  }
  return { status: 500, text: 'Internal error. The error has been reported.' }
}
