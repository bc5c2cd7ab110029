import { once } from 'node:events'
import { createServer, get, globalAgent, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type LookupFunction } from 'node:net'
import { text } from 'node:stream/consumers'
import { isEnfoldFault, type StepOutcome } from '@enfold/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { givenCall } from './call.fixture.ts'
import { type SignedWebhookOptions, signedWebhook } from './signed-webhook.ts'
import { verifyWebhook } from './webhook-signature.ts'

const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
const OTHER_SECRET = `whsec_${Buffer.alloc(32, 2).toString('base64')}`

interface Received {
  readonly request: IncomingMessage
  readonly body: string
}

/** A real server on the loopback with the given responses, and what it was sent. */
async function givenReceiver(answer: (response: ServerResponse, request: IncomingMessage) => void) {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    response.on('error', () => {})
    received.push({ request, body: await text(request).catch(() => '') })
    answer(response, request)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const port = (server.address() as AddressInfo).port
  return { server, port, received, url: `http://localhost:${port}/hook` }
}

/** Port of a server that sends these bytes on each connection, and then does as told. */
async function givenRawReceiver(bytes: string, then: 'end' | 'reset' | 'hang') {
  const server = createTcpServer((socket) => {
    onTestFinished(() => void socket.destroy())
    socket.on('error', () => {})
    socket.once('data', () => {
      if (then === 'reset') return socket.resetAndDestroy()
      socket.write(bytes, () => then === 'end' && socket.end())
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { server, url: `http://localhost:${(server.address() as AddressInfo).port}/hook` }
}

const givenWebhook = (url: SignedWebhookOptions['url'], options: Partial<SignedWebhookOptions> = {}) =>
  signedWebhook({ url, secret: SECRET, allow: ['localhost'], ...options })

const answering = (address: string): LookupFunction => {
  const family = address.includes(':') ? 6 : 4
  return (_host, options, callback) =>
    options.all ? callback(null, [{ address, family }]) : callback(null, address, family)
}

describe('a webhook that is taken', () => {
  it('STEP-4: a webhook carries the step, with the idempotency key as its id, signed for the receiver to verify', async () => {
    const receiver = await givenReceiver((response) => response.writeHead(204).end())
    const call = givenCall({ attempt: 2, resend: 1, run: 3 })

    const outcome = await givenWebhook(receiver.url)(call)

    expect(outcome).toEqual({ outcome: 'sent', receipt: 'http-204' })
    const [{ request, body }] = receiver.received as [Received]
    expect(request.method).toBe('POST')
    expect(request.headers['content-type']).toBe('application/json')
    expect(request.headers['webhook-id']).toBe(call.idempotencyKey)
    expect(verifyWebhook({ secret: SECRET, headers: request.headers, body })).toMatchObject({ valid: true })
    expect(verifyWebhook({ secret: OTHER_SECRET, headers: request.headers, body })).toMatchObject({ valid: false })
    expect(JSON.parse(body)).toEqual({
      type: 'step.dispatched',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      data: {
        contactId: 'ann',
        campaignId: 'pool-owners',
        sequenceId: 'nurture',
        run: 3,
        stepId: 'mistake-1',
        params: { template: 'mistake-1' },
        attempt: 2,
        resend: 1,
      },
    })
  })

  it('STEP-4: a webhook keeps its id on every attempt', async () => {
    const receiver = await givenReceiver((response) => response.writeHead(503).end())
    const webhook = givenWebhook(receiver.url)
    await webhook(givenCall({ attempt: 1 }))
    await webhook(givenCall({ attempt: 2 }))
    const ids = receiver.received.map(({ request }) => request.headers['webhook-id'])
    expect(ids).toEqual([givenCall().idempotencyKey, givenCall().idempotencyKey])
  })

  it('STEP-4: a webhook is signed with the old and the new secret while they change', async () => {
    const receiver = await givenReceiver((response) => response.end())
    await givenWebhook(receiver.url, { secret: [SECRET, OTHER_SECRET] })(givenCall())
    const [{ request, body }] = receiver.received as [Received]
    for (const secret of [SECRET, OTHER_SECRET]) {
      expect(verifyWebhook({ secret, headers: request.headers, body })).toMatchObject({ valid: true })
    }
  })

  it("STEP-4: a webhook goes to the host's own address with the host's own body, ids as hostile as they may be (LOG-6)", async () => {
    const receiver = await givenReceiver((response) => response.end())
    const contactId = '__proto__/ü"😀'
    const url = async (call: { contactId: string }) => `${receiver.url}/${encodeURIComponent(call.contactId)}`
    const outcome = await givenWebhook(url, { body: async (call) => [call.contactId] })(givenCall({ contactId }))
    expect(outcome.outcome).toBe('sent')
    const [{ request, body }] = receiver.received as [Received]
    expect(request.url).toBe(`/hook/${encodeURIComponent(contactId)}`)
    expect(JSON.parse(body)).toEqual([contactId])
    expect(verifyWebhook({ secret: SECRET, headers: request.headers, body })).toMatchObject({ valid: true })
  })

  it.each<[string, (response: ServerResponse) => void]>([
    ['never ends its body', (response) => response.writeHead(200).write('…')],
    ['breaks off its body', (response) => response.writeHead(200).write('…', () => response.destroy())],
  ])('STEP-4: a webhook taken by a receiver that %s is sent: the status has come', async (_what, answer) => {
    const receiver = await givenReceiver(answer)
    // A busy machine may need longer until the status has come: then the time is doubled.
    let outcome: StepOutcome | null = null
    for (let timeoutMs = 250; timeoutMs < 30_000 && outcome?.outcome !== 'sent'; timeoutMs *= 2)
      outcome = await givenWebhook(receiver.url, { timeoutMs })(givenCall())
    expect(outcome).toEqual({ outcome: 'sent', receipt: 'http-200' })
  })

  it('STEP-4: a webhook whose receiver talks without end is sent, and its connection is cut', async () => {
    const cut = Promise.withResolvers<void>()
    const receiver = await givenReceiver((response) => {
      const talk = () => response.write(Buffer.alloc(16_384)) && setImmediate(talk)
      response.on('drain', talk).once('close', cut.resolve)
      talk()
    })
    // The default time is far longer than the test's: it is the bytes that end it.
    const outcome = await givenWebhook(receiver.url, { timeoutMs: 600_000 })(givenCall())
    expect(outcome).toEqual({ outcome: 'sent', receipt: 'http-200' })
    await cut.promise
  })
})

describe('a webhook that is refused', () => {
  it.each([408, 425, 429, 500, 501, 503])('STEP-5: %i is tried again', async (status) => {
    const receiver = await givenReceiver((response) => response.writeHead(status).end('ann@people.test'))
    expect(await givenWebhook(receiver.url)(givenCall())).toEqual({ outcome: 'failed', reason: `http-${status}` })
  })

  it.each([502, 504])(
    'STEP-6: %i, in which a gateway says that it had no answer, leaves it unknown',
    async (status) => {
      const receiver = await givenReceiver((response) => response.writeHead(status, { 'retry-after': '1' }).end())
      const expected = { outcome: 'failed', unknown: true, reason: `http-${status}`, retryAfterMs: 1000 }
      expect(await givenWebhook(receiver.url)(givenCall())).toEqual(expected)
    },
  )

  it.each([400, 401, 404, 410, 422])('STEP-5, LOG-4: %i is not, and its body is not recorded', async (status) => {
    const receiver = await givenReceiver((response) => response.writeHead(status, 'no ann').end('ann@people.test'))
    const outcome = await givenWebhook(receiver.url)(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', permanent: true, reason: `http-${status}` })
  })

  const DATE = 'Sun, 01 Mar 2026 09:00:00 GMT'
  it.each<[string, Record<string, string>, number | undefined]>([
    ['seconds', { 'retry-after': '120' }, 120_000],
    ['none', { 'retry-after': '0' }, 0],
    ['a date', { date: DATE, 'retry-after': 'Sun, 01 Mar 2026 09:02:00 GMT' }, 120_000],
    ['a date that is past', { date: DATE, 'retry-after': 'Sun, 01 Mar 2026 08:00:00 GMT' }, 0],
    ['more than a day', { 'retry-after': '99999999999999999999' }, 86_400_000],
    ['a date in a year', { date: DATE, 'retry-after': 'Mon, 01 Mar 2027 09:00:00 GMT' }, 86_400_000],
    ['nonsense', { 'retry-after': 'soon' }, undefined],
    ['less than nothing', { 'retry-after': '-5' }, undefined],
  ])('STEP-5: Retry-After is heeded: %s', async (_what, headers, retryAfterMs) => {
    const receiver = await givenReceiver((response) => response.writeHead(429, headers).end())
    const outcome = await givenWebhook(receiver.url)(givenCall())
    expect(outcome).toEqual({
      outcome: 'failed',
      reason: 'http-429',
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    })
  })

  it.each([301, 302, 307, 308, 304])('STEP-5: a redirect (%i) is not followed and not tried again', async (status) => {
    const private_ = await givenReceiver((response) => response.end())
    const receiver = await givenReceiver((response) => {
      response.writeHead(status, { location: `http://127.0.0.1:${private_.port}/` }).end()
    })
    const outcome = await givenWebhook(receiver.url, { allow: ['localhost', '127.0.0.1'] })(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', permanent: true, reason: 'redirect' })
    expect(private_.received).toEqual([])
  })
})

describe('an exchange that fails', () => {
  it.each<[string, string, 'end' | 'reset' | 'hang', string]>([
    ['hung up on', '', 'end', 'http-econnreset'],
    ['reset', '', 'reset', 'http-econnreset'],
    ['answered in another language', '220 mx.test ESMTP\r\n', 'hang', 'http-hpe-invalid-constant'],
    ['cut in the headers', 'HTTP/1.1 200 OK\r\nA: b', 'end', 'http-econnreset'],
    ['given headers without end', `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(100_000)}`, 'hang', 'http-hpe-header-overflow'],
  ])('STEP-6: %s leaves it unknown', async (_what, bytes, then, reason) => {
    const { url } = await givenRawReceiver(bytes, then)
    expect(await givenWebhook(url)(givenCall())).toEqual({ outcome: 'failed', unknown: true, reason })
  })

  it.each([
    ['never answered', ''],
    ['told to wait, and no more', 'HTTP/1.1 102 Processing\r\n\r\n'],
    ['cut short of the last header', 'HTTP/1.1 200 OK\r\nA: b\r\n'],
  ])('STEP-5: %s in the time allowed is tried again', async (_what, bytes) => {
    const { url } = await givenRawReceiver(bytes, 'hang')
    const outcome = await givenWebhook(url, { timeoutMs: 40 })(givenCall())
    expect(outcome).toMatchObject({ outcome: 'failed', reason: 'timeout' })
    expect(outcome).not.toHaveProperty('permanent')
  })

  it('STEP-5: nobody listening is tried again: nothing was sent', async () => {
    const outcome = await givenWebhook('http://localhost:1/')(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', reason: 'http-econnrefused' })
  })

  it('STEP-5: TLS with a server that speaks none is tried again', async () => {
    const receiver = await givenReceiver((response) => response.end())
    const outcome = await givenWebhook(receiver.url.replace('http:', 'https:'))(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', reason: expect.stringMatching(/^http-/) })
    expect(receiver.received).toEqual([])
  })

  it.each<[string, LookupFunction, string]>([
    [
      'a name that is not found',
      (_h, _o, done) => done(Object.assign(new Error(), { code: 'ENOTFOUND' }), ''),
      'http-enotfound',
    ],
    ['a resolver that never answers', () => {}, 'timeout'],
  ])('STEP-5: %s is tried again', async (_what, lookup, reason) => {
    const outcome = await givenWebhook('http://hooks.test/', { lookup, timeoutMs: 30 })(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', reason })
  })

  it("STEP-7, LOG-4: what the host's functions throw fails this step alone, without its words", async () => {
    const fail = (error: unknown) => () => {
      throw error
    }
    const gone = Object.assign(new Error('ann'), { permanent: true })
    const url = 'http://localhost:1/'
    expect(await givenWebhook(fail(new TypeError('ann')))(givenCall())).toEqual({
      outcome: 'failed',
      reason: 'url-error-TypeError',
    })
    expect(await givenWebhook(url, { body: fail('ann') })(givenCall())).toEqual({
      outcome: 'failed',
      reason: 'body-error',
    })
    expect(await givenWebhook(url, { body: fail(gone) })(givenCall())).toEqual({
      outcome: 'failed',
      permanent: true,
      reason: 'body-error-Error',
    })
  })

  it('STEP-7: a receiver that hangs for one contact delays no other', async () => {
    const arrived = Promise.withResolvers<void>()
    const receiver = await givenReceiver((response, request) => {
      if (request.url === '/hook/bob') arrived.resolve()
      else response.end()
    })
    const webhook = givenWebhook((call) => `${receiver.url}/${call.contactId}`)
    const abort = new AbortController()
    const hanging = webhook(givenCall({ contactId: 'bob', signal: abort.signal }))
    await arrived.promise
    expect((await webhook(givenCall({ contactId: 'ann' }))).outcome).toBe('sent')
    abort.abort()
    expect(await hanging).toMatchObject({ outcome: 'failed', reason: 'aborted' })
  })
})

describe('a call that is aborted', () => {
  it('STEP-4: a webhook aborted before it begins asks for no address', async () => {
    const url = vi.fn(() => 'http://localhost:1/')
    const outcome = await givenWebhook(url)(givenCall({ signal: AbortSignal.abort() }))
    expect(outcome).toEqual({ outcome: 'failed', reason: 'aborted' })
    expect(url).not.toHaveBeenCalled()
  })

  it('STEP-6: a webhook aborted while the receiver thinks closes the connection and leaves the outcome unknown', async () => {
    const abort = new AbortController()
    const closed = Promise.withResolvers<void>()
    const receiver = await givenReceiver((response) => {
      response.once('close', closed.resolve)
      abort.abort()
    })
    const outcome = await givenWebhook(receiver.url)(givenCall({ signal: abort.signal }))
    expect(outcome).toEqual({ outcome: 'failed', unknown: true, reason: 'aborted' })
    await closed.promise
  })

  it('STEP-4: an abort while the host looks up the address returns at once', async () => {
    const abort = new AbortController()
    const never = new Promise<string>(() => {})
    const sending = givenWebhook(() => never)(givenCall({ signal: abort.signal }))
    abort.abort()
    expect(await sending).toEqual({ outcome: 'failed', reason: 'aborted' })

    const second = new AbortController()
    const abortingItself = givenWebhook(() => {
      second.abort()
      return never
    })
    expect(await abortingItself(givenCall({ signal: second.signal }))).toEqual({ outcome: 'failed', reason: 'aborted' })
  })
})

describe('addresses that are not public', () => {
  const REFUSED = { outcome: 'failed', permanent: true, reason: 'address-refused' }

  it('addresses that are not public are refused, by name or literally, and no connection is made', async () => {
    let connections = 0
    const receiver = await givenReceiver((response) => response.end())
    receiver.server.on('connection', () => connections++)
    const hosts = ['localhost', '127.0.0.1', '2130706433', '0x7f.1', '017700000001', '[::ffff:127.0.0.1]']
    for (const host of hosts) {
      const webhook = givenWebhook(() => `http://${host}:${receiver.port}/`, { allow: ['hooks.internal'] })
      expect([host, await webhook(givenCall())]).toEqual([host, REFUSED])
    }
    expect(connections).toBe(0)
  })

  it('private addresses of a harmless name are refused; the name is looked up once and that address connected to (DNS rebinding)', async () => {
    let connections = 0
    let lookups = 0
    const receiver = await givenReceiver((response) => response.end())
    receiver.server.on('connection', () => connections++)
    const url = `http://rebind.test:${receiver.port}/`
    const lookup: LookupFunction = (host, options, callback) => {
      lookups++
      answering('127.0.0.1')(host, options, callback)
    }

    expect(await givenWebhook(url, { lookup })(givenCall())).toEqual(REFUSED)
    expect([lookups, connections]).toEqual([1, 0])

    const allowed = await givenWebhook(url, { lookup, allow: ['Rebind.test.'] })(givenCall())
    expect(allowed.outcome).toBe('sent')
    expect([lookups, connections]).toEqual([2, 1])
  })

  it('addresses that are not public are refused also while other code of this process holds a connection to that name open', async () => {
    const receiver = await givenReceiver((response) => response.end())
    const url = `http://rebind.test:${receiver.port}/`
    const held = get(url, { lookup: answering('127.0.0.1'), agent: globalAgent }).once('response', (r) => r.resume())
    const [socket] = await once(globalAgent, 'free')
    onTestFinished(() => {
      held.destroy()
      socket.destroy()
    })

    const outcome = await givenWebhook(url, { lookup: answering('127.0.0.1') })(givenCall())

    expect(outcome).toEqual(REFUSED)
    expect(receiver.received).toHaveLength(1)
  })

  it('addresses that are not public that are allowed by name are called', async () => {
    const receiver = await givenReceiver((response) => response.end())
    for (const host of ['localhost', 'LOCALHOST', '127.0.0.1']) {
      const webhook = givenWebhook(`http://${host}:${receiver.port}/`, { allow: ['localhost', '127.0.0.1'] })
      expect([host, (await webhook(givenCall())).outcome]).toEqual([host, 'sent'])
    }
  })

  it.each(['ftp://shop.test/', 'https://user:x@shop.test/', 'shop.test', 7 as unknown as string])(
    'STEP-5: no address, %j, fails for good when a function answers it',
    async (url) => {
      const outcome = await givenWebhook(() => url)(givenCall())
      expect(outcome).toEqual({ outcome: 'failed', permanent: true, reason: expect.stringMatching(/^url-/) })
    },
  )
})

describe('options that cannot be', () => {
  it.each<[string, Partial<SignedWebhookOptions>]>([
    ['url', { url: 'ftp://shop.test/s3cret' }],
    ['url', { url: 'http://10.0.0.1/s3cret' }],
    ['url', { url: 'https://user:s3cret@shop.test/' }],
    ['secret', { secret: [] }],
    ['timeoutMs', { timeoutMs: 0 }],
    ['timeoutMs', { timeoutMs: Number.POSITIVE_INFINITY }],
    ['maxResponseBytes', { maxResponseBytes: 1.5 }],
  ])('options that cannot be are refused at once: %s', (path, options) => {
    let fault: unknown
    try {
      signedWebhook({ url: 'https://shop.test/', secret: SECRET, ...options })
    } catch (error) {
      fault = error
    }
    expect(isEnfoldFault(fault) && [fault.code, fault.details.path]).toEqual(['INVALID_INPUT', path])
    expect(String(fault)).not.toContain('s3cret')
  })
})
