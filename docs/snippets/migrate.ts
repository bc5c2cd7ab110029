import { createEngine, orThrow } from 'enfold'
import { createSqliteStore } from 'enfold/sqlite'
import { carryOn } from '../recipes/carry-on.ts'
import { course, db, standingsOf, unsubscribedOf } from '../recipes/from-cron-jobs.ts'

// #region import
const store = createSqliteStore({ path: ':memory:' })
const engine = createEngine({ store, handlers: {} })
orThrow(await engine.publish(course, { actor: 'migration' }))

const standings = standingsOf(db)
await carryOn(store, { campaignId: 'pool-owners', sequenceId: 'nurture' }, standings, unsubscribedOf(db))
// #endregion import

// #region compare
for (const { contactId, due } of standings) {
  const next = (await engine.inspect.contact(contactId)).enrollments[0]?.next
  console.log(`${contactId} | was due: ${due[0]?.join(' ')} | is due: ${next?.stepId} ${next?.dueAt}`)
}
console.log('bob is banned:', (await engine.inspect.contact('bob')).suppressed !== null)
const { contacts, differences } = await engine.verifyIndex()
console.log(`${contacts} contacts, ${differences.length} differences between index and log`)
// #endregion compare
await engine.close()
await store.close()
