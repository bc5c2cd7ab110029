/** Ports of this machine, as messages name them. */
import { UsageError } from './errors.ts'

/** @throws UsageError if the port is taken, or this user may not have it */
export async function onPort<Result>(port: number, listen: () => Promise<Result>): Promise<Result> {
  try {
    return await listen()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    const why =
      code === 'EADDRINUSE' ? 'is taken by another program' : code === 'EACCES' ? 'is not for this user' : null
    if (why === null) throw error
    throw new UsageError(`Port ${port} ${why}. Name another, or leave out --port: then a free one is taken.`)
  }
}
