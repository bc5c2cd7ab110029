import 'reflect-metadata'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Api } from '@enfold/http'
import { HOSTILE_IDS } from '@enfold/testkit'
import { Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import express from 'express'
import { describe, expect, it, onTestFinished } from 'vitest'
import { givenApi, senderTo } from './api.fixture.ts'
import { toNodeHandler } from './node-handler.ts'
import { pathSegment } from './path.ts'

function portOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return portOf(server)
}

const BASE = '/api/enfold'

/** How the API is mounted at its base. */
const HOSTS: { readonly [name: string]: (api: Api) => Promise<string> } = {
  'node:http': (api) => listening(createServer(toNodeHandler(api))),
  Express(api) {
    const app = express()
    app.use(BASE, toNodeHandler(api))
    return listening(createServer(app))
  },
  async NestJS(api) {
    class App {}
    Module({})(App)
    const app = await NestFactory.create(App, { logger: false })
    app.use(BASE, toNodeHandler(api))
    await app.listen(0, '127.0.0.1')
    onTestFinished(() => app.close())
    return portOf(app.getHttpServer())
  },
}

/** The path as it stands, where `fetch` would tidy it up. */
function rawStatus(origin: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(origin)
    request({ hostname, port, path, headers: { authorization: 'writer', connection: 'close' } }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
      .on('error', reject)
      .end()
  })
}

async function givenOn(serve: (api: Api) => Promise<string>) {
  const given = await givenApi({ basePath: BASE, maxBodyBytes: 10_000 })
  const origin = await serve(given.api)
  return { ...given, origin, send: senderTo(`${origin}${BASE}`) }
}

describe.each(Object.entries(HOSTS))('mounted in %s', (_, serve) => {
  const given = () => givenOn(serve)

  it('the mounted API responds as it does by itself', async () => {
    const { send } = await given()
    const start = '/contacts/ann/sequences/pool/nurture/start'
    expect(await send('POST', start, { as: null })).toMatchObject({ status: 401 })
    expect(await send('POST', start, { as: 'reader' })).toMatchObject({ status: 403 })
    expect(await send('POST', start, { body: { reason: 'on the phone' } })).toMatchObject({
      status: 200,
      body: { outcome: 'started' },
    })
    expect(await send('POST', start)).toMatchObject({ status: 200, body: { outcome: 'already_active' } })
    const etag = (await send('GET', '/contacts/ann')).headers.get('etag') as string
    expect(await send('GET', '/contacts/ann', { headers: { 'if-none-match': etag } })).toMatchObject({ status: 304 })
    expect(await send('GET', '/openapi.json')).toMatchObject({ status: 200, body: { openapi: '3.1.0' } })
  })

  it('LOG-6: any id comes through', async () => {
    const { send } = await given()
    for (const id of [...HOSTILE_IDS, '.', '..', '%2e%2e', 'a?b#c']) {
      const contact = `/contacts/${pathSegment(id)}`
      expect((await send('POST', `${contact}/sequences/pool/nurture/start`)).body).toMatchObject({ outcome: 'started' })
      expect((await send('GET', contact)).body).toMatchObject({ contactId: id, version: 1 })
    }
  })

  it('wrong input is the sender’s, and the server lives on', async () => {
    const { send, origin, errors } = await given()
    for (const body of ['{', '{"__proto__":{"reason":"x"}}', 'null'])
      expect((await send('POST', '/contacts/ann/sequences/pool/nurture/start', { body })).status).toBe(400)
    expect((await send('POST', '/signals', { body: ' '.repeat(20_000) })).status).toBe(413)
    const paths = ['/../../etc/passwd', '/%2e%2e/x', '/contacts/%ff', '//', '/%'].map((path) => BASE + path)
    for (const path of paths) expect([400, 404]).toContain(await rawStatus(origin, path))
    expect(errors).toEqual([])
    expect((await send('GET', '/health')).status).toBe(200)
  })

  it('BULK-1: a CSV streams in, progress and results stream out', async () => {
    const { send } = await given()
    const csv = Array.from({ length: 3000 }, (_, i) => `contact-${i}\n`).join('')
    const path = '/actions/csv?action=start&campaignId=pool&sequenceId=nurture&actionId=fair'
    expect((await send('POST', path, { body: csv, headers: { 'content-type': 'text/csv' } })).status).toBe(202)
    const progress = await send('GET', '/actions/fair/progress')
    expect(progress.headers.get('content-type')).toBe('text/event-stream')
    expect(progress.text.trimEnd().split('\n').at(-1)).toContain('"state":"done"')
    expect((await send('GET', '/actions/fair/results.csv')).text.trimEnd().split('\n')).toHaveLength(3001)
  })
})

it('a body that parsers of the host have read arrives as it was sent', async () => {
  const { send, engine } = await givenOn((api) => {
    const app = express()
    app.use(express.json({ type: ['application/json', 'application/*+json'] }), express.urlencoded({ extended: true }))
    app.use(express.text({ type: 'text/csv' }), express.raw({ type: 'application/octet-stream' }))
    app.use(BASE, toNodeHandler(api))
    return listening(createServer(app))
  })
  const path = '/contacts/ann/sequences/pool/nurture/start'
  expect(await send('POST', path, { body: { reason: 'on the phone' } })).toMatchObject({ status: 200 })
  const [started] = await engine.inspect.history('ann')
  expect(started).toMatchObject({ cause: { reason: 'on the phone' } })
  const csv = { body: 'bob\ncid\n', headers: { 'content-type': 'text/csv' } }
  const action = '/actions/csv?action=start&campaignId=pool&sequenceId=nurture&actionId=two'
  expect((await send('POST', action, csv)).status).toBe(202)
  expect((await send('GET', '/actions/two/progress')).text).toContain('"contacts":2')
})

it('a form that a parser has read is sent on with every field of its lists', async () => {
  const app = express()
  app.use(express.urlencoded({ extended: true }))
  const seen: string[] = []
  const handler = toNodeHandler(async (request) => {
    seen.push(`${new URL(request.url).pathname} ${await request.text()}`)
    return new Response('fine')
  })
  app.use('/staff', handler)
  const origin = await listening(createServer(app))
  const body = new URLSearchParams([
    ['contact', 'ann & bob'],
    ['contact', 'cid'],
    ['a[b]', '1'],
    ['empty', ''],
  ])
  await (await fetch(`${origin}/staff/pages`, { method: 'POST', body })).text()
  expect(seen).toEqual([`/staff/pages ${body}`])
})
