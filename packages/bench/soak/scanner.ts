/**
 * `pnpm soak:scanner [--lines 10000000] [--seed 1]`: lines of generated logs, most of them with one thing changed, through
 * the scanner and through the decoder. Prints what became of them; ends with 1 if one was read in two ways.
 */
import { parseArgs } from 'node:util'
import { historyArbitrary, logOf } from '@enfold/testkit'
import fc from 'fast-check'
import { compared, linesOf, nearLine, pickBy, type Verdict } from '../../core/src/near-lines.fixture.ts'

const { values } = parseArgs({ options: { lines: { type: 'string' }, seed: { type: 'string' } } })
const [count, seed] = [Number(values.lines ?? 10_000_000), Number(values.seed ?? 1)]
const LINES_OF_A_LOG = 100_000
const verdicts = new Map<Verdict, number>()
const problems: string[] = []
const startedAt = performance.now()
let all: readonly string[] = []
for (let i = 0; i < count; i++) {
  if (i % LINES_OF_A_LOG === 0)
    all = linesOf(logOf(fc.sample(historyArbitrary(), { numRuns: 300, seed: seed * 1000 + i / LINES_OF_A_LOG }))).all
  const { verdict, problem } = compared(nearLine(all, pickBy(seed * count + i)))
  verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
  if (problem !== null) problems.push(problem)
}
const counts = [...verdicts].map(([verdict, lines]) => `${lines.toLocaleString('en')} ${verdict}`).join(', ')
const seconds = Math.round((performance.now() - startedAt) / 1000)
for (const problem of problems.slice(0, 10)) process.stdout.write(`${problem}\n`)
process.stdout.write(
  `${count.toLocaleString('en')} lines in ${seconds} s: ${counts}; ${problems.length} read in two ways\n`,
)
process.exitCode = problems.length === 0 ? 0 : 1
