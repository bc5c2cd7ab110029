/** Events that a fast clock has dated after now: they count as happened, and every answer that rests on them says so. */
import { join } from 'node:path'
import { createEngine } from '@enfold/engine'
import { createSqliteStore } from '@enfold/store-sqlite'
import { createSimulatedClock } from '@enfold/testkit'
import { beforeAll, describe, expect, it } from 'vitest'
import { answerOf, enfold, pool, temporaryDirectory } from './cli.fixture.ts'

const folder = temporaryDirectory()
const store = `sqlite:${join(folder, 'fast.db')}`
const log = join(folder, 'fast.jsonl')

const FAST = '2999-01-01T00:00:00.000Z'
const [AHEAD, NOT_AHEAD] = [
  { events: 1, latest: FAST },
  { events: 0, latest: null },
]
const note = `1 event of these is dated after now, up to ${FAST}: a clock was fast. What they say is counted as happened.\n`

/** Ann was started when it was due long ago, and stopped by a process whose clock was centuries ahead. */
let stopId = ''

beforeAll(async () => {
  const opened = createSqliteStore({ path: join(folder, 'fast.db') })
  const [slow, fast] = ['2026-03-01T09:00:00.000Z', FAST].map((at) =>
    createEngine({ store: opened, clock: createSimulatedClock(at), handlers: {} }),
  ) as [ReturnType<typeof createEngine>, ReturnType<typeof createEngine>]
  const ann = { contactId: 'ann', campaignId: pool.id, sequenceId: 'nurture', actor: 'olga' }
  await slow.publish(pool)
  await slow.startSequence(ann)
  await slow.startSequence({ ...ann, contactId: 'bob' })
  await fast.stopSequence(ann)
  stopId = (await slow.inspect.history('ann')).at(-1)?.id as string
  await slow.close()
  await fast.close()
  await opened.close()
  expect(await enfold(['export', store, '--out', log])).toMatchObject({ status: 0 })
})

const questions: readonly [string, (source: string) => readonly string[]][] = [
  ['history', (source) => ['history', 'ann', source]],
  ['history with changes', (source) => ['history', 'ann', source, '--changes']],
  ['state', (source) => ['state', 'ann', source]],
  ['members', (source) => ['members', 'pool/1', 'nurture', source]],
  ['replay', (source) => ['replay', source]],
  ['stats', (source) => ['stats', source]],
  ['explain of an event', (source) => ['explain', 'ann', stopId, source]],
  ['explain of a step', (source) => ['explain', 'ann', '--step', 'pool%2F1/nurture/one', source]],
]

it.each(questions)('AUDIT-2: %s counts what a fast clock has dated after now, and says so', async (_, question) => {
  for (const source of [store, log]) {
    expect(await answerOf(question(source))).toMatchObject({ ahead: AHEAD })
    const { status, stderr } = await enfold(question(source))
    expect({ status, stderr }).toEqual({ status: 0, stderr: note })
  }
})

it('AUDIT-2: the instants that are after now are marked', async () => {
  for (const [, question] of questions.filter(([name]) => /history|explain|stats/.test(name)))
    expect((await enfold(question(log))).stdout).toContain(`${FAST} (after now)`)
})

it('AUDIT-2: an answer that rests on no such event says nothing', async () => {
  for (const question of [
    ['state', 'ann', log, '--at', '2026-04-01'],
    ['state', 'bob', log],
    ['history', 'bob', log],
    ['members', 'pool/1', 'nurture', log, '--at', '2026-04-01'],
    ['replay', log, '--at', '2026-04-01'],
    ['explain', 'bob', '--step', 'pool%2F1/nurture/one', log],
  ]) {
    expect(await answerOf(question)).toMatchObject({ ahead: NOT_AHEAD })
    const { stdout, stderr } = await enfold(question)
    expect(stderr).toBe('')
    expect(stdout).not.toContain('after now')
  }
})

describe('AUDIT-3: why a step did not run', () => {
  it('AUDIT-3: it was stopped, though by a clock that was fast; it is not said to be due', async () => {
    const question = ['explain', 'ann', '--step', 'pool%2F1/nurture/one', log]
    expect(await answerOf(question)).toMatchObject({ at: FAST, reason: 'stopped', dueAt: null })
    const { stdout, stderr } = await enfold(question)
    expect(stdout).toContain(`as of ${FAST}: stopped\n`)
    expect(stdout).not.toContain('due')
    expect(stderr).toBe(note)
    // For a contact that nobody stopped, it is.
    expect(await answerOf(['explain', 'bob', '--step', 'pool%2F1/nurture/one', log])).toMatchObject({ reason: 'due' })
  })
})
