/**
 * The promises of the ports, proved on any store: the same tests for ours and for yours. What they ask is written in
 * `log-promises.ts`, `read-model-promises.ts`, `counter-promises.ts`, `state-promises.ts` and `action-promises.ts`;
 * here they are run.
 */
import { type Capabilities, EnfoldFault, type EventStore, type Store } from '@enfold/core'
import { describe, it } from 'vitest'
import { actionPromises } from './action-promises.ts'
import { counterPromises } from './counter-promises.ts'
import { logPromises } from './log-promises.ts'
import type { Promises } from './promises.ts'
import { readModelPromises } from './read-model-promises.ts'
import { statePromises } from './state-promises.ts'

/** A fresh, empty store, made for one test. */
export interface StoreUnderTest<S extends EventStore> {
  readonly store: S
  /**
   * Opens the same data once more, as a second process would. Without it nothing is asked about what outlives the
   * process, and nothing about two processes at once.
   */
  reopen?(): S | Promise<S>
  /** Called after the test, when everything that was opened has been closed. */
  cleanup?(): void | Promise<void>
}

export interface BatteryOptions<Name extends string> {
  /** Tests that this store cannot pass, by their whole name, each with the reason that the report is to show. */
  readonly skips?: { readonly [name in Name]?: string }
  /** False: one process at a time may have the data open, so it is opened again only to be read. Default true. */
  readonly manyProcesses?: boolean
}

/** An event store that says what it can do. */
type Log = EventStore & { readonly capabilities: Capabilities }

/**
 * Proves every promise of a store that is log, read model and keeper of actions at once. Call it in a test file of vitest.
 * Throws `INVALID_INPUT` for a skip that names no test or gives no reason.
 *
 * @example
 * storeBattery('memory', () => ({ store: createMemoryStore() }))
 */
export function storeBattery(
  name: string,
  makeStore: () => StoreUnderTest<Store> | Promise<StoreUnderTest<Store>>,
  options: BatteryOptions<
    | keyof typeof logPromises
    | keyof typeof readModelPromises
    | keyof typeof counterPromises
    | keyof typeof statePromises
    | keyof typeof actionPromises
  > = {},
): void {
  run(
    name,
    {
      'the log': logPromises,
      'the read model': readModelPromises,
      counters: counterPromises,
      'stored states': statePromises,
      actions: actionPromises,
    },
    makeStore,
    options,
  )
}

/** As `storeBattery`, for a store that is only a log and has its read model elsewhere. */
export function eventStoreBattery(
  name: string,
  makeStore: () => StoreUnderTest<Log> | Promise<StoreUnderTest<Log>>,
  options: BatteryOptions<keyof typeof logPromises> = {},
): void {
  run(name, { 'the log': logPromises }, makeStore, options)
}

function run<S extends Log>(
  name: string,
  parts: { readonly [part: string]: Promises<S> },
  makeStore: () => StoreUnderTest<S> | Promise<StoreUnderTest<S>>,
  options: BatteryOptions<string>,
): void {
  const skips = new Map(Object.entries(options.skips ?? {}))
  const names = new Set(Object.values(parts).flatMap(Object.keys))
  for (const [skipped, reason] of skips) {
    if (!names.has(skipped)) throw EnfoldFault.invalidInput('skips', skipped, 'the whole name of a test of the battery')
    if (!reason?.trim()) throw EnfoldFault.invalidInput(`skips[${JSON.stringify(skipped)}]`, reason, 'a reason')
  }
  describe(name, () => {
    for (const [part, promises] of Object.entries(parts)) {
      describe(part, () => {
        for (const [promise, prove] of Object.entries(promises)) {
          it(promise, async (context) => {
            const reason = skips.get(promise)
            if (reason !== undefined) context.skip(reason)
            const { store, reopen, cleanup } = await makeStore()
            const opened: S[] = [store]
            try {
              await prove({
                store,
                processes: reopen === undefined ? 'none' : options.manyProcesses === false ? 'one' : 'many',
                skip: (why) => context.skip(why),
                async another() {
                  if (reopen === undefined) return context.skip('makeStore returns no reopen')
                  const again = await reopen()
                  opened.push(again)
                  return again
                },
              })
            } finally {
              for (const one of opened) await one.close()
              await cleanup?.()
            }
          })
        }
      })
    }
  })
}
