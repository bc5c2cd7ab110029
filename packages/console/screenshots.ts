/**
 * Pictures of the six main pages, light and dark, wide and narrow, into a folder that git ignores: `pnpm screenshots`.
 * Those that the docs show are copied by hand.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { givenBrowser } from './src/browser.fixture.ts'
import { consoleOf, givenWorld, overOf } from './src/console.fixture.ts'

const folder = process.argv[2] ?? join(import.meta.dirname, 'screenshots')
mkdirSync(folder, { recursive: true })

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
    }
} finally {
  await given.close()
  await world.close()
}
process.stdout.write(`The pictures are in ${folder}.\n`)
