import { expect, it, vi } from 'vitest'
import { streamed } from './action-stream.ts'

it('a reader that leaves while a piece is made is no error', async () => {
  const failed = vi.fn()
  const [begun, made] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const ended = Promise.withResolvers<void>()
  async function* pieces() {
    try {
      yield 'one'
      begun.resolve()
      await made.promise
      yield 'two'
    } finally {
      ended.resolve()
    }
  }
  const reader = streamed(pieces(), failed, {}).body?.getReader()
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('one')
  await begun.promise
  const left = reader?.cancel()
  made.resolve()
  await Promise.all([left, ended.promise])
  expect(failed.mock.calls).toEqual([])
})
