import { describeRejection, isLeft } from 'enfold'
import { engine, store } from './engine.mjs'

const [contactId, sequenceId] = process.argv.slice(2)

const answer = await engine.stopSequence({
  contactId,
  campaignId: 'pool-owners',
  sequenceId,
  actor: 'olga',
  reason: 'asked by phone',
})
console.log(isLeft(answer) ? describeRejection(answer.left) : answer.right.outcome)

await engine.close()
await store.close()
