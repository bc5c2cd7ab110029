/** A log that another process goes on writing while it is read. */
import { createReadStream, readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeEvent, readLog } from '@enfold/core/log'
import { historyArbitrary } from '@enfold/testkit'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { enfold, enfoldProcess, temporaryDirectory } from './cli.fixture.ts'

const folder = temporaryDirectory()
const lines = [
  ...new Map(
    fc.sample(historyArbitrary({ maxMoves: 30 }), { numRuns: 60, seed: 11 }).map((one) => [one.contactId, one]),
  ).values(),
]
  .flatMap(({ events }) => events)
  .map((event, i) => encodeEvent({ ...event, position: i + 1 }))
const whole = Buffer.from(lines.map((line) => `${line}\n`).join(''))

/** Appends the log in pieces whose ends have nothing to do with the ends of lines. */
async function write(path: string, pieceBytes: number, between: () => Promise<unknown>): Promise<void> {
  const file = await open(path, 'a')
  try {
    for (let from = 0; from < whole.length; from += pieceBytes) {
      await file.write(whole.subarray(from, from + pieceBytes))
      await between()
    }
  } finally {
    await file.close()
  }
}

it('AUDIT-5: a reader sees what is there when it gets there; a line that is not finished is "cut", and always the last', async () => {
  const path = join(folder, 'growing.jsonl')
  writeFileSync(path, '')
  let writing = true
  const seen = { reads: 0, cut: 0 }
  const written = write(path, 1009, () => new Promise((resolve) => setTimeout(resolve, 1))).finally(() => {
    writing = false
  })
  for (let before = 0; writing; ) {
    const entries = []
    // Small pieces, so that the writer comes in between.
    for await (const entry of readLog(createReadStream(path, { highWaterMark: 4096 }), { keepGoing: true }))
      entries.push(entry)
    const last = entries.at(-1)?.problem
    if (last !== undefined) {
      expect(last.reason).toBe('cut')
      entries.pop()
      seen.cut += 1
    }
    expect(entries.map(({ event, problem }) => (event === undefined ? problem : encodeEvent(event)))).toEqual(
      lines.slice(0, entries.length),
    )
    expect(entries.length).toBeGreaterThanOrEqual(before)
    before = entries.length
    seen.reads += 1
  }
  await written
  expect(readFileSync(path)).toEqual(whole)
  expect(seen.reads).toBeGreaterThan(3)
  expect(seen.cut).toBeGreaterThan(0)
})

it('AUDIT-5: the command line answers from the whole lines, says that the last is cut, and ends', async () => {
  const path = join(folder, 'grows-meanwhile.jsonl')
  writeFileSync(path, '')
  let writing = true
  const written = write(path, 997, () => new Promise((resolve) => setTimeout(resolve, 5))).finally(() => {
    writing = false
  })
  do {
    const { status, stdout, stderr } = await enfoldProcess(['replay', path, '--keep-going', '--json'])
    const { events } = JSON.parse(stdout)
    if (status === 0) expect(stderr).toBe('')
    else expect(JSON.parse(stderr)).toMatchObject({ file: path, reason: 'cut', line: events + 1 })
  } while (writing)
  await written
  expect(await enfold(['replay', path, '--json'])).toMatchObject({ status: 0, stderr: '' })
})

it.each([1, 40, 300])(
  'AUDIT-5: a last line that lacks its last %i bytes is cut; once they are there it is read',
  async (missing) => {
    const path = join(folder, `unfinished-${missing}.jsonl`)
    // Without the end of the line there is a whole event; without any more there is half a one.
    writeFileSync(path, whole.subarray(0, whole.length - 1 - missing))
    const { status, stdout, stderr } = await enfold(['stats', path])
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toContain(`${path}:${lines.length}: cut: `)
    writeFileSync(path, whole)
    expect(JSON.parse((await enfold(['stats', path, '--json'])).stdout)).toMatchObject({ events: lines.length })
  },
)
