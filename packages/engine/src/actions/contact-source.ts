/** Where an action's contacts come from: a list, a search, a query of the index, a CSV. Read once, in constant memory. */
import {
  ACTION_OUTCOMES,
  type ActionId,
  type ActionItem,
  type ActionOutcome,
  type ActionRecord,
  type ActionStore,
  type ContactId,
  canonicalJson,
  contactsDigest,
  EnfoldFault,
  type JsonObject,
  type Members,
  type ReadModel,
  requireId,
} from '@enfold/core'
import { searchFault } from '../directory.ts'
import * as input from '../input.ts'
import {
  type IndexQuestions,
  type SearchQuery,
  type SearchView,
  sequenceQueries,
  tagsFor,
} from '../inspect/index-questions.ts'
import { pages } from '../paging.ts'
import { type CsvInput, itemsOfCsv, type ListOptions } from './contact-list.ts'

/** What the sequences of a contact must be, and what the host's search must find. As `inspect.search`, of all pages. */
export type ContactQuery = Pick<SearchQuery, 'all' | 'any' | 'none' | 'text'>

export type ContactSource =
  /** Ids one by one, or contacts with the key of one of their runs; an iterable is read once, as it comes. */
  | { readonly ids: Iterable<ActionItem> | AsyncIterable<ActionItem> }
  /** What the host's directory finds. */
  | { readonly search: string }
  /** By active sequences, and by the host's search if it has a `text`. */
  | { readonly query: ContactQuery }
  /**
   * A list of ids, or a table with a column of them: `contactId`, `id`, or what `column` names. Of a sequence with keys also
   * a column of keys: `key`, or what `keyColumn` names. See `contactsOfCsv`.
   */
  | ({ readonly csv: CsvInput } & ListOptions)
  | ContactsOfAction

/** Those of an action that is over, each with the key that it was named for; with `outcomes` only those that came to one of them. */
export interface ContactsOfAction {
  readonly action: ActionId
  /** At least one. Left out: all, those too that it never came to. */
  readonly outcomes?: readonly ActionOutcome[]
}

/** Where contacts come from; of an undo, those of the action that it undoes. */
export type AnySource = ContactSource | UndoneContacts

export interface UndoneContacts {
  readonly action: ActionId
  /** Those after this number were never touched. */
  readonly last: number
}

/** The most that a page of the index may hold: each page counts the whole again. */
const INDEX_PAGE = 10_000
const SEARCH_PAGE = 1000
const ACTION_PAGE = 1000

/** Throws `INVALID_INPUT` for what is no source, or several. */
export function checkSource(path: string, source: unknown): void {
  const [name, ...more] = (typeof source === 'object' && source !== null ? Object.keys(source) : []).filter(
    (key, _, keys) =>
      !((key === 'column' || key === 'keyColumn') && keys.includes('csv')) &&
      !(key === 'outcomes' && keys.includes('action')),
  )
  const { column, keyColumn } = (source ?? {}) as { readonly column?: unknown; readonly keyColumn?: unknown }
  const value = (source as Record<string, unknown> | null)?.[name ?? '']
  if (more.length > 0 || !['ids', 'search', 'query', 'csv', 'action'].includes(name ?? ''))
    throw EnfoldFault.invalidInput(path, source, 'one of { ids }, { search }, { query }, { csv }, { action }')
  if (name === 'action') input.checkInput(path, source, { action: input.id, 'outcomes?': outcomes })
  if (name === 'search') input.text(`${path}.search`, value)
  if (name === 'ids' && (typeof value === 'string' || !isIterable(value)))
    throw EnfoldFault.invalidInput(`${path}.ids`, value, 'a list of ids, or an iterable of them')
  if (name === 'csv' && typeof value !== 'string' && !isIterable(value))
    throw EnfoldFault.invalidInput(`${path}.csv`, value, 'a text, or an iterable of its pieces')
  if (column !== undefined) input.text(`${path}.column`, column)
  if (keyColumn !== undefined) input.text(`${path}.keyColumn`, keyColumn)
  if (name === 'query')
    input.checkInput(`${path}.query`, value, {
      'all?': sequenceQueries,
      'any?': sequenceQueries,
      'none?': sequenceQueries,
      'text?': input.text,
    })
}

function outcomes(path: string, value: unknown): void {
  if (!Array.isArray(value) || value.length === 0)
    throw EnfoldFault.invalidInput(path, value, 'a list of at least one outcome')
  for (const [i, one] of value.entries()) input.oneOf(...ACTION_OUTCOMES)(`${path}[${i}]`, one)
}

/** What is recorded of a source: no text of a search, and no id of a contact. */
export function describeSource(source: AnySource): ActionRecord['source'] {
  if ('ids' in source) return { from: 'ids' }
  if ('search' in source) return { from: 'search' }
  if ('csv' in source) return { from: 'csv' }
  if ('action' in source)
    return {
      from: 'action',
      actionId: source.action,
      ...('outcomes' in source && source.outcomes !== undefined ? { outcomes: [...source.outcomes] } : {}),
    }
  const { text: _text, ...query } = source.query
  return { from: 'query', query: JSON.parse(JSON.stringify(query)) as JsonObject }
}

/**
 * The digest of a source that is its own description, which is what was ordered, whichever contacts it finds; `null`: that of
 * the contacts has to be made (`contactsDigest`), as they come. Four digits: a text of a search may be a name.
 */
export function digestOfSource(actionId: ActionId, source: AnySource): string | null {
  if ('ids' in source || 'csv' in source) return null
  // However many of them there are when it is ordered again.
  if ('last' in source) return contactsDigest(actionId, [`${source.action}`])
  if ('action' in source) return contactsDigest(actionId, [canonicalJson(describeSource(source))])
  return contactsDigest(actionId, [canonicalJson(JSON.parse(JSON.stringify(source)))]).slice(0, 4)
}

/** Whether its contacts can be read twice. What is no list and no text may be a stream, which is gone when it is read. */
export function isReadOnce(source: AnySource): boolean {
  if ('ids' in source) return !Array.isArray(source.ids) && !(source.ids instanceof Set)
  return 'csv' in source && typeof source.csv !== 'string' && !Array.isArray(source.csv)
}

/** The usual name of the column of keys; `null`: the sequence has no keys, and a column of that name is of something else. */
export type UsualKeyColumn = 'key' | null

/** The contacts, some of them perhaps named twice. Throws `INVALID_INPUT` at what is no id. */
export function contactsOf(
  source: Exclude<ContactSource, ContactsOfAction>,
  inspect: Pick<IndexQuestions, 'search'>,
  readModel: ReadModel,
  usualKeyColumn: UsualKeyColumn,
): AsyncIterable<ActionItem> {
  if ('ids' in source) return checkedItems(source.ids)
  if ('csv' in source) return itemsOfCsv(source.csv, 'action.contacts.csv', source, undefined, usualKeyColumn)
  if ('search' in source) return searched({ text: source.search }, inspect)
  return source.query.text === undefined ? queried(source.query, readModel) : searched(source.query, inspect)
}

/** The contacts of an action, each with the key that it was named for. */
export async function* contactsOfAction(
  store: ActionStore,
  { action, ...source }: ContactsOfAction | UndoneContacts,
): AsyncGenerator<ActionItem> {
  const last = 'last' in source ? source.last : Number.MAX_SAFE_INTEGER
  const wanted = 'outcomes' in source && source.outcomes !== undefined ? new Set(source.outcomes) : null
  // The index of a store is by one outcome.
  const [only] = wanted?.size === 1 ? wanted : []
  for (let after = 0; after < last; ) {
    const found = await store.actionContacts(action, after, Math.min(ACTION_PAGE, last - after), only)
    for (const { contactId, key, outcome } of found)
      if (wanted === null || (outcome !== null && wanted.has(outcome)))
        yield key === undefined ? contactId : { contactId, key }
    if (found.length === 0) return
    after = found.at(-1)?.number ?? last
  }
}

async function* checkedItems(ids: Iterable<ActionItem> | AsyncIterable<ActionItem>): AsyncGenerator<ActionItem> {
  let index = 0
  for await (const item of ids) {
    const path = `action.contacts.ids[${index++}]`
    if (typeof item !== 'object' || item === null) yield requireId(path, item)
    else {
      input.checkInput(path, item, { contactId: input.id, key: input.id })
      yield { contactId: item.contactId, key: item.key }
    }
  }
}

/** What a search of the host's may come to, so that one that never ends ends with a fault. */
const SEARCH_LIMITS = { contacts: 10_000_000, emptyPages: 100 }

/** Exported for its test alone. */
export async function* searched(
  query: ContactQuery,
  inspect: Pick<IndexQuestions, 'search'>,
  limits = SEARCH_LIMITS,
): AsyncGenerator<ContactId> {
  const told = new Set<ContactId>()
  let contacts = 0
  let emptyPages = 0
  for await (const page of pages<ContactId, SearchView>((after) =>
    inspect.search({ ...query, after, limit: SEARCH_PAGE }),
  )) {
    yield* page.contacts
    if (page.next === null) return
    contacts += page.contacts.length
    emptyPages = page.contacts.length === 0 ? emptyPages + 1 : 0
    if (told.has(page.next)) throw searchFault('returned the same next for two pages: it would never come to an end')
    if (contacts > limits.contacts)
      throw searchFault(`found more than ${limits.contacts.toLocaleString('en')} contacts for one action`)
    if (emptyPages === limits.emptyPages)
      throw searchFault(`found nobody on ${limits.emptyPages} pages in a row, and has more of them`)
    told.add(page.next)
  }
}

async function* queried({ all, any, none }: ContactQuery, readModel: ReadModel): AsyncGenerator<ContactId> {
  const tags = { all: tagsFor(all), any: tagsFor(any), none: tagsFor(none) }
  for await (const { contacts } of pages<ContactId, Members>((after) =>
    readModel.search(tags, { after, limit: INDEX_PAGE }),
  ))
    yield* contacts
}

function isIterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value)
}
