/**
 * The suite of core in Chromium: what it promises holds where there is no Node, with the SHA-256 of a library.
 * `ENFOLD_RUNS` sets how many runs a property gets, default 100.
 */
import { fileURLToPath } from 'node:url'
import chromium from '@sparticuz/chromium'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'

const root = fileURLToPath(new URL('..', import.meta.url))
const runs = process.env.ENFOLD_RUNS ?? '100'

export default defineConfig({
  root,
  define: { 'process.env.ENFOLD_RUNS': JSON.stringify(runs), 'process.env.ENFOLD_CORE': '"browser"' },
  test: {
    include: ['packages/core/src/**/*.test.ts'],
    testTimeout: 120_000,
    browser: {
      enabled: true,
      headless: true,
      provider: playwright({ launchOptions: { executablePath: await chromium.executablePath(), args: chromium.args } }),
      instances: [{ browser: 'chromium' }],
      screenshotFailures: false,
    },
  },
})
