/** `enfold mcp`: once as the process that a client starts, and in this process for the rest. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import { createSimulatedClock } from '@enfold/testkit'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio'
import { beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { answerOf, BINARY, createSink, enfold, fillStore, temporaryDirectory } from './cli.fixture.ts'
import { run } from './cli.ts'
import { loadMcp } from './mcp.ts'
import type { Streams } from './streams.ts'

const folder = temporaryDirectory()
const path = join(folder, 'store.db')
const store = `sqlite:${path}`
const log = join(folder, 'log.jsonl.gz')
const NURTURE = { campaignId: 'pool/1', sequenceId: 'nurture' }

beforeAll(async () => {
  await fillStore(path, createSimulatedClock('2026-03-02T09:00:00.000Z'))
  expect((await enfold(['export', store, '--out', log])).status).toBe(0)
})

it('a client that starts the command asks, orders what is allowed by name, and is recorded', async () => {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [BINARY, 'mcp', '--store', store, '--allow', 'stopSequence', '--actor', 'wanda'],
    stderr: 'pipe',
  })
  const said: string[] = []
  transport.stderr?.on('data', (chunk) => said.push(String(chunk)))
  const client = new Client({ name: 'desk', version: '1' })
  await client.connect(transport)
  onTestFinished(() => client.close())
  const { tools } = await client.listTools()
  expect(tools.flatMap(({ name, annotations }) => (annotations?.readOnlyHint === false ? [name] : []))).toEqual([
    'stopSequence',
  ])
  const contact = await client.callTool({ name: 'getContact', arguments: { contactId: 'a/b' } })
  expect(contact.structuredContent).toMatchObject({ answer: { contactId: 'a/b', suppressed: { until: null } } })
  const order = { contactId: '__proto__', ...NURTURE, reason: 'asked by phone' }
  const stopped = await client.callTool({ name: 'stopSequence', arguments: order })
  expect(stopped.structuredContent).toMatchObject({ answer: { outcome: 'stopped' } })
  await client.close()
  expect(said.join('')).toContain('Questions, and these orders as wanda: stopSequence.')
  const { events } = (await answerOf(['history', '__proto__', store])) as { readonly events: readonly object[] }
  expect(events.at(-1)).toMatchObject({ actor: 'wanda via MCP, desk', cause: { reason: 'asked by phone' } })
})

it('over HTTP the command takes a token of your own, does not print it, and ends at a signal with 0', async () => {
  const child = spawn(process.execPath, [BINARY, 'mcp', store, '--http'], {
    env: { ...process.env, ENFOLD_MCP_TOKEN: 'a-token-of-mine' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const printed: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => printed.push(String(chunk)))
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string]
  const client = new Client({ name: 'desk', version: '1' })
  const headers = { authorization: 'Bearer a-token-of-mine' }
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
  const { structuredContent } = await client.callTool({ name: 'getContact', arguments: { contactId: 'cleo' } })
  expect(structuredContent).toMatchObject({ answer: { contactId: 'cleo' } })
  expect((await fetch(url, { method: 'POST', body: '{}' })).status).toBe(401)
  await client.close()
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([0, null])
  expect(printed.join('')).not.toContain('a-token-of-mine')
})

it('a log is asked like a store, can be ordered nothing, and leaves no copy of it', async () => {
  const temporary = temporaryDirectory()
  vi.stubEnv('TMPDIR', temporary)
  onTestFinished(() => void vi.unstubAllEnvs())
  const [up, down, stderr] = [new PassThrough(), new PassThrough(), createSink()]
  const io = { stdin: up, stdout: down, stderr } as unknown as Streams
  const ended = run(['mcp', log], io)
  const client = new Client({ name: 'desk', version: '1' })
  // The same lines in both directions.
  await client.connect(new StdioServerTransport(down, up))
  const { tools } = await client.listTools()
  expect(tools.filter(({ annotations }) => annotations?.readOnlyHint === false)).toEqual([])
  const then = { contactId: 'ann', at: '2026-03-02T09:00:00.000Z' }
  const ask = (name: string, input: Record<string, unknown>) => client.callTool({ name, arguments: input })
  expect(await ask('getContact', then)).toMatchObject({
    structuredContent: { answer: { enrollments: [{ sequenceId: 'nurture', status: 'active' }] } },
  })
  const ofStore = (await answerOf(['members', 'pool/1', 'onboarding', store, '--status', 'either'])) as {
    readonly total: number
  }
  expect(
    await ask('getContactsInSequence', { campaignId: 'pool/1', sequenceId: 'onboarding', status: 'either' }),
  ).toMatchObject({
    structuredContent: { answer: { total: ofStore.total } },
  })
  expect(readdirSync(temporary)).toHaveLength(1)
  up.end()
  expect(await ended).toBe(0)
  expect(readdirSync(temporary)).toEqual([])
})

it('what is wrong with the command is said before anything is served', async () => {
  const refusals = [
    [['mcp'], 'Name it with --store URL'],
    [['mcp', store, '--store', store], 'named twice'],
    [['mcp', '-'], 'belongs to the client'],
    [['mcp', store, '--port', '80'], '--port goes with --http'],
    [['mcp', store, '--allow', 'stopSequnce'], 'did you mean stopSequence?'],
    [['mcp', store, '--allow', 'publish'], 'Expected one of startSequence'],
    [['mcp', log, '--allow', 'stopSequence'], 'A log can only be read'],
    [['mcp', log, '--read-model', 'sqlite:m.db'], '--read-model goes with'],
    [['mcp', log, '--on-poison', 'park'], '--on-poison goes with'],
    [['mcp', 'mysql://db/x'], 'is not read here'],
    [['mcp', 'sqlite:not-there.db'], 'not-there.db'],
  ] as const
  for (const [args, sentence] of refusals) {
    const { status, stderr, stdout } = await enfold(args)
    expect([args.join(' '), status, stdout, stderr]).toEqual([args.join(' '), 2, '', expect.stringContaining(sentence)])
  }
})

it('a port that is taken is told in a sentence', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const { status, stderr } = await enfold(['mcp', store, '--http', '--port', String(port)])
  expect([status, stderr]).toEqual([2, expect.stringContaining(`Port ${port} is taken by another program.`)])
})

it('without the package the command says what to install', async () => {
  const missing = (name: string) =>
    Object.assign(new Error(`Cannot find package '${name}' imported from here`), { code: 'ERR_MODULE_NOT_FOUND' })
  await expect(loadMcp(() => Promise.reject(missing('@enfold/mcp')))).rejects.toThrow('npm install @enfold/mcp')
  await expect(loadMcp(() => Promise.reject(missing('other')))).rejects.toThrow("'other'")
})
