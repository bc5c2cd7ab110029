/** Commands that serve until they are told to stop. */

const STOPS = ['SIGINT', 'SIGTERM'] as const

/**
 * @param work is given a promise that resolves at SIGINT or SIGTERM. A second one of the same ends the process at once
 */
export async function untilToldToStop<Result>(work: (told: Promise<void>) => Promise<Result>): Promise<Result> {
  const { promise: told, resolve: stop } = Promise.withResolvers<void>()
  for (const name of STOPS) process.once(name, stop)
  try {
    return await work(told)
  } finally {
    for (const name of STOPS) process.off(name, stop)
  }
}
