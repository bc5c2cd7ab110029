/**
 * An SMTP server in a process of its own that outlives every kill. Before it replies 250 it writes a line for the mail
 * into a file, synchronously: `{ key, contactId, begunAt, acceptedAt }`. The key is the left side of the Message-ID.
 * It takes up to `--slowness-ms` before it writes, and as much before it replies, so that kills meet mails in any state.
 * Prints its port, then the key of each mail. The file `….begun` next to it has the contact of each mail that was begun.
 */
import { fsyncSync, openSync, writeSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { SMTPServer } from 'smtp-server'

/** One mail that the server took. Instants are milliseconds since 1970. */
export interface Acceptance {
  readonly key: string
  readonly contactId: string
  /** When the client named the sender: the handler had begun. */
  readonly begunAt: number
  readonly acceptedAt: number
}

const { values } = parseArgs({
  options: { record: { type: 'string', default: 'mails.jsonl' }, 'slowness-ms': { type: 'string', default: '0' } },
})
const slownessMs = Number(values['slowness-ms'])
const record = openSync(values.record, 'a')
const begun = openSync(`${values.record}.begun`, 'a')
const begunAt = new WeakMap<object, number>()
const contactIn = (address: string) => address.split('@')[0] ?? ''

const server = new SMTPServer({
  logger: false,
  authOptional: true,
  hideSTARTTLS: true,
  onMailFrom(_address, session, done) {
    begunAt.set(session, Date.now())
    done()
  },
  onRcptTo({ address }, _session, done) {
    writeSync(begun, `${contactIn(address)}\n`)
    done()
  },
  onData(stream, session, done) {
    const contactId = contactIn(session.envelope.rcptTo[0]?.address ?? '')
    const startedAt = begunAt.get(session) as number
    text(stream)
      .then(async (raw) => {
        await sleep(Math.random() * slownessMs)
        const key = /^Message-ID: <([^@]+)@/im.exec(raw)?.[1] ?? ''
        const mail: Acceptance = { key, contactId, begunAt: startedAt, acceptedAt: Date.now() }
        writeSync(record, `${JSON.stringify(mail)}\n`)
        fsyncSync(record)
        console.log(key)
        await sleep(Math.random() * slownessMs)
      })
      .then(() => done(), done)
  },
})
// Clients are killed in the middle of everything.
server.on('error', () => {})
server.listen(0, '127.0.0.1', () => console.log((server.server.address() as AddressInfo).port))
