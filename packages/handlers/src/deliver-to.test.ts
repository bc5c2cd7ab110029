/** The engine with `deliverTo` over the ready-made handlers: a real SMTP server, and a receiver of webhooks. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isRedirectable, type Store } from '@enfold/core'
import { createEngine } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSqliteStore } from '@enfold/store-sqlite'
import { createSimulatedClock } from '@enfold/testkit'
import { createTransport } from 'nodemailer'
import { describe, expect, it, onTestFinished } from 'vitest'
import { givenCall } from './call.fixture.ts'
import { signedWebhook } from './signed-webhook.ts'
import { type SmtpMailOptions, smtpMail } from './smtp-mail.ts'
import { givenSmtpServer } from './smtp-server.fixture.ts'

const ME = 'me@example.com'
const template: SmtpMailOptions['template'] = ({ contactId }) => ({
  to: [`Ann Other <${contactId}@people.test>`, { name: 'Bob', address: 'bob@people.test' }],
  subject: 'Mistake 1',
  text: 'Dear Ann, …',
})

/** The mails and webhooks that leave an engine which does one step of each kind. */
async function sentWith(store: Store, deliverTo: string) {
  const smtp = await givenSmtpServer()
  const posted: unknown[] = []
  const receiver = createServer((request, response) => {
    posted.push(request.url)
    response.writeHead(204).end()
  }).listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  onTestFinished(() => void receiver.close())
  const email = smtpMail({ transport: { host: '127.0.0.1', port: smtp.port }, from: 'hello@shop.test', template })
  onTestFinished(() => email.close())
  const webhook = signedWebhook({
    url: `http://localhost:${(receiver.address() as AddressInfo).port}/`,
    secret: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
    allow: ['localhost'],
  })
  const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
  const engine = createEngine({ store, clock, deliverTo, handlers: { email, webhook } })
  await engine.publish({
    id: 'pool',
    goals: [],
    sequences: [
      {
        id: 'nurture',
        steps: [
          { id: 'one', kind: 'email' },
          { id: 'two', kind: 'webhook' },
        ],
      },
    ],
  })
  await engine.startSequence({ contactId: 'ann', campaignId: 'pool', sequenceId: 'nurture', actor: null })
  await engine.runDue()
  const outcomes = (await engine.inspect.history('ann')).flatMap(({ type, data }) =>
    type === 'StepSent' ? [data] : [],
  )
  await engine.close()
  await store.close()
  return { mails: smtp.mails, posted, outcomes }
}

describe.each([
  ['memory', () => createMemoryStore()],
  ['SQLite', () => createSqliteStore({ path: ':memory:' })],
])('an engine with deliverTo over %s', (_, makeStore) => {
  it('DELIVER-1, DELIVER-3: deliverTo sends mail to the address alone, and no webhook', async () => {
    const { mails, posted, outcomes } = await sentWith(makeStore(), ME)
    expect(mails.map(({ recipients }) => recipients)).toEqual([[ME]])
    expect(mails[0]?.headers.get('to')).toEqual([ME])
    expect(mails[0]?.headers.get('x-original-to')).toEqual(['ann@people.test, bob@people.test'])
    expect(posted).toEqual([])
    expect(outcomes).toMatchObject([
      { stepId: 'one', deliverTo: ME, receipt: 'smtp-250 accepted 1' },
      { stepId: 'two', deliverTo: 'nobody' },
    ])
  })

  it('DELIVER-1: deliverTo "nobody" sends nothing at all', async () => {
    const { mails, posted, outcomes } = await sentWith(makeStore(), 'nobody')
    expect(mails).toEqual([])
    expect(posted).toEqual([])
    expect(outcomes.map(({ deliverTo }) => deliverTo)).toEqual(['nobody', 'nobody'])
  })
})

describe('a mail for another address than that of the contact', () => {
  it("DELIVER-2: a redirected mail goes to its address alone, though a host's transport adds copies by its defaults", async () => {
    const smtp = await givenSmtpServer()
    const copies = { cc: 'cc@shop.test', bcc: 'bcc@shop.test', envelope: { from: 'a@shop.test', to: 'b@shop.test' } }
    const transport = createTransport({ host: '127.0.0.1', port: smtp.port }, copies)
    onTestFinished(() => transport.close())
    const handler = smtpMail({ transport, from: 'hello@shop.test', template })
    expect(isRedirectable(handler)).toBe(true)

    expect(await handler(givenCall({ deliverTo: ME }))).toEqual({ outcome: 'sent', receipt: 'smtp-250 accepted 1' })

    const [mail] = smtp.mails
    expect(mail?.recipients).toEqual([ME])
    expect(mail?.raw).not.toMatch(/cc@shop\.test/)
    expect(mail?.headers.get('message-id')).toEqual([`<${givenCall().idempotencyKey}@shop.test>`])
  })
})
