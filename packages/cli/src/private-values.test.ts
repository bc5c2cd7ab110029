/**
 * An address is planted in every place where a host or a handler can write, and looked for wherever Enfold writes or
 * answers, before an erasure and after it. What may be found is the list that `docs/guides/erase.md` gives (ERASE-1).
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createConsole } from '@enfold/console'
import { type CampaignDefinition, encodeEvent, type StepOutcome } from '@enfold/core'
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
import { afterAll, beforeAll, expect, it } from 'vitest'

/** As `docs/guides/erase.md` lists them: what stays as it was given, until and after an erasure. */
const RECORDED = [
  'action-id',
  'actor',
  'campaign-name',
  'command-id',
  'fail-reason',
  'pattern-value',
  'read-field',
  'read-tag',
  'reason',
  'receipt',
  'signal-id',
  'skip-reason',
] as const
/** Where else it was written, and where nothing of it may be found. */
const NOWHERE = [
  'body-cut-short',
  'csv-cell',
  'directory-message',
  'directory-name',
  'error-code',
  'error-message',
  'error-name',
  'header',
  'private-date',
  'private-field',
  'signal-data',
  'time-zone',
  'unread-field',
  'unread-tag',
] as const
type Place = (typeof RECORDED | typeof NOWHERE)[number]
const isRecorded = (place: string) => (RECORDED as readonly string[]).includes(place)
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
              { any: [{ field: 'income', atLeast: 1 }, { tag: mark('read-tag') }] },
            ],
          },
        },
      ],
    },
  ],
  sequences: [
    {
      id: 'all',
      steps: [
        { id: 'sent', kind: 'sent' },
        { id: 'skipped', kind: 'skipped' },
        { id: 'failed', kind: 'failed' },
        { id: 'thrown', kind: 'thrown', maxAttempts: 1 },
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
    street: mark('unread-field'),
  },
}

async function given() {
  const path = join(folder, 'store.db')
  const store = createSqliteStore({ path })
  const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
  const lines: string[] = []
  const contacts = {
    get(id: string) {
      if (id !== 'c-down') return facts
      throw Object.assign(new Error(mark('directory-message')), { name: mark('directory-name') })
    },
  }
  const engine = createEngine({ store, clock, handlers, contacts, log: (line) => lines.push(line) })
  const authorize = () => ({ actor: 'olga', may: 'write' }) as const
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
  return { path, store, clock, lines, engine, api, pages, answerTo }
}
type Given = Awaited<ReturnType<typeof given>>

/** Writes each mark in its place. */
async function plant({ engine, clock, api, answerTo }: Given): Promise<readonly string[]> {
  await engine.publish(definition, { actor: mark('actor') })
  await engine.signal({
    contactId: 'c-1',
    kind: 'asked',
    data: { form: mark('pattern-value'), name: mark('signal-data') },
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
  for (let at = 0; at < 3000; at++) {
    if ((await engine.inspect.action(mark('action-id')))?.state === 'done') break
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const json = { 'content-type': 'application/json' }
  for (const body of [`{"name":${mark('body-cut-short')}`, `["${mark('body-cut-short')}",]`])
    answers.push(await answerTo(api, '/signals', { method: 'POST', headers: json, body }))
  await engine.startSequence({ ...order, contactId: 'c-down' }).catch(() => {})
  return answers
}

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
async function found({ path, store, engine, api, pages, answerTo, lines }: Given) {
  const files = readdirSync(folder).filter((name) => join(folder, name).startsWith(path))
  const database = files.map((name) => readFileSync(join(folder, name), 'latin1')).join('')
  let log = ''
  for await (const event of store.readAll(0)) log += encodeEvent(event)
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
    http: marksIn(http),
    console: marksIn(console),
    health: marksIn(JSON.stringify(await engine.health())),
    spans: marksIn(JSON.stringify(told)),
    metrics: marksIn(JSON.stringify(measured)),
    lines: marksIn(lines.join('\n')),
  }
}

it('ERASE-1, LOG-4: what a host writes is found where the guide says, before and after an erasure', async () => {
  const world = await given()
  const answers = await plant(world)
  expect(marksIn(answers.join('\n')).filter((place) => !isRecorded(place))).toEqual([])
  const check = async () => {
    const { database, log, http, console, ...elsewhere } = await found(world)
    expect(database).toEqual(RECORDED)
    // The record of an action is no event; its id stands in those of its contacts, if anything was done of them.
    expect(log).toEqual(RECORDED.filter((place) => place !== 'action-id' || log.includes(place)))
    for (const seen of [http, console]) expect(seen.filter((place) => !isRecorded(place))).toEqual([])
    expect(elsewhere).toEqual({ health: [], spans: [], metrics: [], lines: [] })
    // The proof looked where something is to be seen.
    expect(http).toEqual(expect.arrayContaining(['actor', 'reason', 'receipt', 'campaign-name', 'action-id']))
    expect(console).toEqual(expect.arrayContaining(['actor', 'reason', 'campaign-name', 'action-id']))
  }
  await check()
  expect(world.lines.join('\n')).toContain('threw')
  expect(spans.getFinishedSpans().some(({ events }) => events.length > 0)).toBe(true)
  const erased = await world.engine.erase({ contactId: 'c-1', actor: 'olga' })
  expect(erased).toMatchObject({ right: { outcome: 'erased' } })
  await check()
  await world.engine.close()
  await world.store.close()
})
