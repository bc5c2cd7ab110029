/** The console of the command line, as a process of its own on a real file. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createEngine } from '@enfold/engine'
import { createSqliteStore } from '@enfold/store-sqlite'
import { forkFakeServer } from '@enfold/test-servers/eventstoredb'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { enfold } from './cli.fixture.ts'

const folder = mkdtempSync(join(tmpdir(), 'enfold-console-'))
const path = join(folder, 'store.db')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

beforeAll(async () => {
  const store = createSqliteStore({ path })
  const engine = createEngine({ store, handlers: {} })
  await engine.publish({ id: 'pool', goals: [], sequences: [{ id: 'nurture', steps: [{ id: 'one', kind: 'email' }] }] })
  await engine.startSequence({ contactId: 'ada', campaignId: 'pool', sequenceId: 'nurture', actor: 'wanda' })
  await engine.close()
  await store.close()
})

const opened = (...args: readonly string[]) => openedOn(`sqlite:${path}`, ...args)

async function openedOn(...args: readonly string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'index.ts'), 'console', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const url = new URL(line)
  const get = (to: string, headers: Record<string, string> = {}) =>
    fetch(new URL(to, url.origin), { headers, redirect: 'manual' })
  const enter = async () => {
    const answer = await fetch(url, { redirect: 'manual' })
    return { status: answer.status, cookie: answer.headers.get('set-cookie')?.split(';')[0] ?? '' }
  }
  return { child, url, get, enter }
}

/** The cookie and the token of a form on a page. */
async function formOf(get: Awaited<ReturnType<typeof opened>>['get'], to: string, cookie: string) {
  const page = await get(to, { cookie })
  const session = page.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ')
  const token = /name="token" value="([^"]+)"/.exec(await page.text())?.[1] ?? ''
  return { status: page.status, cookie: `${cookie}; ${session}`, token }
}

it('the console opens once, for one browser, reads only, and ends at a signal with 0', async () => {
  const { child, enter, get, url } = await opened()
  expect(url.hostname).toBe('127.0.0.1')
  expect((await get('/contacts/ada')).status).toBe(401)
  expect((await get('/?token=wrong')).status).toBe(403)
  const { cookie, status } = await enter()
  expect(status).toBe(303)
  expect((await enter()).status).toBe(403)

  const page = await get('/contacts/ada', { cookie })
  expect([page.status, (await page.text()).includes('nurture')]).toEqual([200, true])
  expect((await get('/contacts/ada/order?do=stop&campaign=pool&sequence=nurture', { cookie })).status).toBe(403)
  for (const to of ['/', '/campaigns/pool', '/now', '/audit']) expect((await get(to, { cookie })).status).toBe(200)

  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([0, null])
})

it('the console serves its own address only: a name that leads here from elsewhere is refused', async () => {
  const { enter, url } = await opened()
  const { cookie } = await enter()
  const asked = request(url.origin, { headers: { host: 'evil.example', cookie } }).end()
  const [answer] = await once(asked, 'response')
  expect(answer.statusCode).toBe(403)
  answer.resume()
})

it('with --write, orders are taken in the name of --actor', async () => {
  const { child, enter, get, url } = await opened('--write', '--actor', 'olga')
  const { cookie } = await enter()
  const to = '/contacts/ada/order?do=stop&campaign=pool&sequence=nurture'
  const form = await formOf(get, to, cookie)
  const body = new URLSearchParams({
    ...{
      token: form.token,
      do: 'stop',
      campaign: 'pool',
      sequence: 'nurture',
      reason: 'asked by phone',
      commandId: 'c',
    },
  })
  const answer = await fetch(new URL('/contacts/ada/order', url), {
    ...{ method: 'POST', body, redirect: 'manual' },
    headers: { cookie: form.cookie, origin: url.origin },
  })
  expect([answer.status, answer.headers.get('location')]).toEqual([
    303,
    expect.stringMatching(/^\/contacts\/ada\?did=stopped&/),
  ])
  child.kill('SIGINT')
  expect(await once(child, 'exit')).toEqual([0, null])

  const store = createSqliteStore({ path, readOnly: true })
  const engine = createEngine({ store, handlers: {} })
  const last = (await engine.inspect.history('ada')).at(-1)
  expect([last?.type, last?.actor, last?.cause]).toEqual([
    'SequenceStopped',
    'olga',
    { by: 'operator', reason: 'asked by phone' },
  ])
  await engine.close()
  await store.close()
})

it('the console opens a log on EventStoreDB with its separate read model', async () => {
  const server = await forkFakeServer({ shuffle: 1 })
  onTestFinished(() => server.stop())
  const store = ['--store', server.url, '--read-model', `sqlite:${join(folder, 'read-model.db')}`]
  const definition = join(folder, 'pool.json')
  writeFileSync(
    definition,
    JSON.stringify({ id: 'pool', goals: [], sequences: [{ id: 'nurture', steps: [{ id: 'one', kind: 'email' }] }] }),
  )
  for (const args of [
    ['publish', definition, '--create'],
    ['start', 'ada', 'pool/nurture'],
  ])
    expect(await enfold([...args, ...store])).toMatchObject({ status: 0 })
  const { enter, get } = await openedOn(...store)
  const { cookie } = await enter()
  const page = await get('/contacts/ada', { cookie })
  expect(page.status).toBe(200)
  expect(await page.text()).toContain('nurture')
})
