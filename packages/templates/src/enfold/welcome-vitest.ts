import { simulate } from 'enfold'
import { expect, it } from 'vitest'
import { welcome } from './welcome.ts'

/** Signs up on a Monday at ten. */
function play(later: Parameters<typeof simulate>[1]['inputs'] = []) {
  const inputs = [{ at: 'P0D', signal: { kind: 'signed-up' } }, ...later]
  const { sent } = simulate(welcome, { from: '2026-03-02T10:00:00.000Z', inputs })
  return sent.map(({ stepId, at }) => `${stepId} ${at}`)
}

it('says hello at once, and asks three days later at eight', () => {
  expect(play()).toEqual(['hello 2026-03-02T10:00:00.000Z', 'how-is-it 2026-03-05T08:00:00.000Z'])
})

it('asks nobody who has bought', () => {
  expect(play([{ at: 'P1D', signal: { kind: 'purchased' } }])).toEqual(['hello 2026-03-02T10:00:00.000Z'])
})
