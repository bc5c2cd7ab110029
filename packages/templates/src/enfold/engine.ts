/** The engine: your campaigns, what carries out their steps, and the store that keeps everything that happens. */
import { createEngine } from 'enfold'
import { createSqliteStore } from 'enfold/sqlite'
import { welcome } from './welcome.ts'

export const store = createSqliteStore({ path: process.env.ENFOLD_DATABASE ?? 'enfold.db' })

export const engine = createEngine({
  store,
  campaigns: [welcome],
  handlers: {
    // Your mail goes out here. Pass the key on to your provider: then a repeat is not sent twice.
    email({ contactId, step, idempotencyKey }) {
      console.log(`mail ${step.id} to ${contactId} under ${idempotencyKey}`)
      return { outcome: 'sent' }
    },
  },
})
