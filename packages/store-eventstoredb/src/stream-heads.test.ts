import { expect, it } from 'vitest'
import { createStreamHeads, growingHead } from './stream-heads.ts'

function headOf(stream: string, version: number) {
  const head = growingHead()
  for (let n = 1; n <= version; n++) head.add({ id: `${stream}${n}`, version: n, hash: `h${n}` })
  return head
}

it('a head says version, hash and where each id stands', () => {
  const heads = createStreamHeads(100)
  heads.offer('a', headOf('a', 3))
  expect(heads.get('a')).toMatchObject({ version: 3, hash: 'h3' })
  expect(heads.get('a')?.versions.get('a2')).toBe(2)
  expect(heads.get('b')).toBeUndefined()
})

it('less than what is known is not taken over', () => {
  const heads = createStreamHeads(100)
  heads.offer('a', headOf('a', 3))
  heads.offer('a', headOf('a', 2))
  expect(heads.get('a')?.version).toBe(3)
  heads.offer('a', headOf('a', 4))
  expect(heads.get('a')?.version).toBe(4)
})

it('the streams that were not used for longest go first, and one that is too large alone goes at once', () => {
  const heads = createStreamHeads(10)
  heads.offer('a', headOf('a', 3))
  heads.offer('b', headOf('b', 3))
  heads.get('a')
  heads.offer('c', headOf('c', 3))
  expect(['a', 'b', 'c'].map((stream) => heads.get(stream)?.version)).toEqual([3, undefined, 3])
  heads.offer('d', headOf('d', 20))
  expect(['a', 'c', 'd'].map((stream) => heads.get(stream)?.version)).toEqual([undefined, undefined, undefined])
})
