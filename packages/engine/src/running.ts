/** `run`, `runDue`, `project` and `waitFor`: what a worker calls. */
import type { ChangeNotifications, Position } from '@enfold/core'
import type { Dispatcher, DueOptions } from './dispatch/dispatcher.ts'
import type { DispatchCounts } from './dispatch/tally.ts'
import * as input from './input.ts'
import type { Lifetime } from './lifetime.ts'
import { pace } from './pausing.ts'
import type { Projection } from './projection/projection.ts'
import type { WakeSignal } from './wake-signal.ts'

export interface Running {
  /**
   * Works until nothing is due or `limit` steps are done, for hosts that have their own loop. Default: no limit. Ends
   * earlier when `signal` aborts or `timeoutMs` of real time are over: then no new claim, and handlers in flight are
   * awaited as at the end of `run`. What is left is due at the next call.
   */
  runDue(options?: DueOptions): Promise<DispatchCounts>
  /**
   * After an outage: works on everything, and begins what is overdue at the call no faster than `pace` says: at most `most`
   * such steps in each span of `per`, counted from the call, by this process. What falls due meanwhile is not held up.
   * Resolves when nothing overdue is left, or the signal aborts. Call `run` then. `most`: 1 to 1,000,000; `per`: "PT1S" to
   * "P1D".
   */
  drain(options: {
    readonly pace: { readonly most: number; readonly per: string }
    readonly signal?: AbortSignal
  }): Promise<DispatchCounts>
  /**
   * Works until the signal aborts: then no new claim, and handlers in flight are awaited. Resolves when all is at rest.
   * Feeds a read model apart from the log, too, unless `project` is false (another process does it); what ends the
   * projection then ends this, with its fault.
   */
  run(options: { readonly signal: AbortSignal; readonly project?: boolean }): Promise<void>
  /**
   * Feeds a read model apart from the log until the signal aborts, and dispatches nothing. Goes on after any fault of log
   * or read model. Where the store projects in the append it only waits for the signal.
   *
   * @throws EnfoldFault `PROJECTION_STOPPED`, `PROJECTION_OUT_OF_ORDER`: both name the event
   */
  project(options: { readonly signal: AbortSignal }): Promise<void>
  /**
   * Resolves when index and agenda show all that is recorded up to a position: pass that of an answer to read your own
   * writes. At once where the store projects in the append. `timeoutMs`: default 5,000, in real time.
   *
   * @throws EnfoldFault `PROJECTION_BEHIND` when the time is over
   */
  waitFor(position: Position, options?: { readonly timeoutMs?: number }): Promise<void>
}

interface Parts {
  readonly dispatcher: Dispatcher
  readonly projection: Projection
  /** Whether the read model must be fed. */
  readonly isSeparate: boolean
  readonly store: Partial<ChangeNotifications>
  readonly wakeSignal: WakeSignal
  readonly lifetime: Lifetime
}

/** For a read model apart from the log, where a verb needs it to show something. */
export const WAIT_MS = 5000

const DUE = {
  'limit?': input.wholeNumber(1, Number.MAX_SAFE_INTEGER),
  'signal?': input.abortSignal,
  'timeoutMs?': input.wholeNumber(1, 86_400_000),
}

export function createRunning({ dispatcher, projection, isSeparate, store, wakeSignal, lifetime }: Parts): Running {
  const project = (signal: AbortSignal) => lifetime.track(projection.run(AbortSignal.any([signal, lifetime.closing])))
  return {
    async runDue(options = {}) {
      input.checkInput('runDue', options, DUE)
      lifetime.requireOpen()
      return dispatcher.runDue(options)
    },
    async drain(options) {
      input.checkInput('drain', options, { pace, 'signal?': input.abortSignal })
      lifetime.requireOpen()
      return dispatcher.drain(options.pace, options.signal ?? new AbortController().signal)
    },
    async run(options) {
      input.checkInput('run', options, { signal: input.abortSignal, 'project?': input.flag })
      lifetime.requireOpen()
      const { signal, project: feeds = true } = options
      // What other processes and transactions of the host make due is heard of at once, where the store can tell.
      const unwatch = store.watch?.(wakeSignal.notify)
      const running = isSeparate && feeds ? both(signal, project, dispatcher.run) : dispatcher.run(signal)
      return running.finally(unwatch)
    },
    async project(options) {
      input.checkInput('project', options, { signal: input.abortSignal })
      lifetime.requireOpen()
      return project(options.signal)
    },
    async waitFor(position, options = {}) {
      input.wholeNumber(0, Number.MAX_SAFE_INTEGER)('waitFor.position', position)
      input.checkInput('waitFor', options, { 'timeoutMs?': input.wholeNumber(1, 86_400_000) })
      return projection.waitFor(position, options.timeoutMs ?? WAIT_MS)
    },
  }
}

/** Both until the signal aborts, or one of them ends with a fault, which ends the other. */
async function both(signal: AbortSignal, ...works: readonly ((signal: AbortSignal) => Promise<void>)[]): Promise<void> {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const ended = await Promise.allSettled(works.map((work) => work(either).finally(() => failed.abort())))
  for (const one of ended) if (one.status === 'rejected') throw one.reason
}
