import { orThrow } from 'enfold'
import { poolOwners } from './campaign.mjs'
import { engine, store } from './engine.mjs'

const { outcome, version } = orThrow(await engine.publish(poolOwners))
console.log(`pool-owners is ${outcome}, version ${version}`)

const ending = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => ending.abort())

await engine.run({ signal: ending.signal })
await engine.close()
await store.close()
