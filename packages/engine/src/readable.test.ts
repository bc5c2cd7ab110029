/** Whatever a host passes, of any depth and length: it is refused, or what is recorded can be read from an export again. */
import { isEnfoldFault, isLeft, type JsonValue } from '@enfold/core'
import { decodeEvent, encodeEvent, readLog, writeLog } from '@enfold/core/log'
import { createEngine } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock, hostileIds } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { MONDAY } from './engine.fixture.ts'

const deep = (levels: number): JsonValue => {
  let value: JsonValue = 'x'
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { in: value }
  return value
}
/** Lists and objects around the limits of a definition, a field and a line. */
const nested = fc.constantFrom(0, 1, 49, 50, 51, 52, 93, 94, 95, 96, 97, 119, 120, 121, 124, 128, 4000).map(deep)
const unit = fc.constantFrom('x', '"', '\\', '\u0000', '\ud800', '😀', '\u2028', 'é')
/** Around the limits of ids, texts and handlers' texts. */
const text = fc
  .tuple(unit, fc.constantFrom(1, 100, 199, 200, 201, 400, 499, 500, 501, 9999, 10_000, 10_001))
  .map(([one, times]) => one.repeat(times))
const id = fc.oneof(text, fc.constantFrom(...hostileIds))

/** `null`: it was done, or refused by a rule. */
async function refusal(
  what: () => Promise<unknown>,
): Promise<{ readonly code: string; readonly message: string } | null> {
  try {
    await what()
    return null
  } catch (error) {
    if (!isEnfoldFault(error)) throw error
    return { code: error.code, message: error.message }
  }
}

it('AUDIT-1: every event that the engine appends is one line, and that line is the event', async () => {
  const seen = { events: 0, refused: 0 }
  const input = fc.record({
    ...{ params: nested, field: nested, big: fc.constantFrom(1, 1000, 999_000, 1_100_000), private: fc.boolean() },
    ...{ contactId: id, commandId: id, actor: id, reason: text, kind: text, signalId: id, answer: text },
    ...{ tag: text, name: text, fails: fc.boolean() },
  })
  await fc.assert(
    fc.asyncProperty(input, async (given) => {
      const store = createMemoryStore()
      const engine = createEngine({
        store,
        clock: createSimulatedClock(MONDAY),
        handlers: {
          email: () =>
            given.fails
              ? { outcome: 'failed', reason: given.answer, permanent: true }
              : { outcome: 'sent', receipt: given.answer },
        },
        contacts: {
          get: () => ({ tags: [given.tag], fields: { read: given.field, big: '😀'.repeat(given.big / 2) } }),
        },
      })
      const definition = (params: JsonValue) => ({
        id: 'c',
        ...(given.private ? { fields: { big: { private: true } } } : {}),
        goals: [{ id: 'g', when: { kind: given.kind }, next: ['s'] }],
        sequences: [
          {
            id: 's',
            steps: [
              {
                id: 'one',
                kind: 'email',
                params: { params },
                if: { none: [{ field: 'big', exists: false }, { tag: given.name }] },
              },
              { id: 'two', kind: 'email', timer: { field: 'read', offsetDays: 1, at: '08:00', occurrence: 'next' } },
            ],
            next: [
              {
                to: 'end',
                if: {
                  any: [
                    { field: 'read', exists: true },
                    { field: given.name, exists: true },
                  ],
                },
              },
            ],
          },
          { id: 'end', steps: [{ id: 'one', kind: 'email' }] },
        ],
      })
      const order = { actor: given.actor, reason: given.reason, commandId: given.commandId }
      const { contactId } = given
      const on = { contactId, campaignId: 'c', sequenceId: 's' }
      const refused = [
        await refusal(() => engine.publish(definition(given.params), order)),
        // So that there is a campaign at all.
        await refusal(() => engine.publish({ ...definition('x'), goals: [] }, { actor: null })),
        await refusal(() => engine.startSequence({ ...on, ...order })),
        await refusal(() => engine.startSequence({ ...on, actor: null })),
        await refusal(() =>
          engine.signal({
            contactId,
            kind: given.kind,
            signalId: given.signalId,
            data: { deep: given.field },
            actor: given.actor,
          }),
        ),
        await refusal(() => engine.runDue()),
        await refusal(() => engine.suppress({ contactId, ...order, commandId: `${given.commandId}!` })),
      ].flatMap((one) => one ?? [])
      for (const { code, message } of refused) {
        expect(['INVALID_INPUT', 'FACTS_UNREADABLE']).toContain(code)
        expect(message).toMatch(/expected|nested/)
      }
      const lines: string[] = []
      for await (const event of store.readAll()) {
        const decoded = decodeEvent(encodeEvent(event))
        expect(isLeft(decoded) ? decoded.left : null).toBeNull()
      }
      for await (const line of writeLog(store.readAll())) lines.push(line)
      for await (const { problem } of readLog(lines as never)) expect(problem).toBeUndefined()
      seen.events += lines.length
      seen.refused += refused.length
      await engine.close()
      await store.close()
    }),
    { numRuns: runs(100), seed: 11 },
  )
  expect(seen.events).toBeGreaterThan(runs(100))
  expect(seen.refused).toBeGreaterThan(runs(10))
})
