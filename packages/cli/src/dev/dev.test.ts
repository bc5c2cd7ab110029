/** `enfold dev` as people have it: one process for this file, asked by HTTP. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { CampaignDefinition } from '@enfold/core'
import { createSqliteStore } from '@enfold/store-sqlite'
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { BINARY, enfold, temporaryDirectory } from '../cli.fixture.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const folder = temporaryDirectory()
const file = join(folder, 'campaign.json')
const store = join(folder, 'dev.db')
const HOSTILE = ['__proto__', 'a/b', '😀', `"><script>alert(1)</script>`, 'x'.repeat(200)]
const SUBJECT = '<script>alert("subject")</script> {{name}} {{nothing}}'

const definition = {
  id: 'pool/1',
  name: '<b>Pool</b>',
  goals: [
    {
      id: 'asked',
      name: '<i>Asked</i>',
      when: { kind: 'form', match: { form: 'guide', pages: 20 } },
      next: ['nurture'],
    },
  ],
  sequences: [
    {
      id: 'nurture',
      steps: [
        {
          id: 'one',
          kind: 'email',
          params: { subject: SUBJECT, html: '<script>alert(2)</script><p>{{name}}</p>', text: 'Hello {{name}}' },
        },
        { id: 'two', kind: 'carrier-pigeon', timer: { after: 'PT2H' }, params: { ring: 7 } },
        { id: 'three', kind: 'email', timer: { afterDays: 2, at: '08:00' }, params: { subject: 'Three' } },
      ],
    },
  ],
} satisfies CampaignDefinition

interface Dev {
  readonly child: ChildProcess
  readonly origin: string
  readonly said: () => string
  get(path: string, headers?: Record<string, string>): Promise<{ status: number; text: string; headers: Headers }>
  post(
    path: string,
    form: Record<string, string>,
    headers?: Record<string, string>,
  ): Promise<{ status: number; location: string; text: string }>
}

/** With the cookies of a browser that opened the address. */
async function started(...args: readonly string[]): Promise<Dev> {
  const child = spawn(process.execPath, [BINARY, 'dev', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // It is about handlers that send, and here is none.
    env: { ...process.env, ENFOLD_DELIVER_TO: 'nobody' },
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk))
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const url = new URL(line)
  const entered = await fetch(url, { redirect: 'manual' })
  const cookies = new Map([cookieOf(entered.headers.getSetCookie()[0] ?? '')])
  const headersOf = (more: Record<string, string>) => ({
    cookie: [...cookies].map((one) => one.join('=')).join('; '),
    ...more,
  })
  const dev: Dev = {
    child,
    origin: url.origin,
    said: () => said,
    async get(path, headers = {}) {
      const answer = await fetch(new URL(path, url.origin), { headers: headersOf(headers), redirect: 'manual' })
      for (const cookie of answer.headers.getSetCookie()) cookies.set(...cookieOf(cookie))
      return { status: answer.status, text: await answer.text(), headers: answer.headers }
    },
    async post(path, form, headers = { origin: url.origin }) {
      const token = /name="token" value="([^"]+)"/.exec((await dev.get('/dev/signal')).text)?.[1] ?? ''
      const answer = await fetch(new URL(path, url.origin), {
        ...{ method: 'POST', body: new URLSearchParams({ token, ...form }), redirect: 'manual' },
        headers: headersOf(headers),
      })
      return { status: answer.status, location: answer.headers.get('location') ?? '', text: await answer.text() }
    },
  }
  await until(async () => said.includes('Ctrl-C ends it.'))
  return dev
}

const cookieOf = (text: string) => (text.split(';')[0] ?? '').split('=', 2) as [string, string]

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; !(await isSo()); ) {
    if (Date.now() > end) throw new Error('It did not come to that within 30 seconds.')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** What a page says, without its tags. */
const wordsOf = (text: string) => text.replaceAll(/<[^>]*>/g, '').replaceAll(/\s+/g, ' ')

let dev: Dev
beforeAll(async () => {
  writeFileSync(file, JSON.stringify(definition))
  const rows = HOSTILE.map((id) => `"${id.replaceAll('"', '""')}",Europe/Berlin,"N. ""N"" <b>"`)
  writeFileSync(join(folder, 'contacts.csv'), ['id,timeZone,name', ...rows].join('\n'))
  dev = await started(file, '--store', store, '--contacts', join(folder, 'contacts.csv'))
})
afterAll(() => void dev.child.kill('SIGKILL'))

const send = (contact: string) =>
  dev.post('/dev/signal', {
    contact,
    kind: 'form',
    'data form': 'guide',
    json: '{"pages":20}',
    signalId: crypto.randomUUID(),
  })

it('the pages are for who has the address, at its own name', async () => {
  expect((await fetch(`${dev.origin}/dev`)).status).toBe(401)
  expect((await dev.get('/dev?token=wrong')).status).toBe(403)
  const asked = request(dev.origin, { headers: { host: 'evil.example' } }).end()
  const [answer] = await once(asked, 'response')
  expect(answer.statusCode).toBe(403)
  answer.resume()
  for (const path of ['/dev', '/dev/outbox', '/dev/signal', '/dev/clock', '/', '/campaigns', '/now', '/audit'])
    expect([path, (await dev.get(path)).status]).toEqual([path, 200])
})

it('a form from another site, or without the token of the page, changes nothing', async () => {
  const form = { contact: 'ada', kind: 'form', 'data form': 'guide', json: '{"pages":20}', signalId: 's' }
  for (const [path, fields] of [
    ['/dev/signal', form],
    ['/dev/clock', { move: 'day' }],
    ['/dev/campaign', {}],
  ] as const) {
    expect((await dev.post(path, fields, { origin: 'https://evil.example' })).status).toBe(403)
    expect((await dev.post(path, fields, {})).status).toBe(403)
    expect((await dev.post(path, { ...fields, token: 'wrong' })).status).toBe(403)
    expect((await dev.get(path)).status).toBe(path === '/dev/campaign' ? 405 : 200)
  }
  expect(wordsOf((await dev.get('/dev/outbox')).text)).toContain('0 caught')
})

it('a signal for any contact starts a sequence, and its mail is caught and shown, whatever is written in it', async () => {
  for (const contact of HOSTILE) {
    const sent = await send(contact)
    expect(sent.status).toBe(303)
    expect(wordsOf((await dev.get(sent.location)).text)).toContain('asked: satisfied; started nurture')
  }
  const list = await dev.get('/dev/outbox')
  expect(wordsOf(list.text)).toContain('5 caught')
  const pages = [list, await dev.get('/dev'), await dev.get('/dev/clock'), await dev.get('/dev/signal')]
  for (let number = 1; number <= HOSTILE.length; number++) pages.push(await dev.get(`/dev/outbox/${number}`))
  for (const { status, text } of pages) {
    expect(status).toBe(200)
    expect(text).not.toMatch(/<script(?! defer nonce)|<b>|<i>/)
  }
  const message = await dev.get('/dev/outbox/1')
  expect(message.text).toContain('&lt;script&gt;alert(&quot;subject&quot;)&lt;/script&gt; N. &quot;N&quot; &lt;b&gt;')
  expect(wordsOf(message.text)).toContain('Nothing is known of {{nothing}}')
  expect(message.text).toContain('<iframe sandbox title="The mail as HTML" src="/dev/outbox/1/html">')
  expect(message.headers.get('content-security-policy')).toContain(`frame-src 'self'`)
  expect(list.headers.get('content-security-policy')).not.toContain('frame-src')
})

it('the HTML of a mail is served so that no script of it runs and nothing of it is loaded', async () => {
  const { headers, text } = await dev.get('/dev/outbox/1/html')
  // Values of the contact are text in it.
  expect(text).toBe('<script>alert(2)</script><p>N. &quot;N&quot; &lt;b&gt;</p>')
  expect(headers.get('content-security-policy')).toBe(
    `default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox`,
  )
})

it('the signals that goals wait for are offered, with their data', async () => {
  const { text } = await dev.get('/dev/signal')
  expect(text).toContain('href="/dev/signal?data+form=guide&amp;data+pages=20&amp;kind=form&amp;contact=__proto__"')
  const refused = async (form: Record<string, string>) => {
    const { status, text: said } = await dev.post('/dev/signal', {
      contact: 'ada',
      kind: 'form',
      signalId: 's',
      ...form,
    })
    return [status, wordsOf(said)]
  }
  expect(await refused({ json: '[1]' })).toEqual([422, expect.stringContaining('The data is no JSON object.')])
  expect(await refused({ json: '{' })).toEqual([422, expect.stringContaining('The data is not JSON')])
  expect(await refused({ 'data form': '"' + 'a"b"' })).toEqual([
    422,
    expect.stringContaining('The data form is no number, and no text in quotes.'),
  ])
  expect(await refused({ kind: '' })).toEqual([400, expect.stringContaining('The field &quot;kind&quot; is empty')])
})

it('each move of the clock stops where something is due, and says what was dispatched', async () => {
  const moved = await dev.post('/dev/clock', { move: 'next' })
  expect([moved.status, moved.location]).toEqual([303, '/dev/clock#move-1'])
  const after = wordsOf((await dev.get('/dev/clock')).text)
  expect(after).toMatch(/What each move brought.*: [1-5] sent/)
  expect(after).toContain('carrier-pigeon')
  await dev.post('/dev/clock', { move: 'week' })
  const { text } = await dev.get('/dev/outbox')
  expect(wordsOf(text)).toContain('15 caught')
  // Each at its own time: at eight in Berlin.
  expect(wordsOf((await dev.get('/dev/outbox/15')).text)).toMatch(/Caught\s*\d+ \w+ \d+, 0[67]:00/)
  expect(wordsOf((await dev.get('/dev/clock')).text)).toContain('Nothing is scheduled')
  const refused = async (form: Record<string, string>) => {
    const { status, text: said } = await dev.post('/dev/clock', form)
    return [status, wordsOf(said)]
  }
  expect(await refused({ move: 'next' })).toEqual([409, expect.stringContaining('Nothing is scheduled')])
  expect(await refused({ move: 'to', at: '2020-01-01T00:00' })).toEqual([
    422,
    expect.stringContaining('Time goes forward only'),
  ])
  expect(await refused({ move: 'to', at: 'soon' })).toEqual([422, expect.stringContaining('no date and time')])
  expect(await refused({ move: 'to', at: '9000-01-01T00:00' })).toEqual([
    422,
    expect.stringContaining('10 years at most'),
  ])
})

it('an order in the console is carried out at once, without a move of the clock', async () => {
  const to = '/contacts/ada/order?do=start&campaign=pool%2F1&sequence=nurture'
  expect((await dev.get(to)).status).toBe(200)
  const form = { do: 'start', campaign: 'pool/1', sequence: 'nurture', reason: 'tried', commandId: 'c' }
  expect((await dev.post('/contacts/ada/order', form)).status).toBe(303)
  await until(async () => wordsOf((await dev.get('/dev/outbox?contact=ada')).text).includes('16 caught'))
  expect((await dev.get('/dev/outbox?contact=ada')).text).toContain('/dev/outbox/16"')
})

it('a broken campaign file is told with path and hint, on the page and in the terminal, and nothing is published', async () => {
  const [sequence] = definition.sequences
  writeFileSync(
    file,
    JSON.stringify({
      ...definition,
      sequences: [{ ...sequence, steps: [{ id: 'one', kind: 'email', timer: { afterDay: 1 } }] }],
    }),
  )
  await until(async () => (await dev.get('/dev')).text.includes('nothing was published'))
  const page = wordsOf((await dev.get('/dev')).text)
  expect(page).toContain('/sequences/0/steps/0/timer')
  expect(page).toContain('Version 1 of pool/1 stays published.')
  expect(dev.said()).toMatch(/campaign\.json: \/sequences\/0\/steps\/0\/timer\S*: .*afterDays/)
  writeFileSync(file, '{ "id": ')
  await until(async () => wordsOf((await dev.get('/dev')).text).includes('is not JSON'))
  renameSync(file, `${file}.away`)
  await until(async () => wordsOf((await dev.get('/dev')).text).includes('no such file'))
  expect((await dev.get('/campaigns/pool%2F1')).status).toBe(200)
})

it('the last of two changes at once is published, with what changed and how many runs stay on the old version', async () => {
  const changedSequences = (subject: string, ...more: readonly object[]) =>
    definition.sequences.map(({ id, steps: [first, ...others] }) => ({
      ...{ id, steps: [{ ...first, params: { subject } }, ...others, ...more] },
    }))
  const changed = (name: string, subject: string, ...more: readonly object[]) =>
    JSON.stringify({ ...definition, name, sequences: changedSequences(subject, ...more) })
  // It may be published as well, if it is looked at in between: then the changes are those since it.
  writeFileSync(file, changed('Halfway', 'Halfway'))
  // As editors do it: the new one takes the place of the old one.
  writeFileSync(`${file}.new`, changed('Pool two', 'Second', { id: 'four', kind: 'email' }))
  renameSync(`${file}.new`, file)
  await dev.post('/dev/campaign', {})
  await until(async () => dev.said().includes('Pool two') || (await dev.get('/dev')).text.includes('Pool two'))
  const page = wordsOf((await dev.get('/dev')).text)
  expect(page).toMatch(/Version [23] of pool\/1 is published/)
  expect(page).toContain('Step four of nurture is new.')
  expect(page).toContain('Step one of nurture changed: params.')
  // Of ada, who was started by version 1 (VERSION-1).
  expect(page).toContain('1 run goes on by an older version')
  expect(page).toContain('1 in nurture, version 1')
  await send('new')
  expect(wordsOf((await dev.get('/dev/outbox?contact=new')).text)).toContain('Second')
})

it('it ends at a signal with 0, and a restart goes on with its store, its outbox and its clock', async () => {
  const clockOf = async (one: Dev) =>
    /The clock stands at (.*?, \d\d:\d\d)/.exec(wordsOf((await one.get('/dev/clock')).text))?.[1]
  const [before, caught] = [await clockOf(dev), /(\d+) caught/.exec(wordsOf((await dev.get('/dev/outbox')).text))?.[1]]
  dev.child.kill('SIGINT')
  expect(await once(dev.child, 'exit')).toEqual([0, null])
  dev = await started(file, '--store', store, '--contacts', join(folder, 'contacts.csv'))
  expect(await clockOf(dev)).toBe(before)
  expect(wordsOf((await dev.get('/dev/outbox')).text)).toContain(`${caught} caught`)
  expect((await enfold(['dev', '--store', store, '--clock', 'real'])).stderr).toContain('by its simulated clock')
})

it('without a campaign the example is at work within seconds, by the clock of this machine if that is asked for', async () => {
  const example = await started('--clock', 'real', '--made-up', '5')
  onTestFinished(() => void example.child.kill('SIGKILL'))
  await until(async () => wordsOf((await example.get('/dev/outbox')).text).includes('3 caught'))
  expect(wordsOf((await example.get('/dev/outbox/1')).text)).toContain('Mistake 1: filling first, testing later')
  expect(wordsOf((await example.get('/dev/clock')).text)).toContain('It is the clock of this machine.')
  expect((await example.post('/dev/clock', { move: 'day' })).status).toBe(409)
  const saved = await example.get('/dev/campaign.json')
  expect(JSON.parse(saved.text)).toMatchObject({ id: 'pool-owners', name: '7 Mistakes Pool Owners Make' })
  example.child.kill('SIGTERM')
  expect(await once(example.child, 'exit')).toEqual([0, null])
})

it('what cannot be used is refused before anything is opened', async () => {
  const other = join(folder, 'campaigns.db')
  await createSqliteStore({ path: other }).close()
  expect(await enfold(['dev', '--store', other])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('was not made by "enfold dev"'),
  })
  expect(existsSync(`${other}.dev.jsonl`)).toBe(false)
  expect(await enfold(['dev', '--store', 'postgres://crm@localhost/crm'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('is no file'),
  })
  expect((await enfold(['dev', '--store', ':memory:'])).stderr).toContain('is no file')
  expect(existsSync(':memory:.dev.jsonl')).toBe(false)
  expect(await enfold(['dev', '--store', join(folder, 'none/dev.db')])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('There is no folder'),
  })
  expect(await enfold(['dev', join(folder, 'none.json')])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('There is no file'),
  })
  expect(await enfold(['dev', store])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('is no campaign file'),
  })
  const contacts = join(folder, 'wrong.csv')
  writeFileSync(contacts, 'id,timeZone\nann,Mars/Olympus\n')
  const wrong = await enfold(['dev', '--contacts', contacts])
  expect(wrong.status).toBe(2)
  expect(wrong.stderr).toContain(
    'wrong.csv:2: has the time zone "Mars/Olympus"; expected a name such as "Europe/Berlin"',
  )
  expect((await enfold(['dev', '--contacts', contacts, '--made-up', '5'])).status).toBe(2)
})

it('a port that is taken is told, and what was opened is closed', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const port = String((server.address() as AddressInfo).port)
  const told = `Port ${port} is taken by another program. Name another, or leave out --port: then a free one is taken.\n`
  expect(await enfold(['dev', '--port', port])).toEqual({ status: 2, stdout: '', stderr: told })
  expect(await enfold(['console', `sqlite:${store}`, '--port', port])).toEqual({ status: 2, stdout: '', stderr: told })
  const mcp = await enfold(['mcp', `sqlite:${store}`, '--http', '--port', port])
  expect([mcp.status, mcp.stdout, mcp.stderr.split('\n')[1]]).toEqual([2, '', told.trim()])
})
