/** For the tests of this package: an engine with a campaign, actors by the header, and requests in a word. */
import { type ContactDirectory, campaign, type Store } from '@enfold/core'
import { createEngine, type Engine } from '@enfold/engine'
import { type Api, type ApiOptions, createApi, type Principal } from '@enfold/http'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock, type SimulatedClock } from '@enfold/testkit'
import { onTestFinished } from 'vitest'

export const MONDAY = '2026-03-02T09:00:00.000Z'

export const pool = campaign({
  id: 'pool',
  goals: [
    { id: 'asked', when: { kind: 'form-submitted', match: { form: 'guide' } }, next: ['nurture'] },
    { id: 'bought', when: { kind: 'purchased' }, achievableBy: 'members', next: [] },
  ],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'one', kind: 'email' },
        { id: 'two', kind: 'email', timer: { after: 'P1D' } },
      ],
      next: ['bought'],
    },
  ],
})
export const garden = campaign({
  id: 'garden',
  goals: [{ id: 'asked', when: { kind: 'form-submitted' }, next: ['tips'] }],
  sequences: [{ id: 'tips', steps: [{ id: 'one', kind: 'email', timer: { after: 'P1D' } }] }],
})

/** Who sends a request says so in the header `authorization`. */
export const ACTORS: { readonly [name: string]: Principal } = {
  writer: { id: 'wanda', may: 'write' },
  reader: { id: 'rita', may: 'read' },
  gardener: { id: 'gil', may: 'write', campaigns: ['garden'] },
}

export interface GivenApi {
  readonly api: Api
  readonly engine: Engine
  readonly store: Store
  readonly clock: SimulatedClock
  readonly errors: unknown[]
  /** Sends a request; an object as its body goes as JSON. */
  send(method: string, path: string, options?: SendOptions): Promise<Answer>
}

export interface SendOptions {
  /** A name of `ACTORS`; `null` for nobody. Default: the writer. */
  readonly as?: string | null
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  readonly body: any
}

export const authorize: ApiOptions['authorize'] = (request) =>
  ACTORS[request.headers.get('authorization') ?? ''] ?? null

export async function givenApi(
  more: Partial<ApiOptions> & {
    readonly contacts?: ContactDirectory
    readonly store?: Store
    readonly deliverTo?: string
  } = {},
): Promise<GivenApi> {
  const { contacts, store = createMemoryStore(), deliverTo = 'contacts', ...options } = more
  const clock = createSimulatedClock(MONDAY)
  const handlers = { email: () => ({ outcome: 'sent' }) as const }
  const engine = createEngine({ store, clock, handlers, deliverTo, ...(contacts === undefined ? {} : { contacts }) })
  onTestFinished(async () => {
    await engine.close()
    await store.close()
  })
  await engine.publish(pool)
  await engine.publish(garden)
  const errors: unknown[] = []
  const api = createApi({ engine, authorize, onError: (error) => errors.push(error), ...options })
  return { api, engine, store, clock, errors, send: senderTo(api) }
}

/** Sends to the function itself, or to a server by its address. */
export function senderTo(to: Api | string): GivenApi['send'] {
  return async (method, path, { as = 'writer', body, headers = {} } = {}) => {
    const isRaw = typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream
    const init = {
      method,
      headers: {
        ...(as === null ? {} : { authorization: as }),
        ...(method === 'GET' || method === 'HEAD' ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body) }),
      ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
    } as RequestInit
    const response =
      typeof to === 'string' ? await fetch(to + path, init) : await to(new Request(`http://localhost${path}`, init))
    const text = await response.text()
    const isJson = (response.headers.get('content-type') ?? '').includes('json')
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson && text !== '' ? JSON.parse(text) : undefined,
    }
  }
}
