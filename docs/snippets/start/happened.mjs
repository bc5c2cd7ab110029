import { engine, store } from './engine.mjs'

const [contactId, kind, data = '{}'] = process.argv.slice(2)

const answer = await engine.signal({ contactId, kind, data: JSON.parse(data) })
console.log(JSON.stringify(answer, null, 2))

await engine.close()
await store.close()
