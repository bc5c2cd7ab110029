/** For the tests of this package: SMTP servers on the loopback, one that behaves and one that follows a script. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { onTestFinished } from 'vitest'

export interface ReceivedMail {
  readonly recipients: readonly string[]
  readonly raw: string
  /** Unfolded, by name in small letters, in their order. */
  readonly headers: ReadonlyMap<string, readonly string[]>
}

/** A real server. `port`, the mails it took, and how many connections it has had. */
export async function givenSmtpServer(options: SMTPServerOptions = {}) {
  const mails: ReceivedMail[] = []
  const state = { port: 0, mails, connections: 0 }
  const server = new SMTPServer({
    logger: false,
    authOptional: true,
    hideSTARTTLS: true,
    closeTimeout: 1,
    onConnect(_session, done) {
      state.connections++
      done()
    },
    onData(stream, session, done) {
      text(stream).then((raw) => {
        const recipients = session.envelope.rcptTo.map((recipient) => recipient.address)
        mails.push({ recipients, raw, headers: headersOf(raw) })
        done()
      }, done)
    },
    ...options,
  })
  server.on('error', () => {})
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())))
  state.port = (server.server.address() as AddressInfo).port
  return state
}

function headersOf(raw: string): Map<string, string[]> {
  const headers = new Map<string, string[]>()
  const head = raw.slice(0, raw.indexOf('\r\n\r\n')).replaceAll(/\r\n[ \t]+/g, ' ')
  for (const line of head.split('\r\n')) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase()
    headers.set(name, [...(headers.get(name) ?? []), line.slice(line.indexOf(':') + 1).trim()])
  }
  return headers
}

/** What the server says at a point of the dialogue: a reply, nothing ever, or it breaks the connection. */
export type Reply = string | 'SILENCE' | 'CUT'
/** `BODY` is the first piece of the message, or of the TLS handshake; `DOT` is its end. */
export type Moment =
  | 'GREETING'
  | 'EHLO'
  | 'AUTH'
  | 'STARTTLS'
  | 'MAIL'
  | 'RCPT'
  | 'DATA'
  | 'BODY'
  | 'DOT'
  | 'RSET'
  | 'QUIT'

const OBEDIENT: Record<Moment, Reply> = {
  GREETING: '220 mx.test ESMTP',
  EHLO: '250-mx.test\r\n250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN',
  AUTH: '235 2.7.0 ok',
  STARTTLS: '454 4.7.0 not now',
  MAIL: '250 2.1.0 ok',
  RCPT: '250 2.1.5 ok',
  DATA: '354 go on',
  BODY: 'SILENCE',
  DOT: '250 2.0.0 queued',
  RSET: '250 2.0.0 ok',
  QUIT: '221 2.0.0 bye',
}

/** By moment, or by a whole command line (`RCPT TO:<ann@people.test>`). Each entry of a list is used once, the last without end. */
export type Script = { readonly [moment: string]: Reply | readonly Reply[] }

export async function givenScriptedSmtpServer(replies: Script) {
  const script = new Map(Object.entries({ ...OBEDIENT, ...replies }).map(([moment, reply]) => [moment, [reply].flat()]))
  const replyAt = (moment: string) => {
    const list = script.get(moment)
    return list !== undefined && list.length > 1 ? list.shift() : list?.[0]
  }
  let connections = 0
  const sockets = new Set<Socket>()
  const waiting = new Map<string, () => void>()
  const server = createServer((socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => {
      sockets.delete(socket)
      reached('CLOSED')
    })
    let inMessage = false
    let text = ''

    const answer = (moment: Moment, line: string = moment) => {
      const reply = replyAt(line) ?? replyAt(moment) ?? '500 5.5.1 what?'
      if (reply === 'CUT') socket.destroy()
      else if (reply !== 'SILENCE') socket.write(`${reply}\r\n`)
      inMessage = reply.startsWith('354') || (moment === 'STARTTLS' && reply.startsWith('220'))
      reached(moment)
    }
    const reached = (moment: string) => waiting.get(moment)?.()

    answer('GREETING')
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (inMessage) {
        if (replyAt('BODY') === 'CUT') return socket.destroy()
        if (!text.endsWith('\r\n.\r\n')) return
        text = ''
        return answer('DOT')
      }
      let end = text.indexOf('\r\n')
      while (end !== -1) {
        const line = text.slice(0, end)
        text = text.slice(end + 2)
        answer(line.slice(0, 4) === 'STAR' ? 'STARTTLS' : (line.slice(0, 4).toUpperCase() as Moment), line)
        end = text.indexOf('\r\n')
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    /** Resolves when a client next gets to this moment, or `CLOSED`: has closed its connection. */
    when: (moment: Moment | 'CLOSED') => new Promise<void>((resolve) => waiting.set(moment, resolve)),
  }
}
