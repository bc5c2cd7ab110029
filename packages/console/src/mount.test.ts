/** The console in the servers that hosts have, as the guide mounts it: pages, assets and orders arrive as by itself. */
import 'reflect-metadata'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from '@enfold/http'
import { Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import type { NestExpressApplication } from '@nestjs/platform-express'
import express from 'express'
import fastify from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { BASE, consoleOf, givenWorld, type World } from './console.fixture.ts'

async function listening(server: Server): Promise<string> {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function inExpress(version: typeof express, world: World): Promise<string> {
  const app = version()
  app.use(BASE, toNodeHandler(consoleOf(world)))
  app.use(version.urlencoded({ extended: false }))
  return listening(createServer(app))
}

const require = createRequire(import.meta.url)
/** Its types are those of Express 5, as far as they are used here. */
const express4 = require('express-4') as typeof express

const hosts: readonly [name: string, start: (world: World) => Promise<string>][] = [
  ['node:http', (world) => listening(createServer(toNodeHandler(consoleOf(world))))],
  ['Express 5', (world) => inExpress(express, world)],
  ['Express 4', (world) => inExpress(express4, world)],
  [
    'NestJS',
    async (world) => {
      class App {}
      Module({})(App)
      const app = await NestFactory.create<NestExpressApplication>(App, { logger: false })
      app.use(BASE, toNodeHandler(consoleOf(world)))
      await app.listen(0, '127.0.0.1')
      onTestFinished(() => app.close())
      return `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`
    },
  ],
  [
    'Fastify',
    async (world) => {
      const listener = toNodeHandler(consoleOf(world))
      const app = fastify()
      app.register(async (plugin) => {
        plugin.removeAllContentTypeParsers()
        plugin.addContentTypeParser('*', (_request, _payload, done) => done(null))
        for (const path of [BASE, `${BASE}/*`])
          plugin.all(path, (request, reply) => {
            reply.hijack()
            listener(request.raw, reply.raw)
          })
      })
      await app.ready()
      return listening(app.server)
    },
  ],
]

describe.each(hosts)('in %s', (_, start) => {
  it('pages, assets and orders', async () => {
    const world = await givenWorld()
    onTestFinished(() => world.close())
    const origin = await start(world)
    const headers = { 'x-actor': 'writer' }
    const home = await fetch(origin + BASE, { headers })
    const text = await home.text()
    expect([home.status, text.includes('Quick search')]).toEqual([200, true])
    for (const [, asset] of text.matchAll(/(?:href|src)="([^"]*\/assets\/[^"]*)"/g))
      expect((await fetch(origin + asset, { headers })).status).toBe(200)

    const path = `${BASE}/contacts/a%2Fb/order`
    const page = await fetch(`${origin}${path}?do=start&in=garden/tips`, { headers })
    const token = /name="token" value="([^"]+)"/.exec(await page.text())?.[1] ?? ''
    const cookie = page.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    const form = { token, do: 'start', in: 'garden/tips', reason: 'x', commandId: 'c' }
    const ordered = await fetch(origin + path, {
      ...{ method: 'POST', body: new URLSearchParams(form), redirect: 'manual' },
      headers: { ...headers, cookie, origin },
    })
    const location = ordered.headers.get('location') ?? ''
    expect([ordered.status, location.split('&')[0]]).toEqual([303, `${BASE}/contacts/a%2Fb?did=started`])
    const after = await fetch(origin + location, { headers: { ...headers, cookie } })
    expect(await after.text()).toContain('Started from its first step.')
    expect((await world.engine.inspect.history('a/b')).length).toBe(1)
    expect((await fetch(origin + BASE)).status).toBe(401)
  })
})
