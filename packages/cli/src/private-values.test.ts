/**
 * An address is planted in every place where a host or a handler can write, and looked for wherever Enfold writes or
 * answers, before an erasure and after it. What may be found is the list that `docs/guides/erase.md` gives (ERASE-1).
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createConsole } from '@enfold/console'
import { type CampaignDefinition, HELD_VALUES, type HeldValues, orThrow, type StepOutcome } from '@enfold/core'
import { encodeEvent } from '@enfold/core/log'
import { createEngine } from '@enfold/engine'
import { createApi } from '@enfold/http'
import { createSqliteStore } from '@enfold/store-sqlite'
import { createSimulatedClock } from '@enfold/testkit'
import { metrics, trace } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { enfold } from './cli.fixture.ts'

/**
 * Each place, and where the guide speaks of it: in the row that `erase` counts as this kind; in the row of what the
 * definition holds; in the list of what stands outside the events; `null`: nothing of it may be found anywhere.
 */
const PLACES = {
  'action-id': 'actionIds',
  'action-reason': 'outside',
  actor: 'actors',
  'body-cut-short': null,
  'campaign-name': 'definition',
  'command-id': 'commandIds',
  'csv-cell': null,
  'directory-message': null,
  'directory-name': null,
  'error-code': null,
  'error-message': null,
  'error-name': null,
  'fail-reason': 'handlerReasons',
  header: null,
  'kept-value': 'signalValues',
  key: 'keys',
  path: null,
  'pattern-value': 'definition',
  'private-date': null,
  'private-field': null,
  'private-kept': null,
  'private-test': 'tests',
  query: null,
  'read-date': 'dates',
  'read-field': 'fields',
  'read-tag': 'tags',
  reason: 'reasons',
  receipt: 'receipts',
  'search-text': null,
  'signal-data': null,
  'signal-id': 'signalIds',
  'skip-reason': 'handlerReasons',
  'time-zone': null,
  'unread-field': null,
  'unread-tag': null,
  variable: 'variables',
} as const satisfies { readonly [place: string]: keyof HeldValues | 'definition' | 'outside' | null }
type Place = keyof typeof PLACES

/** What `erase` counts, and no mark can be: digits of a digest, cleaned names of zones, what only an import brings. */
const UNMARKED: readonly string[] = ['dataDigests', 'deliverTo', 'extensions', 'timeZones', 'traces']

const GUIDE = readFileSync(join(import.meta.dirname, '../../../docs/guides/erase.md'), 'utf8')
const sectionUnder = (heading: string) => GUIDE.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
/** The rows of the guide's table of what an event can hold, each as its cells: how it is counted, and what it is. */
const IN_EVENTS = sectionUnder('What an event can hold of a person')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(1)
  .map((row) => row.split(' | ').map((cell) => cell.replace(/^\| | ?\|$/g, '').trim()))
/** The kinds of `HeldValues` that the guide names. */
const NAMED = IN_EVENTS.flatMap(([counted = '']) => [...counted.matchAll(/`(\w+)`/g)].map(([, kind = '']) => kind))
const isNamed = (where: string) =>
  where === 'definition'
    ? IN_EVENTS.some(([counted, held]) => counted === 'not counted' && held?.startsWith("a campaign's names"))
    : where === 'outside'
      ? sectionUnder("Outside the contact's events").includes('the `reason` and `actor` of the action')
      : NAMED.includes(where)

/** What stays as it was given, until and after an erasure, by the guide's own word. */
const RECORDED = Object.entries(PLACES).flatMap(([place, where]) => (where !== null && isNamed(where) ? [place] : []))
const isRecorded = (place: string) => RECORDED.includes(place)
const mark = (place: Place) => `0${place}@people.example`
/** In texts and in addresses of pages. */
const MARKS = /0([a-z-]+)(?:@|%40)people\.example/g
const marksIn = (text: string) => [...new Set([...text.matchAll(MARKS)].map(([, place]) => place as string))].toSorted()

const folder = mkdtempSync(join(tmpdir(), 'enfold-private-'))
const spans = new InMemorySpanExporter()
const readings = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const reader = new PeriodicExportingMetricReader({ exporter: readings, exportIntervalMillis: 3_600_000 })
beforeAll(() => {
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }))
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
})
afterAll(async () => {
  await reader.shutdown()
  trace.disable()
  metrics.disable()
  rmSync(folder, { recursive: true, force: true })
})

const definition: CampaignDefinition = {
  id: 'pool',
  name: mark('campaign-name'),
  fields: { income: { private: true }, born: { private: true } },
  signals: { asked: { keep: ['shirt'], private: ['coupon'] } },
  goals: [
    {
      id: 'asked',
      when: { kind: 'asked', match: { form: mark('pattern-value') } },
      next: [
        {
          to: 'all',
          if: {
            all: [
              { tag: mark('read-tag') },
              { field: 'city', equals: mark('read-field') },
              { any: [{ field: 'income', in: [mark('private-test')] }, { tag: mark('read-tag') }] },
            ],
          },
        },
        'about',
      ],
    },
  ],
  sequences: [
    {
      id: 'about',
      vars: { order: { data: 'order' }, note: { data: 'note' } },
      per: 'order',
      steps: [{ id: 'later', kind: 'sent', timer: { afterDays: 30, at: '09:00' } }],
    },
    {
      id: 'all',
      steps: [
        { id: 'sent', kind: 'sent' },
        { id: 'skipped', kind: 'skipped' },
        { id: 'failed', kind: 'failed' },
        { id: 'thrown', kind: 'thrown', maxAttempts: 1 },
        { id: 'since', kind: 'sent', timer: { field: 'since', offsetDays: 0, at: '09:00', occurrence: 'exact' } },
        { id: 'born', kind: 'sent', timer: { field: 'born', offsetDays: 0, at: '09:00', occurrence: 'exact' } },
        { id: 'late', kind: 'sent', timer: { afterDays: 1, at: '09:00' } },
      ],
    },
  ],
}
const handlers: { readonly [kind: string]: () => StepOutcome } = {
  sent: () => ({ outcome: 'sent', receipt: mark('receipt') }),
  skipped: () => ({ outcome: 'skipped', reason: mark('skip-reason') }),
  failed: () => ({ outcome: 'failed', reason: mark('fail-reason'), permanent: true }),
  thrown() {
    throw Object.assign(new Error(mark('error-message')), { name: mark('error-name'), code: mark('error-code') })
  },
}
const facts = {
  timeZone: mark('time-zone'),
  tags: [mark('read-tag'), mark('unread-tag')],
  fields: {
    city: mark('read-field'),
    income: mark('private-field'),
    born: mark('private-date'),
    since: mark('read-date'),
    street: mark('unread-field'),
  },
}

/** What this process writes on its outputs from now on, the default `log` of the engine among it. */
function outputOfProcess(): () => string {
  const pieces: string[] = []
  const keep = (...given: unknown[]) => {
    pieces.push(given.map(String).join(' '))
    return true
  }
  const kept = [
    ...[process.stderr, process.stdout].map((stream) => vi.spyOn(stream, 'write').mockImplementation(keep as never)),
    ...(['debug', 'error', 'info', 'log', 'warn'] as const).map((name) =>
      vi.spyOn(console, name).mockImplementation(keep as never),
    ),
  ]
  onTestFinished(() => {
    for (const one of kept) one.mockRestore()
  })
  return () => pieces.join('\n')
}

async function given() {
  const path = join(folder, 'store.db')
  const store = createSqliteStore({ path })
  const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
  const written = outputOfProcess()
  const contacts = {
    search: async () => ({ contacts: ['c-3'], next: null }),
    get(id: string) {
      if (id !== 'c-down') return facts
      throw Object.assign(new Error(mark('directory-message')), { name: mark('directory-name') })
    },
  }
  const engine = createEngine({ store, clock, handlers, contacts })
  const authorize = () => ({ id: 'olga', may: 'write' }) as const
  const api = createApi({ engine, authorize })
  const pages = createConsole({
    engine,
    authorize,
    secret: 'the-key-of-the-console-of-the-tests',
    basePath: '/console',
  })
  const headers = { 'x-more': mark('header'), cookie: `more=${mark('header')}` }
  const answerTo = async (
    from: (request: Request) => Response | Promise<Response>,
    url: string,
    init: RequestInit = {},
  ) => {
    const all = { ...headers, ...(init.headers as Record<string, string> | undefined) }
    const answer = await from(new Request(`http://crm.example${url}`, { ...init, headers: all }))
    return `${JSON.stringify([...answer.headers])} ${await answer.text()}`
  }
  return { path, store, clock, written, engine, api, pages, answerTo }
}
type Given = Awaited<ReturnType<typeof given>>

/** Writes each mark in its place. */
async function plant({ engine, clock, api, pages, answerTo }: Given): Promise<readonly string[]> {
  orThrow(await engine.publish(definition, { actor: mark('actor') }))
  await engine.signal({
    contactId: 'c-1',
    kind: 'asked',
    data: {
      form: mark('pattern-value'),
      name: mark('signal-data'),
      shirt: mark('kept-value'),
      coupon: mark('private-kept'),
      order: mark('key'),
      note: mark('variable'),
    },
    signalId: mark('signal-id'),
    actor: mark('actor'),
  })
  await engine.runDue()
  clock.advance('PT1H')
  await engine.runDue()
  const order = { campaignId: 'pool', sequenceId: 'all', actor: mark('actor') }
  await engine.pauseSequence({ ...order, contactId: 'c-1', commandId: mark('command-id'), reason: mark('reason') })
  const answers: string[] = []
  const csv = { 'content-type': 'text/csv' }
  const list = `contactId,email\nc-2,${mark('csv-cell')}\nc-down,${mark('csv-cell')}\n`
  const action = `action=start&campaignId=pool&sequenceId=all&actionId=${encodeURIComponent(mark('action-id'))}`
  answers.push(await answerTo(api, `/actions/csv?${action}`, { method: 'POST', headers: csv, body: list }))
  const isDone = async () => (await engine.inspect.action(mark('action-id')))?.state === 'done'
  await expect.poll(isDone).toBe(true)
  await engine.processAction({
    ...{ action: 'stop', actionId: 'found', campaignId: 'pool', sequenceId: 'all', actor: mark('actor') },
    ...{ contacts: { search: mark('search-text') }, reason: mark('action-reason') },
  })
  const json = { 'content-type': 'application/json' }
  for (const body of [`{"name":${mark('body-cut-short')}`, `["${mark('body-cut-short')}",]`])
    answers.push(await answerTo(api, '/signals', { method: 'POST', headers: json, body }))
  await engine.startSequence({ ...order, contactId: 'c-down' }).catch(() => {})
  for (const path of NO_PATHS) answers.push(await answerTo(api, path))
  // These repeat what was asked for to the one who asked, and to nobody else.
  for (const path of [...NO_PATHS, ...ECHOES]) {
    await answerTo(api, path)
    await answerTo(pages, `/console${path}`)
  }
  return answers
}

/** Addresses that there are not, and some that ask for what there is not. */
const NO_PATHS = [`/nothing/${mark('path')}`, `/${mark('path')}`, `/contacts/c-1/${mark('path')}`]
const ECHOES = [
  ...['', '/history', '/sequences', '/upcoming'].map((part) => `/contacts/${mark('path')}${part}`),
  ...[`/campaigns/${mark('path')}`, `/actions/${mark('path')}`, `/contacts/c-1/history/${mark('path')}/explain`],
  ...[`/contacts?text=${mark('query')}`, `/search?text=${mark('query')}`, `/contacts/c-1?more=${mark('query')}`],
]

const CONTACT = '/contacts/c-1'
const ACTION = `/actions/${encodeURIComponent(mark('action-id'))}`
const QUESTIONS = [
  ...['', '/history', '/sequences', '/upcoming'].map((part) => `${CONTACT}${part}`),
  ...['/contacts/c-down', '/contacts/c-down/upcoming', '/upcoming', '/overdue', '/attention', '/health'],
  ...['/campaigns', '/campaigns/pool', '/campaigns/pool/counts', '/campaigns/pool/sequences/all/contacts'],
  ...['/actions', ACTION, `${ACTION}/contacts`, `${ACTION}/results.csv`],
]
const PAGES = [
  ...['/now', '/attention', '/audit', '/campaigns', '/campaigns/pool', '/campaigns/pool?node=all'],
  ...[CONTACT, '/contacts/c-down', '/search?text=', '/search?text=c', '/actions', ACTION, `${ACTION}/results.csv`],
]

/** What is found where. */
async function found({ path, store, engine, api, pages, answerTo, written }: Given) {
  const files = readdirSync(folder).filter((name) => join(folder, name).startsWith(path))
  const database = files.map((name) => readFileSync(join(folder, name), 'latin1')).join('')
  let log = ''
  for await (const event of store.readAll(0)) log += encodeEvent(event)
  const exported = await enfold(['export', `sqlite:${path}`])
  expect(exported.status).toBe(0)
  const asked = await Promise.all(
    [['history', 'c-1'], ['state', 'c-1'], ['verify'], ['stats'], ['history', 'c-down']].map(([command = '', ...of]) =>
      enfold([command, ...of, `sqlite:${path}`]),
    ),
  )
  let [http, console] = ['', '']
  for (const question of QUESTIONS) http += await answerTo(api, question)
  for (const page of PAGES) console += await answerTo(pages, `/console${page}`)
  await reader.forceFlush()
  const told = spans
    .getFinishedSpans()
    .map(({ name, attributes, events, status }) => ({ name, attributes, events, status }))
  const measured = readings.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.map((scope) => scope.metrics))
  return {
    database: marksIn(database),
    log: marksIn(log),
    exported: marksIn(exported.stdout),
    cli: marksIn(asked.map(({ stdout, stderr }) => stdout + stderr).join('\n')),
    cliErrors: marksIn(exported.stderr),
    http: marksIn(http),
    console: marksIn(console),
    health: marksIn(JSON.stringify(await engine.health())),
    spans: marksIn(JSON.stringify(told)),
    metrics: marksIn(JSON.stringify(measured)),
    written: marksIn(written()),
  }
}

/** In the records of actions; the id is also in the events of contacts that the action changed. */
const OF_ACTIONS: readonly string[] = ['action-id', 'action-reason']

it('ERASE-1: the guide names each kind of value that erase counts, and each kind that is planted here', () => {
  expect(NAMED.toSorted()).toEqual(HELD_VALUES.toSorted())
  for (const [place, where] of Object.entries(PLACES))
    expect([place, where === null || isNamed(where)]).toEqual([place, true])
  const planted: readonly string[] = Object.values(PLACES).flatMap((where) => where ?? [])
  expect(HELD_VALUES.filter((kind) => !planted.includes(kind)).toSorted()).toEqual([...UNMARKED].toSorted())
})

it('ERASE-1, LOG-4: what a host writes is found where the guide says, before and after an erasure', async () => {
  const world = await given()
  const answers = await plant(world)
  expect(marksIn(answers.join('\n')).filter((place) => !isRecorded(place))).toEqual([])
  const check = async () => {
    const { database, log, exported, http, console, cli, ...elsewhere } = await found(world)
    expect(database).toEqual(RECORDED)
    // The record of an action is no event; its id stands in those of its contacts, if anything was done of them.
    expect(log).toEqual(RECORDED.filter((place) => !OF_ACTIONS.includes(place) || log.includes(place)))
    expect(exported).toEqual(log)
    for (const seen of [http, console, cli]) expect(seen.filter((place) => !isRecorded(place))).toEqual([])
    expect(elsewhere).toEqual({ health: [], spans: [], metrics: [], written: [], cliErrors: [] })
    // The proof looked where something is to be seen.
    expect(http).toEqual(expect.arrayContaining(['actor', 'reason', 'receipt', 'campaign-name', 'action-id']))
    expect(console).toEqual(expect.arrayContaining(['actor', 'reason', 'campaign-name', 'action-id']))
  }
  await check()
  expect(world.written()).toContain('threw')
  expect(spans.getFinishedSpans().some(({ events }) => events.length > 0)).toBe(true)
  const erased = orThrow(await world.engine.erase({ contactId: 'c-1', actor: 'olga' }))
  expect(erased.outcome).toBe('erased')
  // What is counted is what was found, and what the guide names.
  const counted = HELD_VALUES.filter((kind) => erased.holds[kind] > 0 && !UNMARKED.includes(kind))
  const planted = new Set<string | null>(
    Object.entries(PLACES).flatMap(([place, where]) => (OF_ACTIONS.includes(place) ? [] : where)),
  )
  expect(counted.toSorted()).toEqual(NAMED.filter((kind) => planted.has(kind)).toSorted())
  await check()
  await world.engine.close()
  await world.store.close()
})
