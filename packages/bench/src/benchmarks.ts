/** All benchmarks, in the order of the table. */
import type { Benchmark } from './benchmark.ts'
import { bulkBenchmarks } from './bulk.ts'
import { commandBenchmark } from './command.ts'
import { connectionsBenchmark } from './connections.ts'
import { dispatchBenchmark } from './dispatch.ts'
import { eventStoreDbBenchmark } from './eventstoredb.ts'
import { foldBenchmark } from './fold.ts'
import { growthBenchmark } from './growth.ts'
import { latencyBenchmark } from './latency.ts'
import { replayBenchmark } from './replay.ts'
import { indexBenchmark } from './tag-questions.ts'

export const benchmarks: readonly Benchmark[] = [
  foldBenchmark,
  replayBenchmark,
  indexBenchmark,
  commandBenchmark,
  connectionsBenchmark,
  ...bulkBenchmarks,
  eventStoreDbBenchmark,
  dispatchBenchmark,
  latencyBenchmark,
  growthBenchmark,
]
