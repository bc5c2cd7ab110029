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
    testTimeout: 30_000,
    // The machine that this must run on has two cores.
    maxWorkers: 2,
  },
})
