import { createTransport } from 'nodemailer'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { givenCall } from './call.fixture.ts'
import type { Mail } from './mail-message.ts'
import { type SmtpMailOptions, smtpMail } from './smtp-mail.ts'
import { givenScriptedSmtpServer, givenSmtpServer, type Reply, type Script } from './smtp-server.fixture.ts'

const MAIL: Mail = { to: 'Ann <ann@people.test>', subject: 'Mistake 1', text: 'Dear Ann, …' }

function givenHandler(port: number, options: Partial<SmtpMailOptions> = {}, transport: object = {}) {
  const handler = smtpMail({
    from: 'Pool Shop <hello@shop.test>',
    template: () => MAIL,
    ...options,
    transport: options.transport ?? { host: '127.0.0.1', port, ...transport },
  })
  onTestFinished(() => handler.close())
  return handler
}

describe('a mail that is sent', () => {
  it('STEP-4: a mail arrives as the template wrote it, and the receipt names no address (LOG-4)', async () => {
    const server = await givenSmtpServer()
    const template = (): Mail => ({
      ...MAIL,
      html: '<p>Dear Ann</p>',
      replyTo: { name: 'Bob', address: 'bob@shop.test' },
      headers: { 'X-Campaign': 'pool' },
      attachments: [{ filename: 'guide.txt', content: 'seven mistakes' }],
    })

    const outcome = await givenHandler(server.port, { template })(givenCall())

    expect(outcome).toEqual({ outcome: 'sent', receipt: 'smtp-250 accepted 1' })
    const [mail] = server.mails
    expect(mail?.recipients).toEqual(['ann@people.test'])
    expect(mail?.headers.get('subject')).toEqual(['Mistake 1'])
    expect(mail?.headers.get('from')).toEqual(['Pool Shop <hello@shop.test>'])
    expect(mail?.headers.get('reply-to')).toEqual(['Bob <bob@shop.test>'])
    expect(mail?.headers.get('x-campaign')).toEqual(['pool'])
    expect(mail?.raw).toContain('<p>Dear Ann</p>')
    expect(mail?.raw).toContain('guide.txt')
  })

  it('STEP-4: a mail has the idempotency key for Message-ID and header, the same on every attempt, another on a resend', async () => {
    const server = await givenSmtpServer()
    const handler = givenHandler(server.port)
    const key = givenCall().idempotencyKey
    const resent = givenCall({ resend: 1 })

    for (const call of [givenCall(), givenCall({ attempt: 2 }), resent]) await handler(call)

    const ids = server.mails.map((mail) => mail.headers.get('message-id')?.[0])
    expect(ids).toEqual([`<${key}@shop.test>`, `<${key}@shop.test>`, `<${resent.idempotencyKey}@shop.test>`])
    expect(resent.idempotencyKey).not.toBe(key)
    expect(server.mails[0]?.headers.get('idempotency-key')).toEqual([key])
  })

  it.each<[string, Partial<SmtpMailOptions>, string]>([
    ["the option's", { domain: 'mail.shop.test' }, 'mail.shop.test'],
    ["the template's sender's", { template: () => ({ ...MAIL, from: '"a@b" <bob@other.test>' }) }, 'other.test'],
    ['an international one in ASCII', { from: { name: 'Ü', address: 'a@bücher.test' } }, 'xn--bcher-kva.test'],
  ])('STEP-4: the domain of the Message-ID is %s', async (_what, options, domain) => {
    const server = await givenSmtpServer()
    await givenHandler(server.port, options)(givenCall())
    expect(server.mails[0]?.headers.get('message-id')).toEqual([`<${givenCall().idempotencyKey}@${domain}>`])
  })

  it('STEP-4: a mail goes out over a connection that the mail before left open', async () => {
    const server = await givenSmtpServer()
    const handler = givenHandler(server.port)
    for (const contactId of ['ann', 'bob', 'eve']) await handler(givenCall({ contactId }))
    expect(server.mails).toHaveLength(3)
    expect(server.connections).toBe(1)
  })

  it('STEP-4: a mail goes out over a transport of the host, which close() leaves open', async () => {
    const server = await givenSmtpServer()
    const transport = createTransport({ host: '127.0.0.1', port: server.port, pool: true })
    onTestFinished(() => transport.close())
    const handler = givenHandler(0, { transport })

    await handler(givenCall())
    handler.close()
    const outcome = await handler(givenCall())

    expect(outcome.outcome).toBe('sent')
    expect(server.mails).toHaveLength(2)
  })

  it('STEP-4: after close() the pool sends nothing more, and says so as a failure to try again', async () => {
    const server = await givenScriptedSmtpServer({})
    const handler = givenHandler(server.port)
    await handler(givenCall())

    const closed = server.when('CLOSED')
    handler.close()
    await closed

    expect(await handler(givenCall())).toEqual({ outcome: 'failed', reason: 'smtp-econnection' })
  })
})

describe('a mail that is not to be sent', () => {
  it.each([
    [null, 'no-mail'],
    [{ skip: 'unsubscribed' }, 'unsubscribed'],
  ])('STEP-4: template answers %j, skipped for %s', async (answer, reason) => {
    const server = await givenSmtpServer()
    const outcome = await givenHandler(server.port, { template: async () => answer })(givenCall())
    expect(outcome).toEqual({ outcome: 'skipped', reason })
    expect(server.connections).toBe(0)
  })

  it('STEP-7, LOG-4: a template that throws fails this step, to be tried again, without its words', async () => {
    const template = () => {
      throw new TypeError('no name for ann@people.test')
    }
    const outcome = await givenHandler(1, { template })(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', reason: 'template-error-TypeError' })
  })

  it.each([
    [Object.assign(new Error('gone'), { permanent: true }), { reason: 'template-error-Error', permanent: true }],
    [Object.assign(new Error('x'), { name: 'Ann <ann@people.test>' }), { reason: 'template-error' }],
    ['ann@people.test', { reason: 'template-error' }],
    [null, { reason: 'template-error' }],
  ])('STEP-5, LOG-4: a template that rejects with %o', async (error, expected) => {
    const outcome = await givenHandler(1, { template: () => Promise.reject(error) })(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', ...expected })
  })

  it.each<[string, unknown, string]>([
    ['no object', 'Dear Ann', 'template-invalid'],
    ['no subject', { to: 'ann@people.test', text: 'x' }, 'template-invalid'],
    ['no text', { to: 'ann@people.test', subject: 'x' }, 'template-invalid'],
    ['nobody to go to', { ...MAIL, to: [] }, 'smtp-eenvelope'],
    ['a header that adds a recipient', { ...MAIL, headers: { BCC: 'eve@x.test' } }, 'template-invalid'],
    ['a Message-ID of its own', { ...MAIL, headers: { 'Message-Id': '<1@x.test>' } }, 'template-invalid'],
    [
      'a header to be written as it stands',
      { ...MAIL, headers: { A: { prepared: true, value: 'b\r\nBcc: c' } } },
      'template-invalid',
    ],
    [
      'a header whose name breaks the line',
      { ...MAIL, headers: { 'A\r\nBcc: eve@x.test\r\nB': 'b' } },
      'template-invalid',
    ],
    ['a file of this machine', { ...MAIL, attachments: [{ path: '/etc/hostname' }] }, 'smtp-efileaccess'],
    ['a web address to fetch', { ...MAIL, attachments: [{ href: 'http://127.0.0.1:1/' }] }, 'smtp-eurlaccess'],
  ])('STEP-5: a mail with %s fails for good', async (_what, mail, reason) => {
    const server = await givenSmtpServer()
    const outcome = await givenHandler(server.port, { template: () => mail as Mail })(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', permanent: true, reason })
    expect(server.mails).toEqual([])
  })

  it('STEP-4: a mail with a file of this machine is sent where the transport allows it', async () => {
    const server = await givenSmtpServer()
    const template = () => ({ ...MAIL, attachments: [{ filename: 'index.txt', path: import.meta.filename }] })
    const outcome = await givenHandler(server.port, { template }, { disableFileAccess: false })(givenCall())
    expect(outcome.outcome).toBe('sent')
  })

  it('STEP-5: a mail without a sender fails for good', async () => {
    const handler = smtpMail({ transport: { port: 1 }, template: () => MAIL })
    expect(await handler(givenCall())).toEqual({ outcome: 'failed', permanent: true, reason: 'from-missing' })
  })
})

describe('line breaks in what the template took from a form', () => {
  const EVIL = 'x\r\nBcc: eve@evil.test\r\nInjected: yes\r\n\r\nbody'

  it.each<[string, Partial<Mail>]>([
    ['the subject', { subject: EVIL }],
    ['a header', { headers: { 'X-Name': EVIL } }],
    ["the recipient's name", { to: { name: EVIL, address: 'ann@people.test' } }],
    ["the recipient's address", { to: { name: 'Ann', address: `ann@people.test>\r\nRCPT TO:<eve@evil.test` } }],
    ['the recipient', { to: `Ann ${EVIL} <ann@people.test>` }],
    ["the sender's name", { from: { name: EVIL, address: 'hello@shop.test' } }],
    ['the reply address', { replyTo: { name: 'Bob', address: `bob@shop.test\r\nInjected: yes` } }],
    ["an attachment's name", { attachments: [{ filename: EVIL, content: 'x' }] }],
  ])('STEP-4: line breaks in %s add neither a header nor a recipient', async (_where, part) => {
    const server = await givenSmtpServer()

    const outcome = await givenHandler(server.port, { template: () => ({ ...MAIL, ...part }) })(givenCall())

    const recipients = server.mails.flatMap((mail) => mail.recipients)
    expect(recipients).not.toContain('eve@evil.test')
    for (const mail of server.mails) expect([...mail.headers.keys()]).not.toContain('injected')
    for (const mail of server.mails) expect([...mail.headers.keys()]).not.toContain('bcc')
    if (outcome.outcome === 'sent') expect(recipients).toHaveLength(1)
    else expect(outcome).toMatchObject({ permanent: true })
  })
})

describe('unsubscribing', () => {
  const LONG = `https://shop.test/leave/${'a'.repeat(500)}`

  it.each([
    [{ url: 'https://shop.test/leave?c=1,2' }, '<https://shop.test/leave?c=1,2>'],
    [{ url: LONG, mailto: 'mailto:leave@shop.test?subject=x' }, `<${LONG}>, <mailto:leave@shop.test?subject=x>`],
    [{ url: 'https://shop.test/a>\r\nBcc: eve@x.test' }, '<https://shop.test/a%3EBcc:%20eve@x.test>'],
  ])('RFC 8058: %j makes both headers', async (unsubscribe, expected) => {
    const server = await givenSmtpServer()
    await givenHandler(server.port, { unsubscribe: () => unsubscribe })(givenCall())
    const [mail] = server.mails
    expect(mail?.headers.get('list-unsubscribe')).toEqual([expected])
    expect(mail?.raw).toContain(`\r\nList-Unsubscribe: ${expected}\r\n`)
    expect(mail?.headers.get('list-unsubscribe-post')).toEqual(['List-Unsubscribe=One-Click'])
    expect(mail?.headers.has('bcc')).toBe(false)
  })

  it('RFC 8058: null makes none', async () => {
    const server = await givenSmtpServer()
    await givenHandler(server.port, { unsubscribe: async () => null })(givenCall())
    expect([...(server.mails[0]?.headers.keys() ?? [])]).not.toContain('list-unsubscribe')
  })

  it.each([
    [{ url: 'http://shop.test/leave' }],
    [{ url: 'leave' }],
    [{ url: 'https://shop.test/', mailto: 'leave@shop.test' }],
    [{ url: 'https://shop.test/', mailto: 'mailto:leave@shop.test>\r\nBcc: eve@x.test' }],
  ])('RFC 8058: %j is refused', async (unsubscribe) => {
    const outcome = await givenHandler(1, { unsubscribe: () => unsubscribe })(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', permanent: true, reason: 'unsubscribe-invalid' })
  })

  it('STEP-7: a template that throws is tried again', async () => {
    const unsubscribe = () => Promise.reject(new RangeError('x'))
    const outcome = await givenHandler(1, { unsubscribe })(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', reason: 'unsubscribe-error-RangeError' })
  })
})

describe('what the server refuses', () => {
  const QUOTING = '<ann@people.test>: no such person Ann'

  it.each<[string, Script, { reason: string; permanent?: true }]>([
    ['an unknown recipient', { RCPT: `550 5.1.1 ${QUOTING}` }, { reason: 'smtp-550-5.1.1', permanent: true }],
    ['without an enhanced code', { RCPT: `550 ${QUOTING}` }, { reason: 'smtp-550', permanent: true }],
    ['an address that looks like a code', { RCPT: '550 5.1.1.9 is listed' }, { reason: 'smtp-550', permanent: true }],
    ['in several lines', { RCPT: '550-5.7.1 no\r\n550 5.7.1 no' }, { reason: 'smtp-550-5.7.1', permanent: true }],
    ['a sender', { MAIL: `553 5.1.8 ${QUOTING}` }, { reason: 'smtp-553-5.1.8', permanent: true }],
    ['a message', { DOT: `554 5.6.0 ${QUOTING}` }, { reason: 'smtp-554-5.6.0', permanent: true }],
    ['a full mailbox for now', { RCPT: `450 4.2.1 ${QUOTING}` }, { reason: 'smtp-450-4.2.1' }],
    ['a message for now', { DOT: `451 4.3.0 ${QUOTING}` }, { reason: 'smtp-451-4.3.0' }],
    ['everybody for now, at the greeting', { GREETING: '421 4.3.2 busy' }, { reason: 'smtp-421-4.3.2' }],
    ['everybody for now, in between', { RCPT: '421 4.3.2 busy' }, { reason: 'smtp-421-4.3.2' }],
    ['everybody, which may pass', { GREETING: '554 5.3.2 no service' }, { reason: 'smtp-554-5.3.2' }],
    ['a wrong order of commands', { MAIL: '503 5.5.1 first EHLO' }, { reason: 'smtp-503-5.5.1' }],
    ['who has not logged in', { MAIL: '530 5.7.0 log in' }, { reason: 'smtp-530-5.7.0' }],
  ])('STEP-5, LOG-4: %s', async (_what, replies, expected) => {
    const server = await givenScriptedSmtpServer(replies)
    const outcome = await givenHandler(server.port)(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', ...expected })
  })

  it('STEP-5: a wrong password is tried again: the account can be put right, the mails that failed for good not', async () => {
    const server = await givenScriptedSmtpServer({ AUTH: '535 5.7.8 no' })
    const outcome = await givenHandler(server.port, {}, { auth: { user: 'crm', pass: 'x' } })(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', reason: 'smtp-535-5.7.8' })
  })

  it('STEP-5: one recipient refused and one accepted is sent, with a receipt that counts (LOG-4)', async () => {
    const server = await givenScriptedSmtpServer({ 'RCPT TO:<bob@people.test>': `550 5.1.1 <bob@people.test> unknown` })
    const template = () => ({ ...MAIL, to: ['ann@people.test', 'bob@people.test'] })
    const outcome = await givenHandler(server.port, { template })(givenCall())
    const receipt = 'smtp-250-2.0.0 accepted 1 rejected 1 smtp-550-5.1.1'
    expect(outcome).toEqual({ outcome: 'sent', receipt })
  })

  it('STEP-5: all refused, one of them for now, is tried again', async () => {
    const server = await givenScriptedSmtpServer({
      RCPT: '550 5.1.1 no',
      'RCPT TO:<bob@people.test>': '450 4.2.1 later',
    })
    const template = () => ({ ...MAIL, to: ['bob@people.test', 'ann@people.test'] })
    const outcome = await givenHandler(server.port, { template })(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', reason: 'smtp-450-4.2.1' })
  })

  it('STEP-5: a mail refused by LMTP after the message has failed for good', async () => {
    const server = await givenScriptedSmtpServer({ LHLO: '250 mx.test', DOT: '550 5.2.2 <ann@people.test> full' })
    const outcome = await givenHandler(server.port, {}, { lmtp: true })(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', permanent: true, reason: 'smtp-550-5.2.2' })
  })

  it('STEP-5: a mail refused by LMTP after the message, for one recipient only for now, is tried again', async () => {
    const server = await givenScriptedSmtpServer({ LHLO: '250 mx.test', DOT: '550 5.2.2 full\r\n452 4.2.2 full' })
    const template = () => ({ ...MAIL, to: ['ann@people.test', 'bob@people.test'] })
    const outcome = await givenHandler(server.port, { template }, { lmtp: true })(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', reason: 'smtp-452-4.2.2' })
  })
})

describe('a connection that fails', () => {
  const LARGE: Mail = { ...MAIL, text: 'seven mistakes of pool owners\n'.repeat(400_000) }

  it.each<[string, Script, object, string | RegExp]>([
    ['cut at once', { GREETING: 'CUT' }, {}, 'smtp-econnection'],
    ['never greeted', { GREETING: 'SILENCE' }, { greetingTimeout: 30 }, 'smtp-etimedout'],
    ['cut at a recipient', { RCPT: 'CUT' }, {}, 'smtp-econnection'],
    ['silent at a recipient', { RCPT: 'SILENCE' }, { socketTimeout: 30 }, 'smtp-etimedout'],
    ['TLS wanted and not offered', {}, { requireTLS: true }, 'smtp-454-4.7.0'],
    [
      'TLS begun and broken off',
      { EHLO: '250-mx\r\n250 STARTTLS', STARTTLS: '220 go', BODY: 'CUT' },
      {},
      /^smtp-(etls|econnreset)$/,
    ],
  ])('STEP-5: %s is tried again', async (_what, replies, transport, reason) => {
    const server = await givenScriptedSmtpServer({ ...replies })
    const outcome = await givenHandler(server.port, {}, transport)(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', reason: expect.stringMatching(reason) })
  })

  it('STEP-5: a pooled connection that the server has dropped costs no attempt', async () => {
    const server = await givenScriptedSmtpServer({ MAIL: ['250 2.1.0 ok', 'CUT', '250 2.1.0 ok'] })
    const handler = givenHandler(server.port)
    expect((await handler(givenCall())).outcome).toBe('sent')
    expect((await handler(givenCall({ resend: 1 }))).outcome).toBe('sent')
    expect(server.connections()).toBe(2)
  })

  it('STEP-6: what became of one mail says nothing of another under the same signal', async () => {
    const server = await givenScriptedSmtpServer({ 'RCPT TO:<bob@people.test>': 'SILENCE' })
    const template = (call: { contactId: string }) => ({ ...MAIL, to: `${call.contactId}@people.test` })
    const handler = givenHandler(server.port, { template })
    const abort = new AbortController()
    expect((await handler(givenCall({ contactId: 'ann', signal: abort.signal }))).outcome).toBe('sent')
    const second = handler(givenCall({ contactId: 'bob', signal: abort.signal }))
    await server.when('RCPT')
    abort.abort()
    expect(await second).toEqual({ outcome: 'failed', reason: 'aborted' })
  })

  it('STEP-5: a certificate that nobody vouches for is tried again, and nothing is sent in the clear', async () => {
    const server = await givenSmtpServer({ hideSTARTTLS: false })
    const outcome = await givenHandler(server.port)(givenCall())
    expect(outcome).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(/^smtp-/) })
    expect(outcome).not.toHaveProperty('permanent')
    expect(server.mails).toEqual([])
  })

  it('STEP-5: a mail is tried again if nobody listens', async () => {
    const outcome = await givenHandler(1)(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', reason: 'smtp-econnrefused' })
  })

  it('STEP-5: a server without an address is tried again', async () => {
    // No resolver is asked about a label of more than 63 characters.
    const outcome = await givenHandler(25, {}, { host: `${'a'.repeat(64)}.test` })(givenCall())
    expect(outcome).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(/^smtp-e/) })
    expect(outcome).not.toHaveProperty('permanent')
  })

  it('STEP-5: a mail cut in the middle of the message is known not to have been sent', async () => {
    const server = await givenScriptedSmtpServer({ BODY: 'CUT' })
    const outcome = await givenHandler(server.port, { template: () => LARGE })(givenCall())
    expect(outcome).toEqual({ outcome: 'failed', reason: expect.stringMatching(/^smtp-(econn|epipe)/) })
  })

  it.each<[string, Reply, object]>([
    ['cut', 'CUT', {}],
    ['silent', 'SILENCE', { socketTimeout: 300 }],
  ])(
    'STEP-6: %s after the end of the message is unknown; tried again with the same Message-ID',
    async (_what, reply, transport) => {
      const server = await givenScriptedSmtpServer({ DOT: reply })
      const handler = givenHandler(server.port, {}, transport)
      expect(await handler(givenCall())).toEqual({ outcome: 'failed', unknown: true, reason: 'smtp-unknown' })
    },
  )

  it('STEP-7: a server that hangs for one contact delays no other', async () => {
    const server = await givenScriptedSmtpServer({ 'RCPT TO:<bob@people.test>': 'SILENCE' })
    const template = (call: { contactId: string }) => ({ ...MAIL, to: `${call.contactId}@people.test` })
    const handler = givenHandler(server.port, { template })
    const abort = new AbortController()

    const hanging = handler(givenCall({ contactId: 'bob', signal: abort.signal }))
    await server.when('RCPT')

    expect((await handler(givenCall({ contactId: 'ann' }))).outcome).toBe('sent')
    abort.abort()
    expect(await hanging).toEqual({ outcome: 'failed', reason: 'aborted' })
  })
})

describe('a call that is aborted', () => {
  it('STEP-4: a mail aborted before it begins asks no template', async () => {
    const template = vi.fn(() => MAIL)
    const outcome = await givenHandler(1, { template })(givenCall({ signal: AbortSignal.abort() }))
    expect(outcome).toEqual({ outcome: 'failed', reason: 'aborted' })
    expect(template).not.toHaveBeenCalled()
  })

  it('STEP-4: an abort while the template runs returns at once, and nothing is sent', async () => {
    const server = await givenSmtpServer()
    const abort = new AbortController()
    const thought = Promise.withResolvers<Mail>()
    const handler = givenHandler(server.port, { template: () => thought.promise })

    const sending = handler(givenCall({ signal: abort.signal }))
    abort.abort()
    expect(await sending).toEqual({ outcome: 'failed', reason: 'aborted' })

    thought.resolve(MAIL)
    await handler(givenCall())
    expect(server.mails).toHaveLength(1)
  })

  it('STEP-4: a mail aborted before the message is handed over closes the connection', async () => {
    const server = await givenScriptedSmtpServer({ RCPT: 'SILENCE' })
    const abort = new AbortController()
    const sending = givenHandler(server.port)(givenCall({ signal: abort.signal }))
    await server.when('RCPT')

    const closed = server.when('CLOSED')
    abort.abort()

    expect(await sending).toEqual({ outcome: 'failed', reason: 'aborted' })
    await closed
  })

  it('STEP-6: after the message is handed over leaves it unknown', async () => {
    const server = await givenScriptedSmtpServer({ DOT: 'SILENCE' })
    const abort = new AbortController()
    const sending = givenHandler(server.port)(givenCall({ signal: abort.signal }))
    await server.when('DOT')
    abort.abort()
    expect(await sending).toEqual({ outcome: 'failed', unknown: true, reason: 'smtp-unknown' })
  })
})

describe('a password', () => {
  const auth = { user: 'crm', pass: 'hunter2' }
  // Of this machine, by a name that does not say so.
  const abroad = { host: '0.0.0.0', auth }

  async function givenServerWithoutTls() {
    const told: string[] = []
    const server = await givenSmtpServer({
      authMethods: ['PLAIN', 'LOGIN'],
      allowInsecureAuth: true,
      onAuth({ password }, _session, done) {
        told.push(password ?? '')
        done(null, { user: 'crm' })
      },
    })
    return { server, told }
  }

  it.each<[string, (port: number) => object]>([
    ['by its options', () => abroad],
    ['by its URL', (port) => ({ url: `smtp://crm:hunter2@0.0.0.0:${port}` })],
    ['by a URL without slashes', (port) => ({ url: `smtp:crm:hunter2@0.0.0.0:${port}` })],
    ['by a URL whose query names the host', (port) => ({ url: `smtp://:${port}?host=0.0.0.0`, auth })],
    ['by a host with a URL that names none', (port) => ({ url: `smtp:?port=${port}`, host: '0.0.0.0', auth })],
    ['by a URL in the query of the URL', (port) => ({ url: `smtp:?url=smtp:crm:hunter2@0.0.0.0:${port}` })],
    ['one connection per mail', (port) => ({ url: `smtp:crm:hunter2@0.0.0.0:${port}`, pool: false })],
    ['by a name that only looks like this machine', () => ({ host: '127.999.1.1', auth })],
  ])('a password does not go to another machine that offers no TLS, %s', async (_, transport) => {
    const { server, told } = await givenServerWithoutTls()
    expect(
      await givenHandler(server.port, {}, { host: undefined, ...transport(server.port) })(givenCall()),
    ).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(/^smtp-/) })
    expect([told, server.mails]).toEqual([[], []])
  })

  it('a password does not go to the localhost of a proxy', async () => {
    const { server, told } = await givenServerWithoutTls()
    const transport = { auth, getSocket: (_: unknown, done: (error: null, none: false) => void) => done(null, false) }
    expect(await givenHandler(server.port, {}, transport)(givenCall())).toMatchObject({ outcome: 'failed' })
    expect(told).toEqual([])
  })

  it('a password goes there if that is allowed by name, and to this machine', async () => {
    const { server, told } = await givenServerWithoutTls()
    expect(await givenHandler(server.port, { allowPlainAuth: true }, abroad)(givenCall())).toMatchObject({
      outcome: 'sent',
    })
    expect(await givenHandler(server.port, {}, { auth })(givenCall())).toMatchObject({ outcome: 'sent' })
    expect(told).toEqual(['hunter2', 'hunter2'])
  })

  it.each([
    { ...abroad, ignoreTLS: true },
    { ...abroad, requireTLS: false },
    { url: 'smtp://crm:hunter2@example.com?requireTLS=false' },
    { url: 'smtp://crm:hunter2@example.com?ignoreTLS=true' },
    { url: 'smtp://crm:hunter2@example.com?requireTLS=0', requireTLS: true },
    { url: 'smtp:?host=example.com&ignoreTLS=true', auth },
  ])('%j with it is refused, and the password not shown', (transport) => {
    const make = () => givenHandler(25, {}, transport)
    expect(make).toThrow(/allowPlainAuth: true/)
    expect(make).not.toThrow(/hunter2/)
  })

  it.each([
    '',
    '//crm:hunter2@example.com',
    'https://crm:hunter2@example.com',
    'smtp://crm:hunter2@exa mple%00.com',
    'smtp://crm:hunter2@[::1',
  ])('the URL %j is refused, and the password not shown', (url) => {
    const make = () => givenHandler(25, {}, { url })
    expect(make).toThrow(/smtpMail\.transport\.url/)
    expect(make).not.toThrow(/hunter2/)
  })
})
