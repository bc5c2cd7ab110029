/** The host's directory behind a border: what it answers is checked before a decision trusts it. */
import { type ContactDirectory, type ContactId, EnfoldFault, type Facts } from '@enfold/core'

const NO_FACTS: Facts = Object.freeze({})

/** Facts of one contact; `null`: the directory does not know it. Without a directory everyone exists, with no facts. */
export async function factsOf(directory: ContactDirectory | undefined, contactId: ContactId): Promise<Facts | null> {
  if (directory === undefined) return NO_FACTS
  const facts = await directory.get(contactId)
  return facts === null || facts === undefined ? null : checkedFacts(contactId, facts)
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
  return facts as Facts
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
