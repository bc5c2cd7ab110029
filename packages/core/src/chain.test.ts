import { canonicalJson, type RecordedEvent } from '@enfold/core'
import { chainHash, digestOf, encodeEvent } from '@enfold/core/log'
import { historyArbitrary } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

async function sha256(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** As another program would make it, of the line alone: parse, take three attributes out, sort the keys, hash. */
function digestOfLine(text: string): Promise<string> {
  const { streamversion: _, position: __, hash: ___, ...line } = JSON.parse(text)
  return sha256(canonicalJson(line))
}

describe('the hash chain', () => {
  it('AUDIT-4: the digest of any event is that of its line, as every program can compute it', async () => {
    await fc.assert(
      fc.asyncProperty(historyArbitrary(), async ({ events }) => {
        for (const event of events) expect(digestOf(event)).toBe(await digestOfLine(encodeEvent(event)))
      }),
      { numRuns: runs(100) },
    )
  })

  it('AUDIT-4: the digest leaves out what is the store’s affair, and nothing else', () => {
    const event: RecordedEvent = {
      ...{ type: 'ContactErased', data: {}, id: 'e', schema: 1, at: '2026-03-01T09:00:00.000Z', commandId: 'c' },
      ...{
        correlationId: 'c',
        causationId: 'c',
        actor: 'ann',
        cause: { by: 'operator' },
        trace: `00-${'a'.repeat(32)}`,
      },
      ...{ stream: 'contact-mike', version: 3, position: 9, hash: 'f'.repeat(64) },
    }
    const same = { ...event, version: 4, position: 10, hash: '0'.repeat(64) }
    expect(digestOf(same)).toBe(digestOf(event))
    for (const key of ['id', 'at', 'commandId', 'correlationId', 'causationId', 'actor', 'trace'] as const)
      expect(digestOf({ ...event, [key]: 'other' })).not.toBe(digestOf(event))
    expect(digestOf({ ...event, stream: 'contact-mary' })).not.toBe(digestOf(event))
    expect(digestOf({ ...event, cause: { by: 'operator', reason: 'asked' } })).not.toBe(digestOf(event))
  })

  it('AUDIT-4: a hash is the SHA-256 of the hash before, followed by the digest', async () => {
    const [first, second] = [await sha256('first'), await sha256('second')]
    expect(chainHash(null, first)).toBe(await sha256(first))
    expect(chainHash(chainHash(null, first), second)).toBe(await sha256((await sha256(first)) + second))
  })
})
