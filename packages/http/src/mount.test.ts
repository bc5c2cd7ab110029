import 'reflect-metadata'
import { createServer, type RequestListener, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Api } from '@enfold/http'
import { HOSTILE_IDS } from '@enfold/testkit'
import { getRequestListener } from '@hono/node-server'
import { Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import express from 'express'
import Fastify from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { givenApi, senderTo } from './api.fixture.ts'
import { pathSegment } from './path.ts'

/** The API for servers of node:http. Without `overrideGlobalObjects`, the host's own `Request` stays as it is. */
const listenerOf = (api: Api): RequestListener => getRequestListener(api, { overrideGlobalObjects: false })

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

/** How the API is mounted at /api/enfold, and whether paths arrive there with that base. */
const HOSTS: { readonly [name: string]: { readonly basePath: string; serve(api: Api): Promise<string> } } = {
  'node:http': {
    basePath: '/api/enfold',
    serve: (api) => listening(createServer(listenerOf(api))),
  },
  Express: {
    basePath: '',
    serve(api) {
      const app = express()
      app.use('/api/enfold', listenerOf(api))
      // Parsers of the host come after it: the API reads its bodies itself.
      app.use(express.json())
      return listening(createServer(app))
    },
  },
  Fastify: {
    basePath: '/api/enfold',
    async serve(api) {
      const app = Fastify()
      const listener = listenerOf(api)
      await app.register(
        async (scope) => {
          // Bodies are left unread, for the API.
          scope.removeAllContentTypeParsers()
          scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
          scope.all('/*', (incoming, reply) => {
            reply.hijack()
            listener(incoming.raw, reply.raw)
          })
        },
        { prefix: '/api/enfold' },
      )
      onTestFinished(() => app.close())
      return await app.listen({ port: 0, host: '127.0.0.1' })
    },
  },
  NestJS: {
    basePath: '',
    async serve(api) {
      class App {}
      Module({})(App)
      const app = await NestFactory.create(App, { logger: false })
      app.use('/api/enfold', listenerOf(api))
      await app.listen(0, '127.0.0.1')
      onTestFinished(() => app.close())
      return portOf(app.getHttpServer())
    },
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

describe.each(Object.entries(HOSTS))('mounted in %s', (_, { basePath, serve }) => {
  async function given() {
    const given = await givenApi({ basePath, maxBodyBytes: 10_000 })
    const origin = await serve(given.api)
    return { ...given, origin, send: senderTo(`${origin}/api/enfold`) }
  }

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
    const base = '/api/enfold'
    for (const path of [
      `${base}/../../etc/passwd`,
      `${base}/%2e%2e/x`,
      `${base}/contacts/%ff`,
      `${base}//`,
      `${base}/%`,
    ])
      expect([400, 404]).toContain(await rawStatus(origin, path))
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
