/**
 * After a call has failed, a client may leave the next ones without an answer and without an error, until long after the
 * server is back: seen with `@kurrent/kurrentdb-client` after a discovery that failed. So while nothing has succeeded
 * since the last failure, a call that is silent is made again next to the first, and the first of them that settles well
 * counts. One that was under way when something failed is made again once more after others have succeeded: it may hang for
 * good, and its deadline is seconds away. Every call here may be made twice: appends keep their ids and their expectation.
 */

import { EnfoldFault } from '@enfold/core'
import { failureOf } from './failure.ts'

/** How long a call may be silent before it is made again, while the server is in doubt. */
const DOUBT_MS = 1000

export interface Impatience {
  settled<T>(call: () => Promise<T>): Promise<T>
}

/** @param callTimeoutMs after so long a call ends by itself; no other is made next to it any more, and none is waited for */
export function createImpatience(callTimeoutMs: number): Impatience {
  const afterMs = Math.min(DOUBT_MS, callTimeoutMs)
  /** How many calls failed, and how many had when the last one succeeded: more now than then, and the server is in doubt. */
  let failures = 0
  let failuresForgiven = 0
  const inDoubt = () => failures > failuresForgiven

  return {
    settled<T>(call: () => Promise<T>) {
      const { promise, resolve, reject } = Promise.withResolvers<T>()
      const noMoreAt = performance.now() + callTimeoutMs
      const trustedSince = failuresForgiven
      let underWay = 0
      let isOver = false
      let madeAfterDoubt = false
      let timer: NodeJS.Timeout | undefined
      const begin = () => {
        underWay += 1
        timer = setTimeout(again, afterMs)
        call().then(
          (answer) => {
            failuresForgiven = failures
            end()
            resolve(answer)
          },
          (error: unknown) => {
            underWay -= 1
            const isClear = error instanceof EnfoldFault || failureOf(error) !== 'transient'
            if (isClear) failuresForgiven = failures
            else failures += 1
            // One that is still silent may be the one that gets through; after the deadline of the first nobody waits for it.
            if (underWay > 0 && !isClear && performance.now() < noMoreAt) return
            end()
            reject(error)
          },
        )
      }
      const again = () => {
        if (isOver || performance.now() >= noMoreAt) return
        const isDoubtOver = !inDoubt() && failures > trustedSince
        if (inDoubt() || (isDoubtOver && !madeAfterDoubt)) {
          madeAfterDoubt = isDoubtOver
          begin()
        } else timer = setTimeout(again, afterMs)
      }
      const end = () => {
        isOver = true
        clearTimeout(timer)
      }
      begin()
      return promise
    },
  }
}
