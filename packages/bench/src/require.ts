/** How long a host waits for `require('@enfold/core')`, of the build that is published, in a process of its own. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Benchmark, Given } from './benchmark.ts'
import { quantile, sizeOf } from './benchmark.ts'

const core = join(import.meta.dirname, '../../core')
const built = join(core, 'dist/index.cjs')
const run = promisify(execFile)

/** Prints the milliseconds. */
const program = (file: string) =>
  `const before = performance.now(); require(${JSON.stringify(file)}); console.log(performance.now() - before)`

export const requireBenchmark: Benchmark = {
  name: 'require',
  what: "`require('@enfold/core')` in a fresh process, the middle of {times}",
  full: { times: 15 },
  quick: { times: 1 },
  rounds: 3,
  figures: { ms: { title: 'time', unit: 'ms', better: 'less' } },
  async prepare() {
    if (existsSync(built)) return
    await run(process.execPath, [join(core, '../../.config/declarations.ts')])
    await run(process.execPath, ['--run', 'build'], { cwd: core })
  },
  contenders: {
    core: {
      title: '`@enfold/core`',
      async run(given: Given) {
        const took: number[] = []
        for (let n = 0; n < sizeOf(given, 'times'); n++) {
          const { stdout } = await run(process.execPath, ['-e', program(built)])
          took.push(Number(stdout))
        }
        return { figures: { ms: quantile(took, 0.5) }, work: {} }
      },
    },
  },
  wanted: [{ text: 'milliseconds', figure: 'ms', of: 'core', atMost: 90 }],
}
