/** A fresh process for one run of one contender, or for a preparation: told by `rounds.ts` what, it sends back what came. */
import type { Given, Measured } from './benchmark.ts'
import { benchmarkOf } from './benchmarks.ts'

export interface RunOrder {
  readonly benchmark: string
  /** `null`: only prepare. */
  readonly contender: string | null
  readonly given: Given
}

const { benchmark: name, contender: key, given } = JSON.parse(process.argv[2] ?? '') as RunOrder
const benchmark = await benchmarkOf(name)
const contender = key === null ? undefined : benchmark.contenders[key]
if (key !== null && contender === undefined) throw new Error(`No ${name}, ${key}.`)
const measured: Measured | null = contender === undefined ? null : await contender.run(given)
if (contender === undefined) await benchmark.prepare?.(given)
// Sent before anything is waited for: a library that leaves a timer running must not hold up the round.
process.send?.(measured, () => process.exit(0))
