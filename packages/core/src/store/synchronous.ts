/** Ports of stores whose work is synchronous, as memory and an embedded database are. */

/** The port with methods that return at once. */
export type Synchronous<Port> = {
  readonly [Name in keyof Port]: Port[Name] extends (...args: infer Args) => Promise<infer Result>
    ? (...args: Args) => Result
    : never
}

/**
 * Makes a port of methods that return at once.
 *
 * @param run does the work of each call: in a transaction, or after a check that the store is open
 */
export function inRuns<Port extends object>(run: <T>(work: () => T) => Promise<T>, methods: Synchronous<Port>): Port {
  const entries = Object.entries(methods as { readonly [name: string]: (...args: unknown[]) => unknown })
  return Object.fromEntries(
    entries.map(([name, method]) => [name, (...args: unknown[]) => run(() => method(...args))]),
  ) as Port
}
