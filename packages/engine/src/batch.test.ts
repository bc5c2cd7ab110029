import { EnfoldFault, isRight } from '@enfold/core'
import { createMemoryStore } from '@enfold/store-memory'
import { describe, expect, it, vi } from 'vitest'
import { createBatcher } from './batch.ts'
import { createGate, onAnn, pool } from './engine.fixture.ts'
import { createEngine } from './engine.ts'

/** A writer that remembers its batches, and answers each item doubled. */
function createWriter(refuse: (items: readonly number[]) => boolean = () => false) {
  const batches: (readonly number[])[] = []
  const write = async (items: readonly number[]) => {
    batches.push(items)
    if (refuse(items)) throw new Error(`refused ${items.join()}`)
    return items.map((item) => item * 2)
  }
  return { batches, write }
}

describe('createBatcher', () => {
  it('a batcher writes together what is asked for in one turn, and answers each its own', async () => {
    const { batches, write } = createWriter()
    const add = createBatcher(write, 10)
    expect(await Promise.all([add(1), add(2), add(3)])).toEqual([2, 4, 6])
    expect(batches).toEqual([[1, 2, 3]])
  })

  it('a batcher writes together what came while an earlier batch was being written', async () => {
    const gate = createGate()
    const batches: (readonly number[])[] = []
    const add = createBatcher(async (items: readonly number[]) => {
      batches.push(items)
      await gate.passed
      return items
    }, 10)
    const first = add(1)
    await new Promise(setImmediate)
    const later = [add(2), add(3)]
    gate.open()
    expect(await Promise.all([first, ...later])).toEqual([1, 2, 3])
    expect(batches).toEqual([[1], [2, 3]])
  })

  it('a batcher writes an item at once if it is alone', async () => {
    const { batches, write } = createWriter()
    const add = createBatcher(write, 10)
    expect([await add(1), await add(2)]).toEqual([2, 4])
    expect(batches).toEqual([[1], [2]])
  })

  it('a batcher writes no batch greater than its maximum, and keeps the order', async () => {
    const { batches, write } = createWriter()
    const add = createBatcher(write, 2)
    await Promise.all([1, 2, 3, 4, 5].map(add))
    expect(batches).toEqual([[1, 2], [3, 4], [5]])
  })

  it('a batcher with an overlap begins the next batch while a slow one is under way, and no more than are allowed', async () => {
    const gate = createGate()
    const batches: (readonly number[])[] = []
    const add = createBatcher(
      async (items: readonly number[]) => {
        batches.push(items)
        if (!items.includes(9)) await gate.passed
        return items
      },
      10,
      { afterMs: 1, most: 2 },
    )
    const slow = add(1)
    await expect.poll(() => batches).toHaveLength(1)
    expect(await add(9)).toBe(9)
    const [second, third] = [add(2), add(3)]
    await expect.poll(() => batches).toHaveLength(3)
    const fourth = add(4)
    await new Promise(setImmediate)
    expect(batches).toEqual([[1], [9], [2, 3]])
    gate.open()
    expect(await Promise.all([slow, second, third, fourth])).toEqual([1, 2, 3, 4])
  })

  it('STEP-7: an item that is refused fails nobody else', async () => {
    const { batches, write } = createWriter((items) => items.includes(2))
    const add = createBatcher(write, 10)
    const results = await Promise.allSettled([add(1), add(2), add(3)])
    expect(results).toMatchObject([{ value: 2 }, { reason: { message: 'refused 2' } }, { value: 6 }])
    expect(batches).toEqual([[1, 2, 3], [1], [2], [3]])
    // And goes on afterwards.
    expect(await add(4)).toBe(8)
  })

  it('an item that is alone fails with the error itself, once', async () => {
    const { batches, write } = createWriter(() => true)
    await expect(createBatcher(write, 10)(7)).rejects.toThrow('refused 7')
    expect(batches).toEqual([[7]])
  })

  it('ONCE-3: a store that fails for all is not asked once for each', async () => {
    const batches: number[] = []
    const add = createBatcher(async (items: readonly number[]): Promise<readonly number[]> => {
      batches.push(items.length)
      throw new EnfoldFault('STORE_BUSY', 'locked')
    }, 100)
    const answers = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => add(i)))
    expect(answers.every((one) => one.status === 'rejected' && one.reason.code === 'STORE_BUSY')).toBe(true)
    expect(batches).toEqual([50])
  })
})

describe('orders given at once', () => {
  it('look at the log together, and are written together', async () => {
    const store = createMemoryStore()
    const engine = createEngine({ store, handlers: {} })
    await engine.publish(pool)
    await engine.close()
    const [looks, writes] = [vi.spyOn(store, 'readTails'), vi.spyOn(store, 'appendMany')]
    const busy = createEngine({ store, handlers: {} })
    const contacts = Array.from({ length: 50 }, (_, n) => `c${n}`)
    const answers = await Promise.all(
      contacts.map((contactId) => busy.startSequence({ ...onAnn('nurture'), contactId })),
    )
    expect(answers.every(isRight)).toBe(true)
    const sizes = (calls: readonly (readonly [readonly unknown[]])[]) => calls.map(([items]) => items.length)
    expect(sizes(looks.mock.calls)).toEqual([50])
    expect(sizes(writes.mock.calls)).toEqual([50])
    await busy.close()
  })
})
