/**
 * `pnpm soak:forger [--logs 200] [--seed 1]`, a part of `pnpm soak:attack`: every forgery on so many generated logs. Prints what was made, what `verify`
 * named with its line, and the rules; ends with 1 if anything was missed, or if sound logs have faults.
 */
import { parseArgs } from 'node:util'
import { verify } from '@enfold/core/log'
import { historyArbitrary, logOf } from '@enfold/testkit'
import fc from 'fast-check'
import { pickBy, tallyOf } from '../../core/src/tally.fixture.ts'

const { values } = parseArgs({ options: { logs: { type: 'string' }, seed: { type: 'string' } } })
const [count, seed] = [Number(values.logs ?? 200), Number(values.seed ?? 1)]
const logs = Array.from({ length: count }, (_, i) =>
  logOf(fc.sample(historyArbitrary(), { numRuns: 30, seed: seed * 100_000 + i })),
)
const say = (line: string) => void process.stdout.write(`${line}\n`)
let wrong = 0
for (const [i, log] of logs.entries()) {
  const { faults } = await verify(log)
  if (faults.length > 0) say(`Sound log ${i}: ${JSON.stringify(faults[0])}`)
  wrong += faults.length
}
const tallies = await tallyOf(logs, (log, forgery) => pickBy(seed + 1000 * log + forgery))
for (const { name, made, named, missed, rules } of tallies) {
  if (named !== made || made === 0) wrong += 1
  say(
    `${named === made ? 'named ' : 'MISSED'} ${named}/${made}  ${name} (${rules.join(', ')})${missed === null ? '' : ` ${missed}`}`,
  )
}
const [made, named] = [
  tallies.reduce((sum, one) => sum + one.made, 0),
  tallies.reduce((sum, one) => sum + one.named, 0),
]
const events = logs.reduce((sum, log) => sum + log.length, 0)
say(`${tallies.length} kinds, ${count} logs of ${events} events: ${made} forgeries, ${named} named by their line`)
process.exitCode = wrong === 0 ? 0 : 1
