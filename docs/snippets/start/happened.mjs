import { orThrow } from 'enfold'
import { engine, store } from './engine.mjs'

const [contactId, kind, data = '{}'] = process.argv.slice(2)

const { goals } = orThrow(await engine.signal({ contactId, kind, data: JSON.parse(data) }))

for (const { goalId, outcome, stopped, started } of goals)
  console.log(goalId, outcome, '| stopped:', names(stopped), '| started:', names(started))

function names(sequences) {
  return sequences.map((one) => one.sequenceId).join(', ') || 'nothing'
}

await engine.close()
await store.close()
