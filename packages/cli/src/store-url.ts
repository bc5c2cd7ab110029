/** Stores by URL: the one place that knows which URLs there are. A file that is only a log is none; see `source.ts`. */
import { existsSync, statSync } from 'node:fs'
import type { Store } from '@enfold/core'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { UsageError } from './errors.ts'
import { besideLog, isEventStoreDb, openEventStoreDb } from './eventstoredb.ts'
import { named } from './text.ts'

/** `read`: nothing is written. `write`: it must be there. `create`: it is made if there is none. */
export type Access = 'read' | 'write' | 'create'

/** What may stand where a store is asked for, in words. */
export const STORE_URLS =
  'sqlite:PATH, postgres://ROLE@HOST/DATABASE?schema=NAME, or esdb://HOST:2113 with --read-model URL'

export const isStoreUrl = (text: string) => /^(sqlite:|postgres(ql)?:\/\/)/i.test(text) || isEventStoreDb(text)

/**
 * @param options `hashChain` false: what is appended carries no hashes. Default true. `readModel`: URL of the store that
 *   keeps index and agenda of a log that cannot; it is made where anything is written
 * @returns `null` if the URL is none of a store
 * @throws UsageError if it names nothing, or nothing that is there; for a log without a read model, or a store with one
 */
export function openStore(
  url: string,
  access: Access,
  { hashChain = true, readModel }: { readonly hashChain?: boolean; readonly readModel?: string | undefined } = {},
): Store | null {
  if (isEventStoreDb(url)) {
    if (readModel === undefined)
      throw new UsageError(
        'This server keeps the log alone. Name the store for index and agenda: --read-model sqlite:PATH.',
      )
    const index = isEventStoreDb(readModel) ? null : openStore(readModel, access === 'read' ? 'read' : 'create')
    if (index === null)
      throw new UsageError('--read-model is no store of tables; expected sqlite:PATH or postgres://ROLE@HOST/DATABASE.')
    return besideLog(openEventStoreDb(url, { hashChain }), index)
  }
  if (readModel !== undefined)
    throw new UsageError('--read-model goes with a log that keeps no index and agenda, such as esdb://HOST:2113.')
  const sqlite = after('sqlite:', url)
  if (sqlite !== null) {
    if (access !== 'create') requireFile(sqlite)
    return createSqliteStore({ path: sqlite, readOnly: access === 'read', hashChain })
  }
  if (/^postgres(ql)?:\/\//i.test(url)) {
    // Whether it is there is told by its first use: nothing is asked of a server before.
    return createPostgresStore({ ...postgresIn(url), migrate: access === 'create', hashChain })
  }
  return null
}

/** A connection string as `pg` has it, and the schema, of which `pg` knows nothing. */
function postgresIn(url: string): { readonly connectionString: string; readonly schema?: string } {
  // What cannot be parsed is not repeated: somewhere in it is a password.
  if (!URL.canParse(url))
    throw new UsageError(`What begins with postgres:// is no URL; expected ${STORE_URLS}, percent-encoded.`)
  const parsed = new URL(url)
  const schema = parsed.searchParams.get('schema')
  parsed.searchParams.delete('schema')
  return { connectionString: parsed.href, ...(schema === null ? {} : { schema }) }
}

/** What a URL of a server begins with, also where its slashes were forgotten, or its scheme. */
const SERVER = String.raw`(?:\b(?:postgres(?:ql)?|pg|esdb|kurrentdb|eventstore)(?:\+discover)?:\/{0,3}|\b[a-z][a-z\d+.-]*:\/{1,3}|(?<![:/\w])\/\/)[^:/?#@\s]*`
const BEFORE_HOST = new RegExp(`(${SERVER}):[\\s\\S]*@`, 'gi')
/** Without a host: what follows the user and is no port. */
const WITHOUT_HOST = new RegExp(`(${SERVER}):(?!\\d{1,5}(?:[/?#,\\s'".);]|$))[^\\s'"/?#@]+`, 'gi')
const PARAMETER = /([?&;]\w*(?:pas+w|pwd|secret|token)\w*=)[^&#\s'"]*/gi
const OPTION = /(--?[\w-]*(?:pas+w|pwd|secret)[\w-]*[= ])[^\s'"]+/gi

/** The text with every password taken out, of URLs and of options, and rather too much than too little: for every output. */
export function withoutPasswords(text: string): string {
  return text.replace(BEFORE_HOST, '$1@').replace(WITHOUT_HOST, '$1:…').replace(PARAMETER, '$1…').replace(OPTION, '$1…')
}

/** A path or URL as it is named in a message: it may be a URL whose beginning was forgotten. */
export function placeName(path: string): string {
  return named(withoutPasswords(path).replace(/^[^\s:/]+:(?!\/).*@/, '…@'))
}

function after(scheme: string, url: string): string | null {
  if (!url.startsWith(scheme)) return null
  const rest = url.slice(scheme.length)
  if (rest === '') throw new UsageError(`${scheme} names no file; expected ${STORE_URLS}.`)
  return rest
}

/** Its size in bytes. */
export function requireFile(path: string): number {
  const stat = existsSync(path) ? statSync(path) : undefined
  if (stat === undefined) throw new UsageError(`There is no file ${placeName(path)}.`)
  if (stat.isDirectory()) throw new UsageError(`${placeName(path)} is a folder; expected a file.`)
  return stat.size
}
