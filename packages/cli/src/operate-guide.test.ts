/** What `docs/guides/operate.md` shows is what the command line says. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { enfold, temporaryDirectory } from './cli.fixture.ts'

const ROOT = join(import.meta.dirname, '../../..')
const folder = temporaryDirectory()
const guide = readFileSync(join(ROOT, 'docs/guides/operate.md'), 'utf8')

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g
const INSTANT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g
/** Ids and instants differ from run to run. */
const lasting = (text: string) => text.replace(UUID, '<id>').replace(INSTANT, '<instant>')
/** As a shell would, as far as the guide has it: blanks, and single quotes. */
const wordsOf = (command: string) => (command.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^'|'$/g, ''))

const FILES = /(?<=^|:|\.\/)(campaigns\.db|campaign\.json|guests\.txt|results\.csv|handlers\.js)$/

it('LOG-3: the guide shows what orders say', async () => {
  copyFileSync(join(ROOT, 'examples/pool-owners/campaign.json'), join(folder, 'campaign.json'))
  const files = [
    ...guide.matchAll(/```js\n\/\/ (\S+)\n([\s\S]*?)```/g),
    ...guide.matchAll(/```text\n(\S+):\n([\s\S]*?)```/g),
  ].map(([, name = '', content = '']) => ({ name, content }))
  expect(files.map(({ name }) => name)).toEqual(['handlers.js', 'guests.txt'])
  for (const { name, content } of files) writeFileSync(join(folder, name), content)

  const blocks = [...guide.matchAll(/```console\n\$ enfold (.+)\n([\s\S]*?)```/g)]
  expect(blocks).toHaveLength(14)
  for (const [, command = '', shown = ''] of blocks) {
    const args = wordsOf(command).map((word) => word.replace(/^\.\//, '').replace(FILES, (name) => join(folder, name)))
    const [, typed] = /\[y\/N\] (.+\n)/.exec(shown) ?? []
    const { stdout, stderr } = await enfold(args, typed ?? '', typed !== undefined)
    const told = lasting(`${stderr}${typed ?? ''}${stdout}`.replaceAll(`${folder}/`, ''))
    // Contacts that are worked on at once come in any order.
    const inOrder = (text: string) => (/^(run|due) /.test(command) ? text.split('\n').toSorted() : text.split('\n'))
    expect({ command, told: inOrder(told) }).toEqual({ command, told: inOrder(lasting(shown)) })
  }
})
