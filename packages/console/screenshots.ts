/**
 * Pictures of the main pages and of those of `enfold dev`, light and dark, wide and narrow, into a folder that git ignores:
 * `pnpm screenshots`. Those that the docs show are copied by hand.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { givenBrowser } from './src/browser.fixture.ts'
import { consoleOf, givenWorld, overOf } from './src/console.fixture.ts'

const folder = process.argv[2] ?? join(import.meta.dirname, 'screenshots')
mkdirSync(folder, { recursive: true })

/** As a newcomer starts it. Its address may be opened by several browsers. */
const dev = spawn(process.execPath, [join(import.meta.dirname, '../cli/src/index.ts'), 'dev'], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
const [devUrl] = (await once(createInterface(dev.stdout), 'line')) as [string]
const devPage = (path: string) => new URL(path, devUrl).href

const world = await givenWorld({ weeks: 6 })
const given = await givenBrowser(consoleOf(world))
try {
  const target = { action: 'stop', campaignId: 'pool', sequenceId: 'nurture', actor: 'wanda' } as const
  const contacts = { ids: [...world.names.keys()].slice(0, 24) }
  await world.engine.processAction({ ...target, actionId: 'summer', reason: 'the offer has ended', contacts })
  await overOf(world, 'summer')
  await world.engine.startSequence({ contactId: 'c-130', campaignId: 'garden', sequenceId: 'tips', actor: 'wanda' })
  await world.engine.runDue()
  for (const colorScheme of ['light', 'dark'] as const)
    for (const [size, width] of [
      ['wide', 1200],
      ['narrow', 390],
    ] as const) {
      const page = await given.open({ colorScheme, viewport: { width, height: 800 } })
      const shoot = async (name: string, path: string) => {
        await page.goto(given.url + path)
        await page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`), fullPage: true })
      }
      await page.goto(given.url)
      await page.waitForLoadState('networkidle')
      await shoot('search', '/search?text=Nguyen')
      await shoot('action', '/actions/summer')
      await shoot('contact', '/contacts/c-130')
      await shoot('contact-then', '/contacts/c-130?moment=3')
      await shoot('campaign', '/campaigns/pool?node=vip')
      await shoot('now', '/now')
      await page.goto(`${given.url}/audit`)
      await page.getByRole('button', { name: 'Verify the log' }).click()
      await page.getByText('asked by wanda').waitFor()
      await shoot('audit', '/audit')
      await page.context().close()
      await shootDev(colorScheme, size, width)
    }
  await shootWalk()
} finally {
  dev.kill()
  await given.close()
  await world.close()
}
process.stdout.write(`The pictures are in ${folder}.\n`)

async function shootDev(colorScheme: 'light' | 'dark', size: string, width: number): Promise<void> {
  const page = await given.open({ colorScheme, viewport: { width, height: 800 } })
  const shoot = async (name: string, path: string) => {
    await page.goto(devPage(path))
    await page.waitForTimeout(300)
    await page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`), fullPage: true })
  }
  await page.goto(devUrl)
  await page.goto(devPage('/dev/clock'))
  await page.getByRole('button', { name: 'One week on' }).click()
  await shoot('dev-clock', '/dev/clock')
  await shoot('dev', '/dev')
  await shoot('dev-outbox', '/dev/outbox')
  await shoot('dev-mail', '/dev/outbox/1')
  await shoot('dev-signal', '/dev/signal')
  await page.context().close()
}

/** What a newcomer does in `enfold dev`, in the order of the README's pictures. */
async function shootWalk(): Promise<void> {
  const page = await given.open({ colorScheme: 'light', viewport: { width: 1100, height: 760 } })
  const shoot = (name: string) => page.screenshot({ path: join(folder, `walk-${name}.png`) })
  await page.goto(devUrl)
  await page.goto(devPage('/dev/clock'))
  await page.getByRole('button', { name: 'One week on' }).click()
  await page.waitForLoadState('networkidle')
  await shoot('clock')
  await page.goto(devPage('/dev/outbox/1'))
  await page.waitForLoadState('networkidle')
  await shoot('mail')
  await page.goto(devPage('/dev/signal'))
  await page.getByRole('link', { name: 'Bought the robot purchased' }).click()
  await shoot('signal')
  await page.getByRole('button', { name: 'Send the signal' }).click()
  await page.goto(devPage('/contacts/c-001'))
  await page.waitForLoadState('networkidle')
  await shoot('contact')
  await page.context().close()
}
