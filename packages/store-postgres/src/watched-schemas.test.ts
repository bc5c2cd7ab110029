/** What a look does where the pool or the database does not serve; what is found is shown over a real one by `postgres-host`. */
import { EventEmitter } from 'node:events'
import type { PoolClient } from 'pg'
import { expect, it, onTestFinished, vi } from 'vitest'
import type { UsedPool } from './driver.ts'
import { createWatchedSchemas } from './watched-schemas.ts'

const POLL_MS = 5

/** Looks at so many schemas, in each of which something was claimed. */
async function givenLooks(connect: UsedPool['connect'], count = 3) {
  const schemas = createWatchedSchemas({ connect, end: async () => {} }, POLL_MS)
  onTestFinished(() => schemas.close())
  for (let i = 0; i < count; i++) {
    const schema = schemas.add(`tenant_${i}`)
    await schema
      .agenda({ claimDue: async () => [] } as never)
      .claimDue(...([] as unknown as [never, never, never, never]))
    schema.watch(() => {})
  }
  return schemas
}

/** A connection that returns no rows for each statement. */
function givenClient(onStatement: (text: string) => void): PoolClient {
  const query = async (text: string) => {
    onStatement(text)
    return { rows: [] }
  }
  return Object.assign(new EventEmitter(), { query, release() {} }) as unknown as PoolClient
}

it('a database that is away is asked once for each look, and no schema is left out afterwards', async () => {
  let asked = 0
  await givenLooks(async () => {
    asked++
    throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  })
  // Schemas that were left out would not be looked at for 30 s.
  await expect.poll(() => asked).toBeGreaterThan(20)
})

it('closing does not wait for a pool that hands out no connection', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const schemas = await givenLooks(() => new Promise(() => {}))
  await vi.advanceTimersByTimeAsync(POLL_MS)
  const closed = schemas.close()
  await vi.advanceTimersByTimeAsync(10_000)
  await closed
})

it('no transaction looks at more than a hundred schemas', async () => {
  const looks: number[] = []
  await givenLooks(async () => givenClient((text) => looks.push(text.split('UNION ALL').length)), 201)
  await expect.poll(() => looks.slice(0, 3)).toEqual([100, 100, 1])
})
