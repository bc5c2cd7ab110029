/** The host's directory behind a border: what it answers is checked before a decision trusts it. */
import { type ContactDirectory, type ContactId, EnfoldFault, type Facts } from '@enfold/core'
import { createBatcher } from './batch.ts'
import { realWait } from './clock.ts'

/** Facts of one contact; `null`: the directory does not know it. */
export type FactsOf = (contactId: ContactId) => Promise<Facts | null>

const NO_FACTS: Facts = Object.freeze({})

/**
 * Without a directory everyone exists, with no facts. One that has `getMany` is asked for all contacts at once that are
 * wanted at the same time.
 *
 * @param timeoutMs after which a directory that does not answer is a fault, `DIRECTORY_SILENT`: a command must not wait
 *   for ever, and neither must a dispatcher's hand
 */
export function createFacts(directory: ContactDirectory | undefined, timeoutMs: number): FactsOf {
  if (directory === undefined) return async () => NO_FACTS
  const ask =
    directory.getMany === undefined
      ? async (contactId: ContactId): Promise<unknown> => directory.get(contactId)
      : createBatcher<ContactId, unknown>(async (contactIds) => {
          const found = await directory.getMany?.(contactIds)
          return contactIds.map((contactId) => found?.get(contactId))
        }, 500)
  return async (contactId) => {
    const facts = await inTime(ask(contactId), timeoutMs)
    return facts === null || facts === undefined ? null : checkedFacts(contactId, facts)
  }
}

async function inTime(answer: Promise<unknown>, timeoutMs: number): Promise<unknown> {
  const answered = new AbortController()
  const silence = realWait(timeoutMs, answered.signal).then(() => {
    if (answered.signal.aborted) return null
    const message = `The contacts directory did not answer within ${timeoutMs} ms. Nothing was written; try again.`
    throw new EnfoldFault('DIRECTORY_SILENT', message, { timeoutMs })
  })
  return Promise.race([answer, silence]).finally(() => answered.abort())
}

function checkedFacts(contactId: ContactId, facts: unknown): Facts {
  const path = `contacts.get(${JSON.stringify(contactId)})`
  if (!isObject(facts)) throw EnfoldFault.invalidInput(path, facts, 'an object { timeZone?, tags?, fields? } or null')
  const { timeZone, tags, fields } = facts as { timeZone?: unknown; tags?: unknown; fields?: unknown }
  if (timeZone !== undefined && typeof timeZone !== 'string')
    throw EnfoldFault.invalidInput(`${path}.timeZone`, timeZone, 'an IANA zone name as text, or nothing')
  if (tags !== undefined && !(Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')))
    throw EnfoldFault.invalidInput(`${path}.tags`, tags, 'a list of texts, or nothing')
  if (fields !== undefined && !isObject(fields))
    throw EnfoldFault.invalidInput(`${path}.fields`, fields, 'an object of plain JSON values, or nothing')
  for (const [name, value] of Object.entries(fields ?? {}))
    if (!isJson(value))
      throw EnfoldFault.invalidInput(`${path}.fields[${JSON.stringify(name)}]`, value, 'a plain JSON value')
  return facts as Facts
}

/** What JSON can hold: a date or a bigint would be read otherwise from the log than it was decided on. */
function isJson(value: unknown, depth = 0): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || depth > 50) return false
  if (Array.isArray(value)) return value.every((item) => isJson(item, depth + 1))
  const prototype = Object.getPrototypeOf(value)
  return (
    (prototype === null || prototype === Object.prototype) && Object.values(value).every((v) => isJson(v, depth + 1))
  )
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
