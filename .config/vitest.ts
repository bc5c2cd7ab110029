import { fileURLToPath } from 'node:url'
import { defineConfig, type UserWorkspaceConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { bundledCore } from './core-bundle.ts'
import { typeboxInOneFile } from './typebox.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

// Processes of the runner, and those that tests start, compile what they run once for all of them, and load TypeBox as one
// file: more than half a second less for each.
process.env.NODE_COMPILE_CACHE = `${root}node_modules/.cache/compiled`
process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} ${typeboxInOneFile()}`.trim()

/** Tests run from source. With `ENFOLD_CORE=cjs` the suite of core runs against its CommonJS bundle instead. */
const isBundle = process.env.ENFOLD_CORE === 'cjs'
const alias = isBundle ? bundledCore('cjs') : []

/** Those that take longest, which nothing in their size tells: begun last, one of them runs on alone for a minute. */
const LONGEST = [
  'examples/worker/worker.test.ts',
  'examples/pool-owners/demo.test.ts',
  'packages/store-eventstoredb/src/kurrent-client.test.ts',
  'packages/store-postgres/src/postgres-store.test.ts',
  'packages/console/src/browser.test.ts',
  'packages/cli/src/guide.test.ts',
  'packages/engine/src/fault-injection.test.ts',
  'packages/store-eventstoredb/src/eventstore-client.test.ts',
  'packages/core/src/log-check.test.ts',
  'packages/core/src/properties.test.ts',
]

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.findIndex((file) => moduleId.endsWith(file))
      return at < 0 ? LONGEST.length : at
    }
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b))
  }
}

/**
 * Their tests keep nothing in modules and change nothing of the process for long, so a process runs one file after the
 * other and loads the modules once: half of the time of core, HTTP and handlers, and more of small examples. All others
 * have a process for each file.
 */
const TOGETHER = [
  'packages/{cli,console,core,create-enfold,engine,fastify,handlers,http,mcp,nestjs,store-*,test-servers,testkit}/src/**/*.test.ts',
  'examples/**/*.test.ts',
  'docs/**/*.test.ts',
  '.config/*.test.ts',
]
/** Loads modules a second time, one of them with something else in it. */
const NOT_TOGETHER = ['packages/store-postgres/src/upgrade.test.ts']

/** Whether the contenders of the bench do the same work is asked by `pnpm test:bench`: it takes minutes. */
const BENCH = process.env.ENFOLD_BENCH === undefined ? ['packages/bench/src/**'] : []
/** Long proofs of what the gate proves in short: `pnpm soak`. */
const SOAKS = process.env.ENFOLD_SOAK === undefined ? ['**/*.soak.test.ts'] : []
const LEFT_OUT = ['**/node_modules/**', ...BENCH, ...SOAKS]

const shared: UserWorkspaceConfig['test'] = {
  // No test fails on a time: these only end what hangs.
  testTimeout: 300_000 * Math.max(1, Number(process.env.ENFOLD_SCALE ?? 1)),
  hookTimeout: 300_000,
  // The one place that says how long a poll waits: it passes as soon as it can, also on a machine that is busy.
  expect: { poll: { timeout: 30_000, interval: 20 } },
}

const together = {
  ...shared,
  name: 'together',
  isolate: false,
  include: TOGETHER,
  exclude: [...LEFT_OUT, ...NOT_TOGETHER],
}
const apart = {
  ...shared,
  name: 'apart',
  include: [
    ...NOT_TOGETHER,
    'packages/{bench,driver-tests,templates}/src/**/*.test.ts',
    'packages/bench/soak/**/*.test.ts',
  ],
  exclude: LEFT_OUT,
}
const bundled = { ...together, name: 'bundle', include: ['packages/core/src/**/*.test.ts'] }

export default defineConfig({
  root,
  test: {
    sequence: { sequencer: LongestFirst },
    globalSetup: `${root}.config/shared-postgres.ts`,
    // The machine that this must run on has two cores; tests that wait for servers and processes leave room for a third.
    maxWorkers: 3,
    projects: (isBundle ? [bundled] : [apart, together]).map((test) => ({
      root,
      resolve: { alias },
      test,
    })),
  },
})
