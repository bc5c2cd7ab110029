import { PassThrough } from 'node:stream'
import type { Engine } from '@enfold/engine'
import { createMcpApi, serveMcpOnLoopback, serveMcpOnStdio } from '@enfold/mcp'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ANNA, asking, givenEngine } from './mcp.fixture.ts'

const STOP = { contactId: 'ada', campaignId: 'pool', sequenceId: 'nurture', reason: 'asked' }
const start = (engine: Engine) =>
  engine.startSequence({ contactId: 'ada', campaignId: 'pool', sequenceId: 'nurture', actor: 'luis' })

describe('over HTTP', () => {
  async function givenServer() {
    const { engine } = await givenEngine()
    await start(engine)
    const served = await serveMcpOnLoopback({ engine, principal: ANNA, orders: ['stopSequence'] })
    onTestFinished(() => served.close())
    const post = (headers: Readonly<Record<string, string>>) =>
      fetch(served.url, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', ...headers } })
    return { ...served, engine, post }
  }

  it.each([
    // An older protocol says the client's name once, when it connects; each request has a server of its own.
    ['of 2025', 'legacy', 'anna via MCP'],
    ['2026-07-28', { pin: '2026-07-28' }, 'anna via MCP, desk'],
  ] as const)('a client of the protocol %s asks and orders with the token', async (_, mode, actor) => {
    const { engine, token, url } = await givenServer()
    const client = new Client({ name: 'desk', version: '1' }, { versionNegotiation: { mode } })
    const headers = { authorization: `Bearer ${token}` }
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
    onTestFinished(() => client.close())
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('stopSequence')
    const ask = asking(client)
    expect((await ask('getContact', { contactId: 'ada' })).text).toContain('pool/nurture, run 1 of version 1: active')
    expect((await ask('stopSequence', STOP)).answer.outcome).toBe('stopped')
    expect((await engine.inspect.history('ada')).at(-1)?.actor).toBe(actor)
  })

  it.each([
    ['2026-07-28', { pin: '2026-07-28' }, 'cancels'],
    ['of 2025', 'legacy', 'goes'],
  ] as const)('a question ends when its client of the protocol %s no longer waits for it', async (_, mode, how) => {
    const { engine } = await givenEngine()
    const [asked, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const forecast = ({ signal }: { readonly signal: AbortSignal }) => {
      asked.resolve()
      return new Promise((__, reject) => {
        signal.addEventListener('abort', () => {
          ended.resolve()
          reject(signal.reason)
        })
      })
    }
    const slow = { ...engine, inspect: { ...engine.inspect, forecast } } as unknown as Engine
    const { close, token, url } = await serveMcpOnLoopback({ engine: slow, principal: ANNA })
    onTestFinished(close)
    const client = new Client({ name: 'desk', version: '1' }, { versionNegotiation: { mode } })
    const headers = { authorization: `Bearer ${token}` }
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
    onTestFinished(() => client.close())
    const giveUp = new AbortController()
    const answer = asking(client)('forecast', { until: '2026-04-01T00:00:00.000Z', by: 'day' }, giveUp.signal)
    answer.catch(() => {})
    await asked.promise
    if (how === 'cancels') giveUp.abort()
    else await client.close()
    await ended.promise
  })

  it('nobody comes in without the token, under another name, or from a page of another site', async () => {
    const { post, token } = await givenServer()
    const authorization = `Bearer ${token}`
    expect((await post({})).status).toBe(401)
    expect((await post({ authorization: `${authorization}x` })).status).toBe(401)
    expect((await post({ authorization, origin: 'https://evil.example' })).status).toBe(403)
    expect((await post({ authorization, origin: 'null' })).status).toBe(403)
    expect((await post({ authorization })).status).toBe(400)
  })

  it('what is wrong with an option is said before anything listens, and never a token', async () => {
    const { engine } = await givenEngine()
    const served = (more: object) => serveMcpOnLoopback({ engine, principal: ANNA, ...more })
    await expect(served({ principal: { id: 'x', may: 'all' } })).rejects.toThrow(/may is "all"/)
    await expect(served({ principal: null })).rejects.toThrow(/principal is null/)
    await expect(served({ order: [] })).rejects.toThrow(/\.order/)
    for (const token of ['', 'my secret', 'm\u00fc'])
      await expect(served({ token })).rejects.toThrow(
        'serveMcpOnLoopback.token cannot stand in a header; expected letters, digits and signs of ASCII without spaces.',
      )
  })

  it('a host says who sends a request, and under which names it is reached', async () => {
    const { engine } = await givenEngine()
    const errors: unknown[] = []
    const hosts = ['crm.example.com']
    const options = { engine, hosts, onError: (error: unknown) => errors.push(error) }
    const request = (host: string) => new Request('http://localhost/mcp', { method: 'POST', headers: { host } })
    const nobody = createMcpApi({ ...options, authorize: () => null })
    expect((await nobody(request('crm.example.com:8443'))).status).toBe(401)
    expect((await nobody(request('rebound.example'))).status).toBe(403)
    expect((await nobody(new Request('http://localhost/mcp', { method: 'POST' }))).status).toBe(403)

    const failing = createMcpApi({
      ...options,
      authorize: () => {
        throw new Error('secret of the inside')
      },
    })
    const response = await failing(request('crm.example.com'))
    expect([response.status, await response.text()]).toEqual([500, expect.not.stringContaining('secret')])
    expect(errors).toHaveLength(1)

    expect(() => createMcpApi({ engine } as never)).toThrow(/createMcpApi.authorize/)
    expect(() => createMcpApi({ ...options, authorize: () => null, hosts: ['https://a.example'] })).toThrow(
      /createMcpApi.hosts/,
    )
  })
})

describe('on streams', () => {
  it('a client asks, orders under its name, and its going ends it', async () => {
    const { engine } = await givenEngine()
    await start(engine)
    const [up, down] = [new PassThrough(), new PassThrough()]
    const served = serveMcpOnStdio({ engine, principal: ANNA, orders: ['stopSequence'], input: up, output: down })
    const client = new Client({ name: 'terminal \u202e', version: '1' })
    // The same lines in both directions.
    await client.connect(new StdioServerTransport(down, up))
    const ask = asking(client)
    expect((await ask('stopSequence', STOP)).answer.outcome).toBe('stopped')
    expect((await engine.inspect.history('ada')).at(-1)?.actor).toBe('anna via MCP, terminal \\u{202e}')
    up.end()
    await served.ended
    await served.close()
    await client.close()
  })
})
