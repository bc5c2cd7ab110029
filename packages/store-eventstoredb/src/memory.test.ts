import { expect, it } from 'vitest'
import { memory } from '../soak/memory.ts'

it('reads: many events and many early exits leave no memory and no call behind', async () => {
  // An exit that is not cancelled leaves about 100 KB: 500 of them would be 50 MB.
  const { grownBy, leftOpen } = await memory(20_000, 500)
  expect(grownBy).toBeLessThan(15)
  expect(leftOpen).toBe(0)
})
