import { describeRejection, isLeft } from '@enfold/core'
import { engine, store } from './engine.mjs'

const [contactId, kind, data = '{}'] = process.argv.slice(2)

const answer = await engine.signal({ contactId, kind, data: JSON.parse(data) })

if (isLeft(answer)) throw new Error(describeRejection(answer.left))
for (const { goalId, outcome, stopped, started } of answer.right.goals)
  console.log(goalId, outcome, '| stopped:', names(stopped), '| started:', names(started))

function names(sequences) {
  return sequences.map((one) => one.sequenceId).join(', ') || 'nothing'
}

await engine.close()
await store.close()
