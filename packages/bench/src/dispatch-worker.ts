/** One worker process of the dispatch benchmark: says when it is ready, works when it is told to, and says what is done. */
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { run } from 'graphile-worker'
import { PgBoss } from 'pg-boss'
import { givenEngine } from './campaign.ts'
import { graphilePreset, silentLogger } from './graphile.ts'

export type WorkerKind = 'enfold-sqlite' | 'enfold-postgres' | 'graphile' | 'graphile-batched' | 'pg-boss'

export interface WorkerOrder {
  readonly kind: WorkerKind
  /** A file or a database. */
  readonly where: string
  /** By all workers together. */
  readonly steps: number
}

export type WorkerMessage = 'ready' | { readonly done: number }

interface Work {
  start(): Promise<void>
  end(): Promise<void>
}

let done = 0

async function enfold({ kind, where }: WorkerOrder): Promise<Work> {
  const store =
    kind === 'enfold-sqlite'
      ? createSqliteStore({ path: where, busyTimeoutMs: 60_000 })
      : createPostgresStore({ connectionString: where })
  const engine = await givenEngine({ store })
  await engine.health()
  return {
    async start() {
      const counts = await engine.runDue()
      done += counts.sent
    },
    async end() {
      await engine.close()
      await store.close()
    },
  }
}

async function graphile({ kind, where }: WorkerOrder): Promise<Work> {
  let runner: Awaited<ReturnType<typeof run>> | undefined
  return {
    async start() {
      runner = await run({
        preset: graphilePreset(where, kind === 'graphile-batched'),
        noHandleSignals: true,
        logger: silentLogger,
        taskList: { step: () => {} },
      })
      runner.events.on('job:complete', () => void done++)
    },
    end: async () => runner?.stop(),
  }
}

async function pgBoss({ where }: WorkerOrder): Promise<Work> {
  const boss = new PgBoss({ connectionString: where })
  boss.on('error', (error) => process.stderr.write(`${error}\n`))
  await boss.start()
  return {
    async start() {
      const options = { batchSize: 100, localConcurrency: 2, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true }
      await boss.work('step', options, async (jobs) => {
        done += jobs.length
      })
    },
    end: () => boss.stop({ graceful: true }),
  }
}

const makers: Readonly<Record<WorkerKind, (order: WorkerOrder) => Promise<Work>>> = {
  'enfold-sqlite': enfold,
  'enfold-postgres': enfold,
  graphile,
  'graphile-batched': graphile,
  'pg-boss': pgBoss,
}

const order = JSON.parse(process.argv[2] ?? '') as WorkerOrder
const work = await makers[order.kind](order)
const say = (message: WorkerMessage) => process.send?.(message)
let told = 0
function tell(): void {
  if (done > told) say({ done: done - told })
  told = done
}
// Not with every job: the messages would be a load of their own.
const telling = setInterval(tell, 20)
process.on('message', async (message) => {
  if (message === 'go') {
    await work.start()
    tell()
    return
  }
  clearInterval(telling)
  await work.end()
  process.disconnect()
})
say('ready')
