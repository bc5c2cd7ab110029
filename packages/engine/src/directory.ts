/**
 * The host's directory of contacts. What it returns is checked and copied before it is used. A message about it
 * names the contact, the place and the type of what stands there, never a value. Rules FACTS-1, FACTS-2.
 */
import {
  type ContactDirectory,
  type ContactId,
  EnfoldFault,
  type Facts,
  isEnfoldFault,
  isLegalId,
  type JsonValue,
  type Page,
  typeName,
} from '@enfold/core'
import { createBatcher } from './batch.ts'
import { realWait } from './clock.ts'
import { type FaultWords, wordsOf } from './fault-words.ts'

/**
 * Facts of one contact; `null`: the directory does not know it.
 *
 * @param withinMs how long to wait, where less than the host's own limit will do
 * @throws EnfoldFault `DIRECTORY_SILENT`, `DIRECTORY_FAILED`, `FACTS_UNREADABLE`
 */
export type FactsOf = (contactId: ContactId, withinMs?: number) => Promise<Facts | null>

/** How long a question, a projection or an outcome waits for the directory. Each of them can do without. */
export const SHORT_MS = 2000

const NO_FACTS: Facts = Object.freeze({})
/** Contacts that are asked about one by one, at a time. */
const AT_ONCE = 10

/**
 * Without a directory everyone exists, with no facts. One that has `getMany` is asked for all contacts at once that are
 * wanted at the same time.
 *
 * @param timeoutMs after which a directory that does not answer is a fault, `DIRECTORY_SILENT`: nothing may wait for it
 *   without end
 */
export function createFacts(directory: ContactDirectory | undefined, timeoutMs: number): FactsOf {
  if (directory === undefined) return async () => NO_FACTS
  const ask =
    directory.getMany === undefined ? askAlone(directory) : createBatcher(askTogether(directory, timeoutMs), 500)
  return async (contactId, withinMs = timeoutMs) => {
    const found = await inTime(ask(contactId), Math.min(withinMs, timeoutMs))
    if ('error' in found) throw found.error
    const { answer } = found
    return answer === null || answer === undefined ? null : readFacts(contactId, answer)
  }
}

/** What the directory said of one contact, or why it said nothing. */
type Found = { readonly answer: unknown } | { readonly error: unknown }

function askAlone(directory: ContactDirectory): (contactId: ContactId) => Promise<Found> {
  return async (contactId) => {
    try {
      return { answer: await directory.get(contactId) }
    } catch (error) {
      return { error: threw(error, `for the contact ${JSON.stringify(contactId)}`) }
    }
  }
}

/**
 * One contact whose row throws must not take the others with it: then each is asked for alone. A directory that fails for
 * all of the first ones is down, and the rest is spared the wait.
 */
function askTogether(directory: ContactDirectory, timeoutMs: number) {
  const together = async (contactIds: readonly ContactId[]): Promise<readonly Found[]> => {
    let found: unknown
    try {
      // In time, because those who ask next wait for this batch to end.
      found = await inTime(Promise.resolve(directory.getMany?.(contactIds)), timeoutMs)
    } catch (error) {
      if (isSilence(error)) return contactIds.map(() => ({ error }))
      throw threw(
        error,
        `for ${contactIds.length === 1 ? `the contact ${JSON.stringify(contactIds[0])}` : 'many contacts'}`,
      )
    }
    if (typeof (found as Map<ContactId, unknown> | undefined)?.get !== 'function')
      throw new EnfoldFault(
        'DIRECTORY_FAILED',
        `contacts.getMany returned ${typeName(found)}; expected a Map of facts by contact id.`,
      )
    const rows = found as Map<ContactId, unknown>
    return contactIds.map((contactId) => ({ answer: rows.get(contactId) }))
  }
  const alone = async (contactId: ContactId): Promise<Found> => {
    try {
      return (await together([contactId]))[0] as Found
    } catch (error) {
      return { error }
    }
  }
  return async (contactIds: readonly ContactId[]): Promise<readonly Found[]> => {
    try {
      return await together(contactIds)
    } catch (error) {
      if (contactIds.length === 1) return [{ error }]
      const results: Found[] = []
      while (results.length < contactIds.length) {
        if (results.length > 0 && results.every((one) => 'error' in one)) {
          results.push(...contactIds.slice(results.length).map(() => ({ error })))
          break
        }
        const some = contactIds.slice(results.length, results.length + AT_ONCE)
        results.push(...(await Promise.all(some.map(alone))))
      }
      return results
    }
  }
}

function threw(error: unknown, about: string): EnfoldFault {
  // As `contactsFromTable` says it, with the remedy.
  if (isEnfoldFault(error) && error.code === 'DIRECTORY_FAILED') return error
  return new EnfoldFault(
    'DIRECTORY_FAILED',
    `The contacts directory threw ${typeName(error)} ${about}. Its own error is the cause of this one. Fix it and try again.`,
    {},
    error,
  )
}

function isSilence(error: unknown): boolean {
  return error instanceof EnfoldFault && error.code === 'DIRECTORY_SILENT'
}

const SILENT = Symbol('silent')

async function inTime<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  const answered = new AbortController()
  const silence = realWait(timeoutMs, answered.signal).then(() => SILENT)
  const first = await Promise.race([answer, silence]).finally(() => answered.abort())
  if (first !== SILENT) return first as T
  const message = `The contacts directory did not answer within ${timeoutMs} ms. Nothing was written; try again.`
  throw new EnfoldFault('DIRECTORY_SILENT', message, { timeoutMs })
}

// --- What it says of one contact ------------------------------------------------------------------------------------

/** A copy: `null` and `undefined` are absent, and everything else is of the form that decisions read (FACTS-2). */
function readFacts(contactId: ContactId, given: unknown): Facts {
  const at = (place: string) => `contacts.get(${JSON.stringify(contactId)})${place}`
  try {
    if (given instanceof Map)
      throw unreadable(contactId, at(''), given, `an object { timeZone?, tags?, fields? }${adviceOn(given)}`)
    if (!isObject(given)) throw unreadable(contactId, at(''), given, 'an object { timeZone?, tags?, fields? } or null')
    const { timeZone: zone, tags: tagged, fields: named, ...rest } = { ...given, ...known(given) }
    if (isPresent(zone) && typeof zone !== 'string')
      throw unreadable(contactId, at('.timeZone'), zone, 'an IANA zone name as text, or nothing')
    if (isPresent(tagged) && !Array.isArray(tagged))
      throw unreadable(contactId, at('.tags'), tagged, 'a list of texts, or nothing')
    if (named instanceof Map)
      throw unreadable(contactId, at('.fields'), named, `an object of plain JSON values${adviceOn(named)}`)
    if (isPresent(named) && !isObject(named))
      throw unreadable(contactId, at('.fields'), named, 'an object of plain JSON values, or nothing')
    const tags = isPresent(tagged) ? [...(tagged as unknown[])].filter(isPresent) : null
    const wrong = tags?.find((tag) => typeof tag !== 'string')
    if (wrong !== undefined) throw unreadable(contactId, at('.tags'), wrong, 'texts and nothing else in it')
    const fields = isPresent(named) ? fieldsOf(contactId, at('.fields'), named as object) : null
    const characters = lengthOf(zone) + lengthOf(tags) + lengthOf(fields)
    if (characters > MOST_CHARACTERS)
      throw new EnfoldFault(
        'FACTS_UNREADABLE',
        `${at('')} has ${characters} characters as JSON; expected at most ${MOST_CHARACTERS}. Leave out the fields that no condition and no timer reads.`,
        {
          contactId,
          path: at(''),
          found: `${characters} characters`,
          expected: `at most ${MOST_CHARACTERS} characters`,
        },
      )
    return {
      ...rest,
      ...(isPresent(zone) ? { timeZone: zone as string } : {}),
      ...(tags === null ? {} : { tags: tags as string[] }),
      ...(fields === null ? {} : { fields }),
    }
  } catch (error) {
    if (error instanceof EnfoldFault) throw error
    throw unreadable(contactId, at(''), error, 'facts that can be read: reading them threw', error)
  }
}

const lengthOf = (value: unknown) => JSON.stringify(value)?.length ?? 0

/** Also of a class of the host's, whose getters a spread passes over. */
function known(given: object): { readonly timeZone?: unknown; readonly tags?: unknown; readonly fields?: unknown } {
  const { timeZone, tags, fields } = given as { timeZone?: unknown; tags?: unknown; fields?: unknown }
  return { timeZone, tags, fields }
}

function fieldsOf(contactId: ContactId, path: string, named: object): { readonly [field: string]: JsonValue } {
  const entries: [string, JsonValue][] = []
  for (const [name, value] of Object.entries(named)) {
    if (value === undefined) continue
    const plain = plainJson(value)
    if ('odd' in plain)
      throw unreadable(
        contactId,
        `${path}[${JSON.stringify(name)}]`,
        plain.odd,
        `a plain JSON value${adviceOn(plain.odd)}`,
      )
    entries.push([name, plain.value])
  }
  // Not by assignment: a field may be called `__proto__`.
  return Object.fromEntries(entries)
}

const MOST_DEEP = 50
/**
 * Of all tags and fields of a contact, as JSON. What conditions read of them is recorded: with six bytes for each character,
 * and the names, it fits into one line of a log.
 */
const MOST_CHARACTERS = 1_000_000

/**
 * What JSON can hold, as a copy: a Date or a bigint would be read otherwise from the log than it was decided on. `odd`:
 * the first part that it cannot hold.
 */
function plainJson(value: unknown, depth = 0): { readonly value: JsonValue } | { readonly odd: unknown } {
  if (value === null || value === undefined) return { value: null }
  if (typeof value === 'string' || typeof value === 'boolean') return { value }
  if (typeof value === 'number') return Number.isFinite(value) ? { value } : { odd: value }
  if (typeof value !== 'object' || depth > MOST_DEEP) return { odd: value }
  const isList = Array.isArray(value)
  const prototype = Object.getPrototypeOf(value)
  if (!isList && prototype !== null && prototype !== Object.prototype) return { odd: value }
  const entries: [string, JsonValue][] = []
  for (const [name, inner] of Object.entries(value)) {
    if (inner === undefined && !isList) continue
    const plain = plainJson(inner, depth + 1)
    if ('odd' in plain) return plain
    entries.push([name, plain.value])
  }
  return { value: isList ? entries.map(([, inner]) => inner) : Object.fromEntries(entries) }
}

function adviceOn(value: unknown): string {
  if (value instanceof Map) return ': a plain object, by Object.fromEntries(…)'
  if (value instanceof Date) return ': a text, by toISOString()'
  if (typeof value === 'bigint') return ': a number or a text, by Number(…) or String(…)'
  return ''
}

function unreadable(
  contactId: ContactId,
  path: string,
  value: unknown,
  expected: string,
  cause?: unknown,
): EnfoldFault {
  return new EnfoldFault(
    'FACTS_UNREADABLE',
    `${path} is ${typeName(value)}; expected ${expected}.`,
    { contactId, path, found: typeName(value), expected },
    cause,
  )
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isPresent(value: unknown): boolean {
  return value !== null && value !== undefined
}

// --- Facts for a question -------------------------------------------------------------------------------------------

/** Why a question had to do without the facts of a contact. */
export type FactsFault = FaultWords

/** Of one contact for one question: its facts, or `undefined` with the reason why there are none. */
export type FactsForQuestion =
  | { readonly facts: Facts | null; readonly fault: null }
  | { readonly facts: undefined; readonly fault: FactsFault }

/** Contacts of a list that are asked about at the same time. */
const LIST_AT_ONCE = 50
/** How long one question waits in all for a directory that says nothing. */
const PATIENCE_MS = 10_000

/**
 * For one question: it is answered while the directory is down, slow or answers nonsense (FACTS-1). What cannot be had of
 * one contact is that contact's fault alone (FACTS-2).
 */
export function createQuestionFacts(factsOf: FactsOf) {
  let silentMs = 0
  let silence: FactsFault | null = null

  async function one(contactId: ContactId): Promise<FactsForQuestion> {
    if (silence !== null && silentMs >= PATIENCE_MS) return { facts: undefined, fault: silence }
    try {
      return { facts: await factsOf(contactId, SHORT_MS), fault: null }
    } catch (error) {
      const fault = wordsOf(error)
      if (isSilence(error)) silence = fault
      return { facts: undefined, fault }
    }
  }

  return {
    one,
    async many(contactIds: readonly ContactId[]): Promise<ReadonlyMap<ContactId, FactsForQuestion>> {
      const found = new Map<ContactId, FactsForQuestion>()
      for (let i = 0; i < contactIds.length; i += LIST_AT_ONCE) {
        const some = contactIds.slice(i, i + LIST_AT_ONCE)
        const startedAt = performance.now()
        const answers = await Promise.all(some.map(one))
        if (silence !== null) silentMs += performance.now() - startedAt
        for (const [n, contactId] of some.entries()) found.set(contactId, answers[n] as FactsForQuestion)
      }
      return found
    },
  }
}

// --- Search ---------------------------------------------------------------------------------------------------------

/** A page of the host's search. */
export interface FoundPage {
  readonly contacts: readonly ContactId[]
  readonly next: ContactId | null
}

/** The host's search with its limits; `null`: the directory has none. */
export type SearchDirectory = (text: string, page: Page) => Promise<FoundPage>

/** @throws EnfoldFault from the search: `DIRECTORY_SILENT`, `DIRECTORY_FAILED` */
export function createSearch(directory: ContactDirectory | undefined, timeoutMs: number): SearchDirectory | null {
  if (directory?.search === undefined) return null
  return async (text, page) => {
    let given: unknown
    try {
      given = await inTime(Promise.resolve(directory.search?.(text, page)), timeoutMs)
    } catch (error) {
      throw isSilence(error) ? error : threw(error, 'from contacts.search')
    }
    const { contacts, next = null } = (given ?? {}) as { contacts?: unknown; next?: unknown }
    if (!Array.isArray(contacts))
      throw searchFault(
        `returned ${typeName(given)} whose contacts are ${typeName(contacts)}; expected { contacts, next }`,
      )
    const odd = contacts.findIndex((one) => !isLegalId(one))
    if (odd !== -1)
      throw searchFault(`returned ${typeName(contacts[odd])} as contacts[${odd}], which is no legal contact id`)
    if (next !== null && !isLegalId(next))
      throw searchFault(`returned ${typeName(next)} as next; expected the id of the last contact of the page, or null`)
    return { contacts: contacts as ContactId[], next }
  }
}

/** Of what a search returned. */
export function searchFault(what: string): EnfoldFault {
  return new EnfoldFault('DIRECTORY_FAILED', `contacts.search ${what}. Fix the directory and try again.`)
}
