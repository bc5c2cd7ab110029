import { engine, store } from './engine.mjs'

const [contactId, sequenceId] = process.argv.slice(2)

const answer = await engine.stopSequence({
  contactId,
  campaignId: 'pool-owners',
  sequenceId,
  actor: 'olga',
  reason: 'asked by phone',
})
console.log(JSON.stringify(answer, null, 2))

await engine.close()
await store.close()
