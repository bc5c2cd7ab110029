/** How graphile-worker is set up, after its documentation (https://worker.graphile.org/docs/performance). */
import { Logger } from 'graphile-worker'

/** Its log of every job would be measured with it. */
export const silentLogger = new Logger(() => () => {})

/** Ten connections, or two more than jobs at once, whichever is more. `batched`: its fastest, for tiny jobs. */
export function graphilePreset(connectionString: string, batched = false) {
  const batches = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 }
  return { worker: { connectionString, concurrentJobs: 10, maxPoolSize: 12, ...(batched ? batches : {}) } }
}
