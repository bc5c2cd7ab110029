/**
 * A worker process to copy: opens the store, mails what is due, and ends when it is told to, with everything recorded
 * that it had begun. Start as many as you like on one store. How to run it: README.md.
 */
import { inspect, parseArgs } from 'node:util'
import { createEngine } from 'enfold'
import { smtpMail } from 'enfold/handlers'
import { openStore } from './open-store.ts'

const { values: settings } = parseArgs({
  options: {
    database: { type: 'string', default: process.env.ENFOLD_DATABASE ?? 'campaigns.db' },
    'smtp-host': { type: 'string', default: process.env.SMTP_HOST ?? 'localhost' },
    'smtp-port': { type: 'string', default: process.env.SMTP_PORT ?? '25' },
    connections: { type: 'string', default: '5' },
    'handler-timeout-ms': { type: 'string', default: '30000' },
    'lease-ms': { type: 'string', default: '60000' },
    'shutdown-ms': { type: 'string', default: '10000' },
    'poll-ms': { type: 'string', default: '1000' },
    'back-off-ms': { type: 'string', default: '30000' },
  },
})
/** What an operator should see. */
const TROUBLE = new Set(['contact-failed', 'loop-failed', 'lease-lost', 'outcome-stale'])
const connections = Number(settings.connections)
const backOffMs = Number(settings['back-off-ms'])

const email = smtpMail({
  transport: { host: settings['smtp-host'], port: Number(settings['smtp-port']), maxConnections: connections },
  from: 'Pool Shop <hello@shop.example>',
  // Your own lookup and your own words stand here; `null` for a contact that has no address.
  template: ({ contactId, step }) => ({
    to: `${contactId}@people.example`,
    subject: step.id,
    text: 'Dear customer, …',
  }),
})
let handled = 0
const store = openStore(settings.database)
const engine = createEngine({
  store,
  handlers: { email },
  dispatch: {
    handlerTimeoutMs: Number(settings['handler-timeout-ms']),
    leaseMs: Number(settings['lease-ms']),
    shutdownMs: Number(settings['shutdown-ms']),
    pollMs: Number(settings['poll-ms']),
    backOff: { baseMs: backOffMs, capMs: backOffMs * 120 },
    // No more mails at once than connections: a wait in the mailer's queue counts as the handler's time.
    kinds: { email: { concurrency: connections } },
  },
  observe(signal) {
    if (signal.type === 'step-answered') handled += 1
    // On one line, for whatever reads the log.
    if (TROUBLE.has(signal.type)) console.error(inspect(signal, { breakLength: Number.POSITIVE_INFINITY }))
  },
})

const stopping = new AbortController()
for (const name of ['SIGTERM', 'SIGINT']) process.once(name, () => stopping.abort())

console.log('working')
await engine.run({ signal: stopping.signal })
email.close()
await store.close()
console.log(`at rest after ${handled} steps`)
