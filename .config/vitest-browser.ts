/**
 * The suite of core in Chromium: what it promises holds where there is no Node, with the SHA-256 of a library.
 * Each property gets a twentieth of its runs: what they prove is proved where Node runs them.
 */
import { fileURLToPath } from 'node:url'
import chromium from '@sparticuz/chromium'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'

const root = fileURLToPath(new URL('..', import.meta.url))
const scale = process.env.ENFOLD_SCALE ?? '0.05'

export default defineConfig({
  root,
  define: { 'process.env.ENFOLD_SCALE': JSON.stringify(scale), 'process.env.ENFOLD_CORE': '"browser"' },
  test: {
    include: ['packages/core/src/**/*.test.ts'],
    testTimeout: 300_000,
    browser: {
      enabled: true,
      headless: true,
      provider: playwright({ launchOptions: { executablePath: await chromium.executablePath(), args: chromium.args } }),
      instances: [{ browser: 'chromium' }],
      screenshotFailures: false,
    },
  },
})
