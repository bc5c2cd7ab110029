/**
 * A store of one's own: everything in memory, and each write in a file before it is done, a line each. Opening the
 * file repeats the writes. For one process, and as many contacts as memory holds.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs'
import type { Store } from 'enfold'
import { createMemoryStore } from 'enfold/memory'

/** What changes a store for good. Leases are not: their holder is gone with the process. */
const WRITES = ['append', 'appendMany', 'apply', 'restore', 'correctCounters', 'saveAction'] as const

/** What the command line calls for `--store module:journal-store.ts?path=FILE`. */
export function openStore({ parameters }: { readonly parameters: URLSearchParams }): Promise<Store> {
  return openJournalStore(parameters.get('path') ?? 'journal.jsonl')
}

export async function openJournalStore(path: string): Promise<Store> {
  const memory = createMemoryStore()
  const write = (name: (typeof WRITES)[number], args: readonly unknown[]) =>
    (memory[name] as (...args: readonly unknown[]) => Promise<unknown>)(...args)

  const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0)
  const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1)
  for (const line of whole.toString().split('\n').slice(0, -1)) {
    const [name, ...args] = JSON.parse(line)
    // What was refused then is refused now.
    await write(name, args).catch(() => {})
  }
  // A line that a crash cut short was never acknowledged.
  if (whole.length < bytes.length) truncateSync(path, whole.length)
  const file = openSync(path, 'a')
  let closed = false

  const journaled =
    (name: (typeof WRITES)[number]) =>
    async (...args: readonly unknown[]) => {
      // Nothing comes between the two, so that the order of the lines is that of the writes.
      if (!closed) {
        const given = args.slice(0, args.findLastIndex((one) => one !== undefined) + 1)
        writeSync(file, `${JSON.stringify([name, ...given])}\n`)
        fsyncSync(file)
      }
      return write(name, args)
    }

  return {
    ...memory,
    ...(Object.fromEntries(WRITES.map((name) => [name, journaled(name)])) as unknown as Pick<
      Store,
      (typeof WRITES)[number]
    >),
    async close() {
      if (!closed) closeSync(file)
      closed = true
      await memory.close()
    },
  }
}
