import { expect, it } from 'vitest'
import { memory } from './memory.ts'

it('reads: many events and many early exits leave no memory taken and no call open', async () => {
  // Exits that are not cancelled leave about 200 KB each: 40 MB, and half of the calls open.
  const { grownBy, leftOpen } = await memory(10_000, 200)
  expect(grownBy).toBeLessThan(10)
  expect(leftOpen).toBe(0)
})
