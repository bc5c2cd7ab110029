/**
 * The suite of core in Chromium, against its bundle of ES modules: what it promises holds where there is no Node, with
 * the SHA-256 of a library, and for who bundles it. Each property gets a twentieth of its runs: what they prove is proved
 * where Node runs them from source.
 */
import { fileURLToPath } from 'node:url'
import chromium from '@sparticuz/chromium'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { bundledCore } from './core-bundle.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const scale = process.env.ENFOLD_SCALE ?? '0.05'

// WebGL is emulated on the processor, and nothing here draws.
chromium.setGraphicsMode = false

export default defineConfig({
  root,
  define: { 'process.env.ENFOLD_SCALE': JSON.stringify(scale) },
  resolve: { alias: bundledCore('js') },
  test: {
    include: ['packages/core/src/**/*.test.ts'],
    testTimeout: 300_000,
    // As with `together` in `vitest.ts`: one page loads core once.
    isolate: false,
    browser: {
      enabled: true,
      headless: true,
      provider: playwright({ launchOptions: { executablePath: await chromium.executablePath(), args: chromium.args } }),
      instances: [{ browser: 'chromium' }],
      screenshotFailures: false,
    },
  },
})
