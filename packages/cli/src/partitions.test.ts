import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compareIds, type RecordedEvent } from '@enfold/core'
import { type Enrolled, encodeEvent } from '@enfold/core/log'
import { historyArbitrary, logOf } from '@enfold/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { aheadOf } from './ahead.ts'
import { temporaryDirectory } from './cli.fixture.ts'
import { answerFor, type Partition, type Question, scanInParallel } from './partitions.ts'

const log = logOf(fc.sample(historyArbitrary(), { numRuns: 60, seed: 5 }))
const lines = log.map(encodeEvent)
const folder = temporaryDirectory()

function given(name: string, of: readonly string[]): string {
  const path = join(folder, name)
  writeFileSync(path, of.map((line) => `${line}\n`).join(''))
  return path
}

const started = log.find(({ type }) => type === 'SequenceStarted') as RecordedEvent & {
  data: { campaignId: string; sequenceId: string }
}
const { campaignId, sequenceId } = started.data
const at = log.at(-1)?.at as string
/** So that some events lie after it, in every partition. */
const now = log[Math.floor(log.length / 3)]?.at as string
const EVERYTHING: Question = { ask: 'replay', until: null, now }
const QUESTIONS: readonly Question[] = [
  EVERYTHING,
  { ask: 'replay', until: log[Math.floor(log.length / 2)]?.at as string, now },
  { ask: 'members', campaignId, sequenceId, status: 'either', at, now },
]

/** What all partitions say together. */
function together(partitions: readonly Partition[]) {
  const lists = new Map<string, Enrolled[]>()
  for (const partition of partitions)
    for (const [tag, members] of partition.lists) lists.set(tag, [...(lists.get(tag) ?? []), ...members])
  return {
    events: partitions.reduce((sum, partition) => sum + partition.events, 0),
    contacts: partitions.reduce((sum, partition) => sum + partition.contacts, 0),
    ahead: aheadOf(partitions.map(({ ahead }) => ahead)),
    position: Math.max(...partitions.map(({ position }) => position)),
    lists: new Map([...lists].map(([tag, all]) => [tag, all.sort((a, b) => compareIds(a.contactId, b.contactId))])),
  }
}

describe('a log read in partitions', () => {
  it.each(QUESTIONS)('AUDIT-2: a log read by two threads gives the answer of one ($ask, $until)', async (question) => {
    const { partitions, bad } = await scanInParallel(given('log.jsonl', lines), 2, false, question, () => {})
    expect({ partitions: partitions.length, bad }).toEqual({ partitions: 2, bad: [] })
    expect(together(partitions)).toEqual(together([await answerFor(question, log)]))
    expect(together(partitions).ahead.events).toBeGreaterThan(0)
  })

  it('AUDIT-5: every bad line is reported once, in order, whichever thread read it', async () => {
    const damaged = lines
      .with(40, 'nothing')
      .with(7, (lines[7] as string).slice(0, -1))
      .with(90, '')
    const path = given('damaged.jsonl', damaged)
    const { bad } = await scanInParallel(path, 2, true, EVERYTHING, () => {})
    expect(bad.map(({ line }) => line)).toEqual([8, 41, 91])
    const first = await scanInParallel(path, 2, false, EVERYTHING, () => {})
    expect(first.bad.map(({ line }) => line)).toEqual([8])
  })

  it('a thread that cannot read says so, and all others end', async () => {
    const asked = scanInParallel(join(folder, 'none.jsonl'), 2, false, EVERYTHING, () => {})
    await expect(asked).rejects.toThrow('ENOENT')
  })
})
