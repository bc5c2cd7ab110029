/** What a benchmark is. Each has a file of its own with its contenders; how they are run is in `rounds.ts`. */

/** What a contender gets to work with. */
export interface Given {
  readonly sizes: Sizes
  /** Of this benchmark alone, the same for all its contenders; removed when the benchmark is over. */
  readonly folder: string
  /** Of all benchmarks of this run: what one has made, and another would make again. */
  readonly shared: string
  /** Of a server with fsync on, as a superuser; "" where no contender needs one. */
  readonly postgres: string
}

/** By names of the benchmark's own: how much there is to do. */
export type Sizes = Readonly<Record<string, number>>

/** What one run of a contender came to. */
export interface Measured {
  /** By the keys of the benchmark's `figures`; not every contender has every figure. */
  readonly figures: Readonly<Record<string, number>>
  /** What was done, counted where it ended up. Contenders of one benchmark must have done the same. */
  readonly work: Readonly<Record<string, number>>
}

export interface Contender {
  /** How it stands in the table. */
  readonly title: string
  readonly needs?: 'postgres' | 'sqlite3'
  /** Takes long, and nothing is wanted of it: runs in the first round only. */
  readonly once?: true
  run(given: Given): Promise<Measured>
}

export interface Figure {
  readonly title: string
  readonly unit: string
  readonly better: 'more' | 'less'
}

/** A figure that is wanted: by itself, or held against the best of others in the same round. */
export interface Wanted {
  readonly text: string
  readonly figure: string
  /** The key of the contender that is to reach it. */
  readonly of: string
  readonly over?: readonly string[]
  /** The figure of `over`, where it is another one. */
  readonly overFigure?: string
  /** Default: the ratio to the best of `over`. */
  readonly by?: 'ratio' | 'difference'
  readonly atLeast?: number
  readonly atMost?: number
}

export interface Benchmark {
  readonly name: string
  /** What is done, in a sentence; `{name}` stands for a size. */
  readonly what: string
  readonly full: Sizes
  /** Tiny sizes, for a test. */
  readonly quick: Sizes
  /** Fewer than the others, where one run takes long. */
  readonly rounds?: number
  readonly figures: Readonly<Record<string, Figure>>
  readonly contenders: Readonly<Record<string, Contender>>
  readonly wanted: readonly Wanted[]
  /** Done once before all rounds, unmeasured, in a process of its own. */
  prepare?(given: Given): Promise<void>
}

/** A size by its name; a size that is missing is a mistake in the benchmark. */
export function sizeOf(given: Given, name: string): number {
  const size = given.sizes[name]
  if (size === undefined) throw new Error(`No size "${name}".`)
  return size
}

/** Seconds that the work took, and its result. */
export async function timed<T>(work: () => T | Promise<T>): Promise<readonly [seconds: number, result: T]> {
  const startedAt = performance.now()
  const result = await work()
  return [(performance.now() - startedAt) / 1000, result]
}

/** The value below which the share of all values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
