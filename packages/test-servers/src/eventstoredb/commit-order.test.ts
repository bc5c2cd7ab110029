import { expect, it } from 'vitest'
import { createCommitOrder } from './commit-order.ts'

async function committed(seed: number | undefined): Promise<string[]> {
  const commit = createCommitOrder(seed)
  const written: string[] = []
  const appends = Array.from({ length: 40 }, (_, i) => ({ stream: `s${i % 20}`, name: `s${i % 20} ${i}` }))
  const answers = await Promise.all(
    appends.map(({ stream, name }) =>
      commit(stream, () => {
        written.push(name)
        return name
      }),
    ),
  )
  expect(answers).toEqual(appends.map(({ name }) => name))
  return written
}

const asTheyCame = Array.from({ length: 40 }, (_, i) => `s${i % 20} ${i}`)

it('appends that came together are committed in the order of their arrival without a seed', async () => {
  expect(await committed(undefined)).toEqual(asTheyCame)
})

it('a seed shuffles appends to different streams, and keeps the order within each stream', async () => {
  const written = await committed(1)
  expect(written).not.toEqual(asTheyCame)
  expect(written.toSorted()).toEqual(asTheyCame.toSorted())
  for (let i = 0; i < 20; i++) expect(written.indexOf(`s${i} ${i}`)).toBeLessThan(written.indexOf(`s${i} ${i + 20}`))
  expect(await committed(1)).toEqual(written)
})
