/** For tests and pictures: an engine with two campaigns and some weeks of history, actors by a header, forms in a word. */
import {
  type CampaignDefinition,
  type ContactDirectory,
  campaign,
  type Facts,
  type StepCall,
  type Store,
} from '@enfold/core'
import { createEngine, type Engine } from '@enfold/engine'
import type { Principal } from '@enfold/http'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock, type SimulatedClock } from '@enfold/testkit'
import { type Console, type ConsoleOptions, createConsoleWith, type Extension } from './console.ts'
import { proofOf, tokenOf } from './guard.ts'

export const MONDAY = '2026-03-02T09:00:00.000Z'
export const BASE = '/crm/enfold'

export const pool: CampaignDefinition = campaign({
  id: 'pool',
  name: '7 Mistakes Pool Owners Make',
  timeZone: 'Europe/Berlin',
  goals: [
    {
      id: 'asked',
      name: 'Asked for the guide',
      when: { kind: 'form-submitted', match: { form: 'guide' } },
      next: ['nurture'],
    },
    {
      id: 'bought',
      name: 'Bought the robot',
      when: { kind: 'purchased' },
      achievableBy: 'members',
      next: [
        { to: 'vip', if: { field: 'spend', atLeast: 1000 } },
        { to: 'welcome', otherwise: true },
      ],
    },
    { id: 'left', name: 'Wants no more mail', when: { kind: 'tag-applied', match: { tag: 'stop' } }, next: [] },
  ],
  sequences: [
    {
      id: 'nurture',
      name: 'Seven mistakes',
      steps: [
        { id: 'mistake-1', kind: 'email' },
        { id: 'mistake-2', kind: 'email', timer: { afterDays: 2, at: '08:00' } },
        { id: 'mistake-3', kind: 'email', timer: { afterDays: 3, at: '08:00' } },
        { id: 'mistake-4', kind: 'email', timer: { afterWeekdays: 4, at: '08:00' } },
      ],
      next: ['bought', 'left'],
    },
    {
      id: 'vip',
      name: 'A word from the owner',
      steps: [{ id: 'letter', kind: 'letter', onFailure: 'hold' }],
      next: ['welcome'],
    },
    {
      id: 'welcome',
      name: 'The first month with the robot',
      steps: [
        { id: 'hello', kind: 'email' },
        { id: 'first-month', kind: 'email', timer: { after: 'P30D' } },
      ],
    },
  ],
})

export const garden: CampaignDefinition = campaign({
  id: 'garden',
  name: 'Garden tips',
  goals: [{ id: 'asked', when: { kind: 'form-submitted', match: { form: 'garden' } }, next: ['tips'] }],
  sequences: [{ id: 'tips', steps: [{ id: 'one', kind: 'email', timer: { after: 'P7D' } }] }],
})

/** Who sends a request says so in the header `x-actor`. */
export const ACTORS: { readonly [name: string]: Principal } = {
  writer: { id: 'wanda', may: 'write' },
  reader: { id: 'rita', may: 'read' },
  starter: { id: 'stan', may: ['start', 'stop'] },
  gardener: { id: 'gil', may: 'write', campaigns: ['garden'] },
}

export const authorize: ConsoleOptions['authorize'] = (request) => ACTORS[request.headers.get('x-actor') ?? ''] ?? null

export interface World {
  readonly engine: Engine
  readonly clock: SimulatedClock
  readonly store: Store
  readonly names: Map<string, string>
  /** What handlers were called for, in order. */
  readonly sent: StepCall[]
  close(): Promise<void>
}

const FIRST = ['Ada', 'Bilal', 'Chloé', 'Dario', 'Elif', 'Femi', 'Grace', 'Hana', 'Ivo', 'Jun', 'Kofi', 'Lena']
const LAST = ['Nguyen', 'Okafor', 'Bauer', 'Rossi', 'Silva']
const ZONES = ['Europe/Berlin', 'America/Chicago', 'Asia/Kolkata']

/** @param weeks how long contacts have been asking and buying before the test begins; 0: nothing happened yet */
export async function givenWorld({ weeks = 0, definitions = [pool, garden] } = {}): Promise<World> {
  const clock = createSimulatedClock(MONDAY)
  const store = createMemoryStore()
  const names = new Map(Array.from({ length: 60 }, (_, i) => [`c-${100 + i}`, `${FIRST[i % 12]} ${LAST[i % 5]}`]))
  const sent: StepCall[] = []
  const directory: ContactDirectory = {
    get(id): Facts {
      if (id === 'mars') return { timeZone: 'Mars/Olympus' }
      const i = Number(id.slice(2))
      return Number.isInteger(i) ? { timeZone: ZONES[i % 3] as string, fields: { spend: (i % 7) * 300 } } : {}
    },
    search(query, { after, limit }) {
      const found = [...names].flatMap(([id, name]) =>
        `${id} ${name}`.toLowerCase().includes(query.toLowerCase()) ? [id] : [],
      )
      const page = found.slice(after === null ? 0 : found.indexOf(after) + 1).slice(0, limit)
      return Promise.resolve({ contacts: page, next: page.at(-1) === found.at(-1) ? null : (page.at(-1) ?? null) })
    },
  }
  const handlers = {
    email: (call: StepCall) => {
      sent.push(call)
      return { outcome: 'sent' } as const
    },
    letter: () => ({ outcome: 'failed', reason: 'printer-jammed', permanent: true }) as const,
  }
  const engine = createEngine({ store, clock, handlers, contacts: directory })
  for (const definition of definitions) await engine.publish(definition, { actor: 'wanda' })
  const ids = [...names.keys()]
  for (let day = 0; day < weeks * 7; day++) {
    for (let i = day % 5; i < ids.length; i += 11) {
      const contactId = ids[(i + day) % ids.length] as string
      const hour = { kind: 'form-submitted', data: { form: day % 4 === 0 ? 'garden' : 'guide' } }
      await engine.signal({ contactId, ...(i % 5 === 0 ? { kind: 'purchased' } : hour) })
    }
    for (let hour = 0; hour < 24; hour += 6) {
      clock.advance('PT6H')
      await engine.runDue()
    }
  }
  sent.length = 0
  return {
    ...{ engine, clock, store, names, sent },
    async close() {
      await engine.close()
      await store.close()
    },
  }
}

export function consoleOf(
  { engine, names }: World,
  more: Partial<ConsoleOptions> = {},
  extension: Extension = { routes: [], parts: [] },
): Console {
  const options = { engine, authorize, secret: SECRET, basePath: BASE, describe: (id: string) => names.get(id) ?? null }
  return createConsoleWith({ ...options, ...more }, extension)
}

export interface SendOptions {
  /** A name of `ACTORS`; `null` for nobody. Default: the writer. */
  readonly as?: string | null
  /** Makes it a POST, as a form of the console would. */
  readonly form?: Readonly<Record<string, string | readonly string[]>> | URLSearchParams | undefined
  /** `null` takes one away that a browser would send. */
  readonly headers?: Readonly<Record<string, string | null>>
  readonly method?: string
  /** Where the console is mounted. Default: `BASE`. */
  readonly at?: string
  readonly body?: BodyInit
}

export const ORIGIN = 'http://crm.example'
const FROM_A_FORM = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' }
const COOKIE = 'a-cookie-of-this-browser'
export const SECRET = 'the-key-of-the-console-of-the-tests'

/** What a browser would send that has the page open: its cookie, the token of the form, and where it comes from. */
export async function send(pages: Console, path: string, options: SendOptions = {}) {
  const { as = 'writer', at = BASE, body, form, headers = {}, method = form === undefined ? 'GET' : 'POST' } = options
  const actor = ACTORS[as ?? '']?.id ?? ''
  const fields = new URLSearchParams({ token: await tokenOf(SECRET, COOKIE, actor) })
  for (const [name, value] of form instanceof URLSearchParams ? form : Object.entries(form ?? {}))
    for (const one of typeof value === 'string' ? [value] : value) fields.append(name, one)
  const all = {
    ...(as === null ? {} : { 'x-actor': as }),
    cookie: `enfold-console=${COOKIE}`,
    ...(method === 'GET' ? {} : { ...FROM_A_FORM, origin: ORIGIN }),
    ...headers,
  }
  const sent = Object.entries(all).flatMap(([name, value]): [string, string][] =>
    value === null ? [] : [[name, value]],
  )
  const response = await pages(
    new Request(`${ORIGIN}${at}${path}`, {
      method,
      headers: sent,
      ...(method === 'GET' || method === 'HEAD' ? {} : { body: body ?? String(fields) }),
    }),
  )
  return { status: response.status, headers: response.headers, text: await response.text() }
}

/** What an order's answer leads to: the contact's page, which says what was done. */
export async function pathAfter(contactId: string, outcome: string, as = 'writer'): Promise<string> {
  const token = await tokenOf(SECRET, COOKIE, ACTORS[as]?.id ?? '')
  return `/contacts/${contactId}?did=${outcome}&proof=${await proofOf(token, contactId, outcome)}`
}

/** The action, when nothing is left to be done of it. */
export async function overOf({ engine }: World, actionId: string) {
  for (;;) {
    const action = await engine.inspect.action(actionId)
    if (action?.state === 'done' || action?.state === 'cancelled') return action
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
