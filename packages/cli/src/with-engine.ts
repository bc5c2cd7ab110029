/** Opens the store that a command names, and an engine on it. */
import { type ContactDirectory, instantOf, type Store } from '@enfold/core'
import { buildReadModel, createEngine, type Engine } from '@enfold/engine'
import { UsageError } from './errors.ts'
import { type HostModule, loadHostModule } from './host-module.ts'
import { type Access, placeName, placeText } from './places.ts'
import { openStore, STORE_URLS, unknownScheme } from './store-url.ts'

/** What every command on a store takes. */
export interface OrderOptions {
  readonly json?: boolean
  /** Go ahead without asking. */
  readonly yes?: boolean
  readonly hostModule?: string
  /** URL of the store that keeps index and agenda of a log that keeps none. */
  readonly readModel?: string
  /** What to do with a contact that has an event which cannot be shown in the read model. Default "stop". */
  readonly onPoison?: 'stop' | 'park'
}

/** @throws UsageError for what is no store (a log can only be read), and for `onPoison` if there is no read model to feed */
export async function openForOrders(
  url: string,
  access: Access,
  { readModel, onPoison }: Pick<OrderOptions, 'readModel' | 'onPoison'>,
): Promise<Store> {
  if (onPoison !== undefined && readModel === undefined)
    throw new UsageError('--on-poison goes with --read-model: any other store shows its events as it takes them.')
  const store = await openStore(url, access, { readModel })
  if (store !== null) return store
  if (unknownScheme(url) !== null)
    throw new UsageError(`${placeName(url)} is no store that is known here; expected ${STORE_URLS}.`)
  throw new UsageError(
    `${placeName(url)} is a log, which can only be read. Orders go to a store, ${STORE_URLS}; "enfold import" makes one of a log.`,
  )
}

/** An engine that gives orders and works on nothing. With `read` it only answers. */
export async function withEngine<Answer>(
  url: string,
  access: Access,
  { hostModule, ...options }: OrderOptions,
  work: (engine: Engine, store: Store) => Promise<Answer>,
): Promise<Answer> {
  const host: HostModule = hostModule === undefined ? {} : await loadHostModule(hostModule)
  const { contacts } = host
  if (hostModule !== undefined && contacts === undefined)
    throw new UsageError(`${placeText(hostModule)} exports no contacts; expected an object with get(contactId).`)
  const opened = await openForOrders(url, access, options)
  const store = contacts === undefined ? dueImmediately(opened) : opened
  const directory = contacts === undefined ? {} : { contacts }
  const poison = options.onPoison === undefined ? {} : { onPoison: options.onPoison }
  const engine = createEngine({ store, handlers: {}, ...directory, ...poison })
  const isFed = !store.capabilities.projectsInAppend && access !== 'read'
  try {
    // A server is opened by the first question: what is wrong with it is told before any contact is begun with.
    await store.checkpoint()
    return isFed
      ? await withProjection(engine, { store, ...directory, ...poison }, () => work(engine, store))
      : await work(engine, store)
  } finally {
    await engine.close()
    await opened.close()
    await host.close?.()
  }
}

/** A separate read model is up to date before and after the work, and fed meanwhile. */
async function withProjection<Answer>(
  engine: Engine,
  {
    store,
    ...options
  }: { readonly store: Store; readonly contacts?: ContactDirectory; readonly onPoison?: 'stop' | 'park' },
  work: () => Promise<Answer>,
): Promise<Answer> {
  const toHead = () => buildReadModel({ store, readModel: store, ...options })
  await toHead()
  const end = new AbortController()
  // A fault that stops it is thrown by the last `toHead`, after what was done is printed.
  const feeding = engine.project({ signal: end.signal }).catch(() => {})
  let answer: Answer
  try {
    answer = await work()
  } finally {
    end.abort()
    await feeding
  }
  await toHead()
  return answer
}

/**
 * When something is due depends on zone and fields of the contact, which the host's directory knows and we do not. So
 * that the worker, who has it, looks at the contact at once and sets its wake right; what is not due stays undone.
 */
function dueImmediately(store: Store): Store {
  return {
    ...store,
    // A separate read model is fed with these.
    apply: (changes, checkpoint, counted) =>
      store.apply(
        changes.map((change) =>
          change.derived.wakeAt === null
            ? change
            : { ...change, derived: { tags: change.derived.tags, wakeAt: instantOf(Date.now()) } },
        ),
        checkpoint,
        counted,
      ),
    appendMany: (appends) =>
      store.appendMany(
        appends.map((append) => {
          const { derived, events } = append
          const at = events.at(-1)?.at
          if (derived === undefined || derived.wakeAt === null || at === undefined) return append
          const { tags, counters } = derived
          return { ...append, derived: { tags, wakeAt: at, ...(counters === undefined ? {} : { counters }) } }
        }),
      ),
  }
}
