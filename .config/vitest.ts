import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Tests run from source. With `ENFOLD_CORE=dist` (`pnpm test:bundle`) the suite of core runs against the built
 * bundle instead: its tests import `@enfold/core` by name for that reason.
 */
const bundle = process.env.ENFOLD_CORE
const alias =
  bundle === undefined ? {} : { '@enfold/core': `${root}packages/core/dist/index.${bundle === 'cjs' ? 'cjs' : 'js'}` }

export default defineConfig({
  root,
  resolve: { alias },
  test: {
    include:
      bundle === undefined
        ? ['packages/*/src/**/*.test.ts', 'examples/**/*.test.ts', 'docs/**/*.test.ts', '.config/*.test.ts']
        : ['packages/core/src/**/*.test.ts'],
    // Whether the contenders of the bench do the same work is asked by `pnpm test:bench`: it takes minutes.
    exclude: ['**/node_modules/**', ...(process.env.ENFOLD_BENCH === undefined ? ['packages/bench/**'] : [])],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // The machine that this must run on has two cores; tests that wait for servers and processes leave room for a third.
    maxWorkers: 3,
  },
})
