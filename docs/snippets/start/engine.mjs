import { createEngine } from 'enfold'
import { createSqliteStore } from 'enfold/sqlite'

export const store = createSqliteStore({ path: 'campaigns.db' })

export const engine = createEngine({
  store,
  handlers: {
    email({ contactId, step, idempotencyKey }) {
      // Your mail goes out here, with the key, so that your provider can drop a repeat.
      console.log(`mail ${step.id} to ${contactId} under ${idempotencyKey}`)
      return { outcome: 'sent' }
    },
  },
})
