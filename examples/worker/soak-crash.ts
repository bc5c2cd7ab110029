/**
 * `pnpm soak:crash`: the proof that crashes lose and repeat nothing (STEP-4, STEP-6, STOP-6, GATE-2, ONCE-3), with figures.
 * Exit status 1, and the first case, if one of the promises of docs/concepts/delivery.md is broken.
 */
import { parseArgs } from 'node:util'
import { startPostgres } from '@enfold/test-servers/postgres'
import { soak } from './soak/soak.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    steps: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    'on-unknown': { type: 'string', default: 'retry' },
    store: { type: 'string', default: 'sqlite' },
    workers: { type: 'string' },
    'server-kills': { type: 'string', default: '10' },
    'lease-ms': { type: 'string' },
    'handler-timeout-ms': { type: 'string' },
  },
})

const onServer = values.store === 'postgres'
if (!onServer && values.store !== 'sqlite')
  throw new Error(`--store is "${values.store}"; expected sqlite or postgres.`)

// With the server's settings as they are: what was acknowledged is on the disk.
const server = onServer ? await startPostgres({ settings: [] }) : undefined
try {
  const figures = await soak({
    kills: Number(values.kills),
    steps: Number(values.steps),
    seed: Number(values.seed),
    onUnknown: values['on-unknown'] === 'hold' ? 'hold' : 'retry',
    workers: Number(values.workers ?? (onServer ? 4 : 1)),
    ...(server === undefined ? {} : { server: { ...server, kills: Number(values['server-kills']) } }),
    // Eight processes and a server on few cores take their time between a claim and its handler.
    leaseMs: Number(values['lease-ms'] ?? (onServer ? 3000 : 1500)),
    handlerTimeoutMs: Number(values['handler-timeout-ms'] ?? (onServer ? 1000 : 500)),
    progress: (line) => console.error(line),
  })
  console.log(figures)
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  await server?.stop()
}
