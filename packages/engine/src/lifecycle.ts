/** An engine that lives as long as the application that it is part of: publishes, works, and ends in the right order. */
import { type CampaignDefinition, orThrow } from '@enfold/core'
import type { Engine } from './engine.ts'

export interface LifecycleOptions {
  readonly engine: Pick<Engine, 'publish' | 'run' | 'close'>
  /** Closed after the engine. Left out: you close it. */
  readonly store?: { close(): Promise<void> }
  /** Definitions to publish at each start. The same definition again changes nothing. */
  readonly publish?: readonly CampaignDefinition[]
  /** Whether this process does due steps. Default true; false where another process works. */
  readonly work?: boolean
}

export interface Lifecycle {
  /**
   * Publishes, and begins to work. It does not wait for work. What ends `engine.run` with a fault stays unhandled, and so
   * ends the process, unless `stop` or `close` is waiting for it.
   *
   * @throws EnfoldFault what `publish` throws; an error with the reason where a definition is refused
   */
  start(): Promise<void>
  /** Begins nothing more, and waits for handlers in flight. Orders are still taken. */
  stop(): Promise<void>
  /** As `stop`; then closes the engine, and the store. */
  close(): Promise<void>
}

/**
 * For hosts whose framework says when to begin and when to end.
 *
 * @example
 * const lifecycle = createLifecycle({ engine, store, publish: [welcome] })
 * await lifecycle.start()
 * process.once('SIGTERM', () => lifecycle.close())
 */
export function createLifecycle({ engine, store, publish = [], work = true }: LifecycleOptions): Lifecycle {
  const stopping = new AbortController()
  let working: Promise<void> | undefined

  async function stop(): Promise<void> {
    stopping.abort()
    await working
  }

  return {
    async start() {
      for (const definition of publish) orThrow(await engine.publish(definition))
      if (work && !stopping.signal.aborted) working ??= engine.run({ signal: stopping.signal })
    },
    stop,
    async close() {
      try {
        await stop()
      } finally {
        await engine.close()
        await store?.close()
      }
    },
  }
}
