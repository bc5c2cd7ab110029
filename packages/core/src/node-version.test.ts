import { REQUIRED_NODE } from '@enfold/core'
import { expect, it } from 'vitest'
import { nodeTooOld } from './node-version.ts'

it.each(['18.20.8', '20.20.2', '21.7.3', '22.0.0', '22.9.0', '22.14.0'])(
  'Node %s is refused in one sentence',
  (node) => {
    expect(nodeTooOld({ node })).toBe(`Enfold needs Node ${REQUIRED_NODE} or newer, and this is Node ${node}.`)
  },
)

it.each(['22.15.0', '22.22.0', '23.0.0', '24.21.0', '26.1.0-nightly'])('Node %s is accepted', (node) => {
  expect(nodeTooOld({ node })).toBeNull()
})

it('other runtimes are accepted, whatever version of Node they name', () => {
  expect(nodeTooOld({})).toBeNull()
  expect(nodeTooOld({ node: '20.1.0', bun: '1.4.5' })).toBeNull()
  expect(nodeTooOld({ node: '20.1.0', deno: '2.9.6' })).toBeNull()
})
