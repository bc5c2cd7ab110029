/** For tests and pictures: the console on a real server, in a real browser. One of each for a whole file. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import chromium from '@sparticuz/chromium'
import { type Browser, type BrowserContextOptions, chromium as playwright } from 'playwright-core'
import { BASE } from './console.fixture.ts'
import type { Console } from './console.ts'

/** Flags that loosen what a browser guards (its tests must meet the real thing), or make it less steady. */
const UNWANTED = ['--disable-web-security', '--allow-running-insecure-content', '--single-process', '--no-zygote']

export interface GivenBrowser {
  readonly browser: Browser
  /** Of the console. */
  readonly url: string
  /** A page as an operator has it; `as` is one of `ACTORS`. */
  open(options?: BrowserContextOptions & { readonly as?: string }): ReturnType<Browser['newPage']>
  close(): Promise<void>
}

// Nothing of the console is drawn by WebGL, which is emulated on the processor.
chromium.setGraphicsMode = false

export async function givenBrowser(pages: Console): Promise<GivenBrowser> {
  const server = createServer(getRequestListener(pages))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const browser = await playwright.launch({
    executablePath: await chromium.executablePath(),
    args: chromium.args.filter((flag) => !UNWANTED.includes(flag)),
    headless: true,
  })
  return {
    browser,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${BASE}`,
    async open({ as = 'writer', ...options } = {}) {
      const defaults = { timezoneId: 'Europe/Berlin', locale: 'en-GB', viewport: { width: 1200, height: 800 } }
      const context = await browser.newContext({ ...defaults, ...options, extraHTTPHeaders: { 'x-actor': as } })
      context.setDefaultTimeout(60_000)
      return context.newPage()
    },
    async close() {
      await browser.close()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
