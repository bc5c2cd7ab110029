/**
 * After a call has failed, a client may leave the next ones without an answer and without an error, until long after the
 * server is back: seen with `@kurrent/kurrentdb-client` after a discovery that failed. So while nothing has succeeded
 * since the last failure, a call that is silent is made again next to the first, and the first of them that settles well
 * counts. Every call here may be made twice: appends keep their ids and their expectation.
 */

import { EnfoldFault } from '@enfold/core'
import { failureOf } from './failure.ts'

/** How long a call may be silent before it is made again, while the server is in doubt. */
const DOUBT_MS = 1000

export interface Impatience {
  settled<T>(call: () => Promise<T>): Promise<T>
}

/** @param callTimeoutMs after so long a call ends by itself, and no other is made next to it any more */
export function createImpatience(callTimeoutMs: number): Impatience {
  const afterMs = Math.min(DOUBT_MS, callTimeoutMs)
  let inDoubt = false

  return {
    settled<T>(call: () => Promise<T>) {
      const { promise, resolve, reject } = Promise.withResolvers<T>()
      let underWay = 0
      let isOver = false
      let timer: NodeJS.Timeout | undefined
      const noMoreAt = performance.now() + callTimeoutMs
      const begin = () => {
        underWay += 1
        timer = setTimeout(again, afterMs)
        call().then(
          (answer) => {
            inDoubt = false
            end()
            resolve(answer)
          },
          (error: unknown) => {
            underWay -= 1
            const isClear = error instanceof EnfoldFault || failureOf(error) !== 'transient'
            inDoubt = !isClear
            // One that is still silent may be the one that gets through.
            if (underWay > 0 && !isClear) return
            end()
            reject(error)
          },
        )
      }
      const again = () => {
        if (isOver || performance.now() >= noMoreAt) return
        if (inDoubt) begin()
        else timer = setTimeout(again, afterMs)
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
