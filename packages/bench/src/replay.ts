/** A log in a file into all states and the index: how long an audit of everything takes. */
import { execFile } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { RecordedEvent } from '@enfold/core'
import { readLogBatches, replay } from '@enfold/core/log'
import { type Benchmark, type Given, sizeOf, timed } from './benchmark.ts'

const run = promisify(execFile)
const packages = join(import.meta.dirname, '../..')
const logIn = ({ folder }: Given) => join(folder, 'log.jsonl')

/** Lines cut out of the bytes and parsed, and nothing made of them. */
async function parseLines(path: string): Promise<number> {
  let lines = 0
  let held: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>) {
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    let from = 0
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      JSON.parse(bytes.toString('utf8', from, end))
      lines += 1
      from = end + 1
    }
    held = bytes.subarray(from)
  }
  return lines
}

export const replayBenchmark: Benchmark = {
  name: 'replay',
  what: 'a log of {lines} lines, hash chain included, to all states and the index',
  full: { lines: 500_000 },
  quick: { lines: 2_000 },
  figures: { speed: { title: 'speed', unit: 'lines/s', better: 'more' } },
  async prepare(given) {
    await run(process.execPath, [join(packages, 'bench/src/make-log.ts'), logIn(given), String(sizeOf(given, 'lines'))])
  },
  contenders: {
    limit: {
      title: 'reading lines and `JSON.parse`, nothing else',
      async run(given) {
        const [seconds, lines] = await timed(() => parseLines(logIn(given)))
        return { figures: { speed: lines / seconds }, work: { lines } }
      },
    },
    one: {
      title: 'Enfold, one thread (`replay`)',
      async run(given) {
        async function* events(): AsyncGenerator<readonly RecordedEvent[]> {
          const file = createReadStream(logIn(given), { highWaterMark: 256 * 1024 })
          for await (const batch of readLogBatches(file))
            yield batch.map(({ event }) => {
              if (event === undefined) throw new Error('A line that is no event.')
              return event
            })
        }
        const [seconds, replayed] = await timed(() => replay(events()))
        return { figures: { speed: replayed.events / seconds }, work: { lines: replayed.events } }
      },
    },
    two: {
      title: 'Enfold, both cores (`enfold replay`, from its start to its end)',
      async run(given) {
        const command = [join(packages, 'cli/src/index.ts'), 'replay', logIn(given), '--json']
        const [seconds, { stdout }] = await timed(() => run(process.execPath, command, { maxBuffer: 2 ** 30 }))
        const lines = (JSON.parse(stdout) as { events: number }).events
        return { figures: { speed: lines / seconds }, work: { lines } }
      },
    },
  },
  wanted: [
    { text: 'one thread, of the limit', figure: 'speed', of: 'one', over: ['limit'], atLeast: 0.8 },
    { text: 'both cores, of the limit', figure: 'speed', of: 'two', over: ['limit'], atLeast: 1 },
  ],
}
