/**
 * The timer of the platform, taken when this module is loaded, before a test may put a simulated one there. Browsers have
 * only the slower one.
 */
const atNextTurn: (then: () => void) => unknown = globalThis.setImmediate ?? globalThis.setTimeout

/**
 * Resolves in the next turn of the event loop: timers, sockets and promises that are ready come first. Stores and
 * directories in this process may answer without ever doing so themselves, and would keep everything else waiting.
 */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => void atNextTurn(resolve))
}
