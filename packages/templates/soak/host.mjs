/**
 * A program of a host, with what was generated for it: `node host.mjs FRAMEWORK FOLDER ENDING`. Starts a server with the
 * mount, signs a contact up, waits for the first mail, looks at the pages, and ends.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'

const [framework, folder, ending] = process.argv.slice(2)
const load = (name) => import(join(folder, `${name}.${ending}`))

const mailed = Promise.withResolvers()
const { log } = console
console.log = (text) => {
  log(text)
  if (text.startsWith('mail hello to ')) mailed.resolve()
}

/** @returns the address of the server, and how it ends */
const starts = {
  async express() {
    const { default: express } = await import('express')
    const app = express()
    const { mountEnfold } = await load('enfold/mount')
    mountEnfold(app)
    return served(createServer(app))
  },
  async none() {
    const { takenByEnfold } = await load('enfold/mount')
    return served(
      createServer((request, response) => {
        if (!takenByEnfold(request, response)) response.writeHead(404).end()
      }),
    )
  },
  async fastify() {
    const { default: fastify } = await import('fastify')
    const app = fastify()
    const { mountEnfold } = await load('enfold/mount')
    mountEnfold(app)
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })
    return { origin, close: () => app.close() }
  },
  async hono() {
    const { Hono } = await import('hono')
    const { getRequestListener } = await import('@hono/node-server')
    const app = new Hono()
    const { mountEnfold } = await load('enfold/mount')
    mountEnfold(app)
    return served(createServer(getRequestListener(app.fetch)))
  },
  async next() {
    const { getRequestListener } = await import('@hono/node-server')
    const { GET } = await load('app/enfold/[...path]/route')
    const handle = (request) => (new URL(request.url).pathname.startsWith('/enfold/') ? GET(request) : notFound())
    return served(createServer(getRequestListener(handle)))
  },
  async nest() {
    await import('reflect-metadata')
    const { NestFactory } = await import('@nestjs/core')
    const { enfoldModule } = await load('enfold/enfold.module')
    class Application {}
    const app = await NestFactory.create({ module: Application, imports: [enfoldModule] }, { logger: false })
    await app.listen(0, '127.0.0.1')
    return { origin: await app.getUrl(), close: () => app.close() }
  },
}

const notFound = () => new Response(null, { status: 404 })

async function served(server) {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() }
}

const host = await starts[framework]()
/** The others begin and end their worker by themselves. */
const hasWorker = framework !== 'nest' && framework !== 'fastify'
if (hasWorker) await (await load('enfold/worker')).ready
const { signedUp } = await load('enfold/enroll')
const contactId = `contact-${process.pid}`
if (signedUp.length === 1) await signedUp(contactId)
else {
  const { Client } = await import('pg')
  const client = new Client({ connectionString: process.env.DATABASE_URL })
  await client.connect()
  await client.query('BEGIN')
  await signedUp(client, contactId)
  await client.query('COMMIT')
  await client.end()
}
await mailed.promise
const statusOf = async (path) => (await fetch(host.origin + path)).status
deepEqual(await Promise.all(['/enfold/console', '/enfold/api/contacts/ada', '/other'].map(statusOf)), [401, 401, 404])
process.env.ENFOLD_OPEN = 'to-everybody'
deepEqual(await Promise.all(['/enfold/console', `/enfold/api/contacts/${contactId}`].map(statusOf)), [200, 200])
await host.close()
if (hasWorker) process.kill(process.pid, 'SIGTERM')
process.once('exit', (status) => equal(status, 0))
