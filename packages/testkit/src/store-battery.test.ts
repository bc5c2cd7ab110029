import { storeBattery } from '@enfold/testkit/battery'
import { expect, it } from 'vitest'

const makeNothing = () => {
  throw new Error('A battery that is refused makes no store.')
}

it.each([
  { name: 'no test of the battery', reason: 'it is slow' },
  { name: 'an append without events is refused', reason: ' ' },
  { name: 'an append without events is refused', reason: '' },
])('a battery with the skip $name: "$reason" is refused', ({ name, reason }) => {
  expect(() => storeBattery('a store', makeNothing, { skips: { [name]: reason } })).toThrow(
    expect.objectContaining({
      code: 'INVALID_INPUT',
      details: expect.objectContaining({ value: reason === 'it is slow' ? name : reason }),
    }),
  )
})
