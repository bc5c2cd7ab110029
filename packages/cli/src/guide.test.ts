/** What `docs/guides/audit.md` shows is what the command line says about the demo. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { enfold, temporaryDirectory } from './cli.fixture.ts'

const ROOT = join(import.meta.dirname, '../../..')
const folder = join(temporaryDirectory(), 'demo')

/** The ids of dispatches differ from run to run. */
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g
const withoutIds = (line: string | undefined) => line?.replace(UUID, '<id>').replace(/^Seal of \S+/, 'Seal of <now>')

beforeAll(() => {
  execFileSync(process.execPath, [join(ROOT, 'examples/pool-owners/demo.ts'), '--out', folder], { stdio: 'ignore' })
})

it('AUDIT-3: the guide shows real answers', async () => {
  const guide = readFileSync(join(ROOT, 'docs/guides/audit.md'), 'utf8')
  const blocks = [...guide.matchAll(/```console(?: exit-(\d))?\n\$ (.+)\n([\s\S]*?)```/g)]
  expect(blocks.length).toBeGreaterThan(10)
  const ids = new Map<string, string>()
  for (const [, exit = '0', command = '', shown = ''] of blocks) {
    const line = command.replace(UUID, (id) => ids.get(id) ?? id).replaceAll('demo/', `${folder}/`)
    const [program, ...args] = line.split(' ')
    if (program !== 'enfold') {
      execFileSync('sh', ['-c', line])
      continue
    }
    const { status, stdout, stderr } = await enfold(args)
    expect({ command, status, stderr }).toEqual({ command, status: Number(exit), stderr: '' })
    expectLines(stdout.replaceAll(`${folder}/`, 'demo/').split('\n'), shown.split('\n'), ids)
  }
})

/** A line "…" stands for any number of lines. Learns which id of the guide is which of this run. */
function expectLines(told: readonly string[], shown: readonly string[], ids: Map<string, string>): void {
  let at = 0
  let skip = false
  for (const line of shown) {
    if (line === '…') {
      skip = true
      continue
    }
    if (skip) at = told.findIndex((one, i) => i >= at && withoutIds(one) === withoutIds(line))
    expect(withoutIds(told[at])).toBe(withoutIds(line))
    const real = told[at]?.match(UUID) ?? []
    for (const [i, id] of (line.match(UUID) ?? []).entries()) ids.set(id, real[i] as string)
    at += 1
    skip = false
  }
  if (!skip) expect(at).toBe(told.length)
}
