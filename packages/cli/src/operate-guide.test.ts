/** What the guides of operators show is what the command line says. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { enfold, temporaryDirectory } from './cli.fixture.ts'

const ROOT = join(import.meta.dirname, '../../..')
const temporary = temporaryDirectory()
const pageOf = (name: string) => readFileSync(join(ROOT, 'docs/guides', name), 'utf8')

const DAY_MS = 86_400_000
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g
const INSTANT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g
/** Ids and instants differ from run to run, and with the day of the week what is due within seven days. */
const lasting = (text: string) =>
  text
    .replace(UUID, '<id>')
    .replace(INSTANT, '<instant>')
    .replace(/\d+ steps? due in/, '<some> steps due in')
/** As a shell would, as far as the guides have it: blanks, and single quotes. */
const wordsOf = (command: string) => (command.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^'|'$/g, ''))

const FILES =
  /(?<=^|:|\.\/)(campaigns\.db|campaign\.json|guests\.txt|results\.csv|handlers\.js|fair\.txt|contacts\.js)$/
/** A date that a guide names is over some day, and an order for a past instant is refused. */
const SHOWN_DATE = /^2\d{3}-\d\d-\d\d(T\d\d:\d\dZ)?$/

/** What is left on a terminal: on a machine that is busy a line says how far a command has come, and is wiped. */
const withoutProgress = (text: string) =>
  text
    .split('\r\u001b[K')
    .filter((part, i, parts) => i === 0 || i === parts.length - 1 || part.includes('\n'))
    .join('')

/** A folder with the campaign and these files, in which commands are given as a guide has them. */
function folderOf(name: string, files: readonly { readonly name: string; readonly content: string }[]) {
  const folder = join(temporary, name)
  mkdirSync(folder)
  copyFileSync(join(ROOT, 'examples/pool-owners/campaign.json'), join(folder, 'campaign.json'))
  for (const file of files) writeFileSync(join(folder, file.name), file.content)
  return {
    async told(command: string, typed?: string): Promise<string> {
      const args = wordsOf(command).map((word) =>
        word
          .replace(/^\.\//, '')
          .replace(FILES, (file) => join(folder, file))
          .replace(SHOWN_DATE, new Date(Date.now() + 30 * DAY_MS).toISOString()),
      )
      const { stdout, stderr } = await enfold(args, typed ?? '', typed !== undefined)
      return `${withoutProgress(stderr)}${typed ?? ''}${stdout}`.replaceAll(`${folder}/`, '')
    },
  }
}

/** Gives each command of the page, and compares what it says. */
async function follow(page: string, folder: ReturnType<typeof folderOf>, blocks: number): Promise<void> {
  const found = [...page.matchAll(/```console\n\$ enfold (.+)\n([\s\S]*?)```/g)]
  expect(found).toHaveLength(blocks)
  // A command may name an order that was shown before.
  const ids = new Map<string, string>()
  for (const [, command = '', shown = ''] of found) {
    const [, typed] = /\[y\/N\] (.+\n)/.exec(shown) ?? []
    const told = await folder.told(
      command.replace(UUID, (id) => ids.get(id) ?? id),
      typed,
    )
    const drawn = told.match(UUID) ?? []
    for (const [i, id] of (shown.match(UUID) ?? []).entries()) ids.set(id, drawn[i] ?? id)
    // Contacts that are worked on at once come in any order.
    const inOrder = (text: string) => (/^(run|due) /.test(command) ? text.split('\n').toSorted() : text.split('\n'))
    expect({ command, told: inOrder(lasting(told)) }).toEqual({ command, told: inOrder(lasting(shown)) })
  }
}

it('LOG-3: the guide shows what orders say', async () => {
  const guide = pageOf('operate.md')
  const files = [
    ...guide.matchAll(/```js\n\/\/ (\S+)\n([\s\S]*?)```/g),
    ...guide.matchAll(/```text\n(\S+):\n([\s\S]*?)```/g),
  ].map(([, name = '', content = '']) => ({ name, content }))
  expect(files.map(({ name }) => name)).toEqual(['handlers.js', 'guests.txt'])
  await follow(guide, folderOf('operate', files), 12)
})

it('LOG-3: the guide by wishes shows what orders say, on a store in which people were started', async () => {
  const folder = folderOf('operators', [
    { name: 'fair.txt', content: 'fay\ngus\n' },
    { name: 'contacts.js', content: 'export const contacts = { get: () => ({}) }\n' },
    { name: 'handlers.js', content: "export const handlers = { email: () => ({ outcome: 'sent' }) }\n" },
  ])
  const store = 'sqlite:campaigns.db'
  await folder.told(`publish ${store} campaign.json --create`)
  await folder.told(`start ${store} ada bob cleo dan eve ian pool-owners/nurture --actor olga --yes`)
  await folder.told(`run ${store} --handlers handlers.js --once`)
  await folder.told(`start ${store} --from fair.txt pool-owners/nurture --action-id fair-2026 --yes`)
  await folder.told(
    `signal ${store} hal form-submitted --data '{"form":"pool-guide"}' --signal-id form-7 --host-module contacts.js`,
  )
  await follow(pageOf('operators.md'), folder, 13)
})
