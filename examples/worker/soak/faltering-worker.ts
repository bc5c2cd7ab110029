/**
 * A worker that kills or freezes itself at a chosen moment, once: just after it has claimed contacts (`claimed`), just after
 * it has recorded dispatches and before their handlers (`dispatched`), or just after its first handler has done its work and before that is recorded (`handled`).
 * Its handler mails nothing: it writes into the file what a mail server would. Prints what it does.
 */
import { appendFileSync } from 'node:fs'
import { createEngine } from 'enfold'
import { openStore } from '../open-store.ts'
import type { Acceptance } from './mail-server.ts'

const [database, mailFile, moment, signal] = process.argv.slice(2) as [string, string, string, NodeJS.Signals | 'never']
let faltered = false

function falterAt(here: string): void {
  if (faltered || here !== moment || signal === 'never') return
  faltered = true
  console.log('faltering')
  process.kill(process.pid, signal)
}

const store = openStore(database)
const engine = createEngine({
  store: {
    ...store,
    async claimDue(...asked) {
      const claims = await store.claimDue(...asked)
      if (claims.length > 0) falterAt('claimed')
      return claims
    },
    async appendMany(appends) {
      const results = await store.appendMany(appends)
      if (appends.some(({ events }) => events.some(({ type }) => type === 'StepDispatched'))) falterAt('dispatched')
      return results
    },
  },
  handlers: {
    email({ contactId, idempotencyKey }) {
      const mail: Acceptance = { key: idempotencyKey, contactId, begunAt: Date.now(), acceptedAt: Date.now() }
      appendFileSync(mailFile, `${JSON.stringify(mail)}\n`)
      falterAt('handled')
      return { outcome: 'sent' }
    },
  },
  dispatch: { leaseMs: 1000, handlerTimeoutMs: 300, pollMs: 50 },
  observe: ({ type }) => console.log(type),
})

const stopping = new AbortController()
process.once('SIGTERM', () => stopping.abort())
await engine.run({ signal: stopping.signal })
await store.close()
