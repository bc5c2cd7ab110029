import { requireId } from '@enfold/core'
import { expect, it } from 'vitest'

it.each([
  [42, '42'],
  [42n, '42n'],
])('a number instead of an id is refused, and the message says how to make an id from it: %s', (value, shown) => {
  expect(() => requireId('signal.contactId', value)).toThrow(
    `signal.contactId is ${shown}; expected a string of 1 to 200 well-formed characters. Of a number, pass String(id).`,
  )
})

it('what is no number gets no such advice', () => {
  expect(() => requireId('signal.contactId', '')).toThrow(
    'signal.contactId is ""; expected a string of 1 to 200 well-formed characters.',
  )
})
