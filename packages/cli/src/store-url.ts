/** Stores by URL: the one place that knows which URLs there are. A file that is only a log is none; see `source.ts`. */
import type { Store } from '@enfold/core'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { UsageError } from './errors.ts'
import { combineStores, type Log, openEventStoreDb } from './eventstoredb.ts'
import { openModuleStore } from './module-store.ts'
import { type Access, requireFile } from './places.ts'

/** How a store is opened: what some kinds do without. */
export interface OpenOptions {
  /** False: what is appended carries no hashes. Default true. */
  readonly hashChain?: boolean
}

/** One kind of URL. A new kind is a row in `STORE_KINDS`. */
interface StoreKind {
  /** As an example, in words that name its parts. */
  readonly urls: string
  /** For `--help`, line by line. */
  readonly help: readonly string[]
  /** What its URLs begin with, before the colon. */
  readonly schemes: readonly string[]
  /** Of a kind that has index and agenda. */
  readonly open?: (url: string, access: Access, options: OpenOptions) => Store | Promise<Store>
  /** Of a kind that keeps the log alone; `inOrder`: appends go out one after the other. */
  readonly openLog?: (url: string, options: { readonly hashChain: boolean; readonly inOrder?: boolean }) => Log
}

const STORE_KINDS: readonly StoreKind[] = [
  {
    urls: 'sqlite:PATH',
    help: ['a SQLite store, which is only read'],
    schemes: ['sqlite'],
    open(url, access, { hashChain = true }) {
      const path = url.slice('sqlite:'.length)
      if (path === '') throw new UsageError(`sqlite: names no file; expected ${STORE_URLS}.`)
      if (access !== 'create') requireFile(path)
      return createSqliteStore({ path, readOnly: access === 'read', hashChain })
    },
  },
  {
    urls: 'postgres://ROLE@HOST/DATABASE?schema=NAME',
    help: [
      'a PostgreSQL store, likewise; its schema is enfold unless you name it.',
      'The password stands in the URL, or in PGPASSWORD',
    ],
    schemes: ['postgres', 'postgresql'],
    // Whether it is there is told by its first use: nothing is asked of a server before.
    open: (url, access, { hashChain = true }) =>
      createPostgresStore({ ...postgresIn(url), migrate: access === 'create', hashChain }),
  },
  {
    urls: 'module:FILE?NAME=VALUE',
    help: ['a store of your own: FILE exports openStore({ access, parameters })'],
    schemes: ['module'],
    open: (url, access) => openModuleStore(url, access),
  },
  {
    urls: 'esdb://HOST:2113 with --read-model URL',
    help: [
      'EventStoreDB; also kurrentdb://…. The client is yours to install.',
      'Orders, due and run need --read-model sqlite:PATH as well.',
    ],
    schemes: ['esdb', 'kurrentdb', 'kurrent', 'kdb'].flatMap((one) => [one, `${one}+discover`]),
    openLog: openEventStoreDb,
  },
]

/** What may be given where a store is asked for, in words. */
export const STORE_URLS = listed(STORE_KINDS.map(({ urls }) => urls))

/** For `--help`: each kind and what it is. */
export const STORE_HELP = STORE_KINDS.flatMap(({ urls, help }) =>
  help.map((line, i) => `    ${(i === 0 ? (urls.split(' ')[0] ?? '') : '').padEnd(43)} ${line}`),
).join('\n')

function kindOf(url: string): StoreKind | undefined {
  const [, scheme = '', slashes] = /^([a-z][a-z\d+.-]*):(\/\/)?/i.exec(url) ?? []
  return STORE_KINDS.find(
    ({ schemes, urls }) => schemes.includes(scheme.toLowerCase()) && urls.includes('://') === (slashes !== undefined),
  )
}

export const isStoreUrl = (text: string) => kindOf(text) !== undefined

/** How the log alone is opened, of a kind that keeps nothing else. */
export const logOpenerFor = (url: string) => kindOf(url)?.openLog

/** The scheme of what is a URL and none of a store; `null` for what may be a path. */
export function unknownScheme(text: string): string | null {
  const [, scheme = '', slashes] = /^([a-z][a-z\d+.-]*):(\/\/)?/i.exec(text) ?? []
  const isKnown = STORE_KINDS.some(({ schemes }) => schemes.includes(scheme.toLowerCase())) || /^https?$/i.test(scheme)
  return kindOf(text) === undefined && (slashes !== undefined || isKnown) ? scheme : null
}

/**
 * @param options `readModel`: URL of the store that keeps index and agenda of a log that cannot; it is made where
 *   anything is written
 * @returns `null` if the URL is none of a store
 * @throws UsageError if it names nothing, or nothing that is there; for a log without a read model, or a store with one
 */
export async function openStore(
  url: string,
  access: Access,
  { readModel, ...options }: OpenOptions & { readonly readModel?: string | undefined } = {},
): Promise<Store | null> {
  const kind = kindOf(url)
  if (kind?.openLog !== undefined) {
    if (readModel === undefined)
      throw new UsageError(
        'This server keeps the log alone. Name the store for index and agenda: --read-model sqlite:PATH.',
      )
    const model = await kindOf(readModel)?.open?.(readModel, access === 'read' ? 'read' : 'create', {})
    if (model === undefined)
      throw new UsageError('--read-model is no store of tables; expected sqlite:PATH or postgres://ROLE@HOST/DATABASE.')
    return combineStores(kind.openLog(url, { hashChain: options.hashChain ?? true }), model)
  }
  if (readModel !== undefined)
    throw new UsageError('--read-model goes with a log that keeps no index and agenda, such as esdb://HOST:2113.')
  return (await kind?.open?.(url, access, options)) ?? null
}

function listed(all: readonly string[]): string {
  return `${all.slice(0, -1).join(', ')}, or ${all.at(-1)}`
}

/** A connection string as `pg` has it, and the schema, of which `pg` knows nothing. */
export function postgresIn(url: string): { readonly connectionString: string; readonly schema?: string } {
  // What cannot be parsed is not repeated: somewhere in it is a password.
  if (!URL.canParse(url))
    throw new UsageError(`What begins with postgres:// is no URL; expected ${STORE_URLS}, percent-encoded.`)
  const parsed = new URL(url)
  const schema = parsed.searchParams.get('schema')
  parsed.searchParams.delete('schema')
  return { connectionString: parsed.href, ...(schema === null ? {} : { schema }) }
}
