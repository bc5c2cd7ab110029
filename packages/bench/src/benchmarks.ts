/** All benchmarks, in the order of the table; each is loaded when it is asked for, since its peers take their time. */
import type { Benchmark } from './benchmark.ts'

const loaders = new Map<string, () => Promise<Benchmark>>([
  ['fold', async () => (await import('./fold.ts')).foldBenchmark],
  ['replay', async () => (await import('./replay.ts')).replayBenchmark],
  ['index', async () => (await import('./tag-questions.ts')).indexBenchmark],
  ['command', async () => (await import('./command.ts')).commandBenchmark],
  ['connections', async () => (await import('./connections.ts')).connectionsBenchmark],
  ['bulk', async () => (await import('./bulk.ts')).bulkBenchmark],
  ['bulk-million', async () => (await import('./bulk.ts')).bulkMillionBenchmark],
  ['eventstoredb', async () => (await import('./eventstoredb.ts')).eventStoreDbBenchmark],
  ['dispatch', async () => (await import('./dispatch.ts')).dispatchBenchmark],
  ['latency', async () => (await import('./latency.ts')).latencyBenchmark],
  ['funnel', async () => (await import('./funnel.ts')).funnelBenchmark],
  ['growth', async () => (await import('./growth.ts')).growthBenchmark],
  ['contact', async () => (await import('./contact.ts')).contactBenchmark],
  ['long-sequence', async () => (await import('./long-sequence.ts')).longSequenceBenchmark],
  ['idle', async () => (await import('./idle.ts')).idleBenchmark],
  ['require', async () => (await import('./require.ts')).requireBenchmark],
  ['one-contact', async () => (await import('./contact.ts')).oneContactBenchmark],
])

export const benchmarkNames: readonly string[] = [...loaders.keys()]

/** Takes as long as four of the others: only when it is named. */
const BY_NAME_ONLY = 'bulk-million'

/** Those that run when none is named. */
export const usualNames: readonly string[] = benchmarkNames.filter((name) => name !== BY_NAME_ONLY)

export async function benchmarkOf(name: string): Promise<Benchmark> {
  const load = loaders.get(name)
  if (load === undefined) throw new Error(`There is no benchmark "${name}".`)
  return await load()
}

export const allBenchmarks = (): Promise<Benchmark[]> => Promise.all(benchmarkNames.map(benchmarkOf))
