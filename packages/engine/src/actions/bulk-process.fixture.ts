/** For `bulk.test.ts`: a process that processes an action, and says what it has written, to be killed in the middle. */

import { writeSync } from 'node:fs'
import type { Store } from '@enfold/core'
import { createEngine } from '@enfold/engine'
import { createSqliteStore } from '@enfold/store-sqlite'
import { onAnn, pool } from '../engine.fixture.ts'

const [, program, path, count] = process.argv

if (path !== undefined && program === import.meta.filename) {
  const store = createSqliteStore({ path, synchronous: 'NORMAL' })
  let groups = 0
  const watched: Store = {
    ...store,
    async saveAction(record, change) {
      if ((change?.results?.length ?? 0) > 0) {
        // Printed at once: what is in a buffer dies with the process.
        writeSync(1, `written ${++groups}\n`)
        // Here the test kills the process: the events of the third group are in the file, its results are not.
        if (groups === 3) await new Promise(() => setInterval(() => {}, 1000))
      }
      return store.saveAction(record, change)
    },
  }
  const engine = createEngine({ store: watched, handlers: {} })
  await engine.publish(pool)
  await engine.startSequence({ ...onAnn('nurture'), contactId: 'c2500' })
  const ids = [...Array(Number(count)).keys()].map((i) => `c${i}`)
  await engine.processAction({
    actionId: 'monday-mail',
    action: 'start',
    campaignId: 'pool',
    sequenceId: 'nurture',
    contacts: { ids },
    actor: 'olga',
  })
}
