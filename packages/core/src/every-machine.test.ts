/**
 * The log of 10,000 events that `packages/cli/fixtures` keeps, folded, decided on and verified: one digest, in Node as in
 * a browser (`pnpm test:browser`), where SHA-256 is that of a library.
 */
import { canonicalJson, decide, plan, type RecordedEvent } from '@enfold/core'
import { chainHash, readLog, replay, verify } from '@enfold/core/log'
import { expect, it } from 'vitest'

const FIXTURE = new URL('../../cli/fixtures/schema-1.jsonl.gz', import.meta.url)
const NOW = '2030-01-01T00:00:00.000Z'

async function fixture(): Promise<readonly RecordedEvent[]> {
  const isFile = FIXTURE.protocol === 'file:'
  const bytes = isFile ? await fromFile() : await (await fetch(FIXTURE)).bytes()
  // A server of web pages may leave the unpacking to the browser.
  const isPacked = bytes[0] === 0x1f
  const text = new Blob([bytes]).stream()
  const unpacked = new Response(isPacked ? text.pipeThrough(new DecompressionStream('gzip')) : text)
  async function* pieces() {
    yield await unpacked.bytes()
  }
  const events: RecordedEvent[] = []
  for await (const { event } of readLog(pieces())) if (event) events.push(event)
  return events
}

async function fromFile(): Promise<Uint8Array<ArrayBuffer>> {
  const { readFile } = process.getBuiltinModule('node:fs/promises')
  return new Uint8Array(await readFile(FIXTURE))
}

it('LOG-5: a log comes to the same states, plans, decisions and verdict on every machine', async () => {
  const log = await fixture()
  expect(log).toHaveLength(10_000)
  const { contacts: states, campaigns } = await replay(log)
  let digest: string | null = null
  for (const [contactId, state] of [...states].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const decided = decide({ type: 'StopAll', contactId, commandId: 'c', actor: null }, state, {
      campaigns,
      facts: {},
      now: NOW,
    })
    const planned = plan(contactId, state, campaigns, {}, NOW)
    digest = chainHash(digest, canonicalJson(JSON.parse(JSON.stringify([contactId, state, planned, decided]))))
  }
  expect(states.size).toBe(692)
  expect(await verify(log)).toMatchObject({ events: 10_000, hashed: 10_000, faults: [] })
  expect(digest).toBe('f311ead0ce3fbde6f3293ead6f20920bfb29711e124ec05b284704ed913aba8e')
})
