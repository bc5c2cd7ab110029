/** What one order and one due step cost when many others are enrolled: they should cost the same. On SQLite, durable. */
import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { orThrow } from '@enfold/engine'
import { createSqliteStore } from '@enfold/store-sqlite'
import { type Benchmark, type Contender, type Given, sizeOf, timed } from './benchmark.ts'
import { enrol, fileOfWaiting, givenEngine, orderOf } from './campaign.ts'

const fileOf = ({ folder }: Given, size: string) => join(folder, `${size}.db`)

/** Adds some contacts to the file, whose first step is due at once; the file grows by them with each round. */
function among(size: string, title: string): Contender {
  return {
    title,
    async run(given) {
      const commands = sizeOf(given, 'commands')
      const store = createSqliteStore({ path: fileOf(given, size) })
      const engine = await givenEngine({ store })
      let number = 0
      // Other ids in each round, spread over those that are there.
      const start = async (count: number) => {
        for (let i = 0; i < count; i++) {
          orThrow(await engine.startSequence(orderOf(`contact-${number++}-${process.pid}`, 'now')))
        }
      }
      await start(commands / 2)
      await engine.runDue()
      const [starting] = await timed(() => start(commands))
      const [working, counts] = await timed(() => engine.runDue())
      await engine.close()
      await store.close()
      return {
        figures: { command: (starting * 1e6) / commands, step: (working * 1e6) / counts.sent },
        work: { commands: number, steps: counts.sent },
      }
    },
  }
}

export const growthBenchmark: Benchmark = {
  name: 'growth',
  what: '{commands} commands one at a time, and as many due steps, among others who are enrolled and wait; SQLite, FULL',
  full: { small: 10_000, middle: 50_000, large: 300_000, commands: 1_000 },
  quick: { small: 20, middle: 50, large: 100, commands: 10 },
  figures: {
    command: { title: 'a command', unit: 'µs', better: 'less' },
    step: { title: 'a due step', unit: 'µs', better: 'less' },
  },
  async prepare(given) {
    for (const size of ['small', 'middle', 'large']) {
      const made = fileOfWaiting(given.shared, sizeOf(given, size))
      if (existsSync(made)) {
        renameSync(made, fileOf(given, size))
        continue
      }
      const store = createSqliteStore({ path: fileOf(given, size), synchronous: 'NORMAL' })
      const engine = await givenEngine({ store })
      await enrol(engine, sizeOf(given, size), 'later')
      await engine.close()
      await store.close()
    }
  },
  contenders: {
    small: among('small', 'among 10,000'),
    middle: among('middle', 'among 50,000'),
    large: among('large', 'among 300,000'),
  },
  wanted: [
    { text: 'a command, of that among 10,000', figure: 'command', of: 'large', over: ['small'], atMost: 1.3 },
    { text: 'a due step, of that among 10,000', figure: 'step', of: 'large', over: ['small'], atMost: 1.5 },
  ],
}
