import { isLeft } from '@enfold/core'
import { poolOwners } from './campaign.mjs'
import { engine, store } from './engine.mjs'

const published = await engine.publish(poolOwners)
if (isLeft(published)) throw new Error(JSON.stringify(published.left, null, 2))
console.log(`pool-owners is ${published.right.outcome}, version ${published.right.version}`)

const ending = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => ending.abort())

await engine.run({ signal: ending.signal })
await engine.close()
await store.close()
