/** `docs/start.md`, followed word by word in a folder of its own; only the five seconds' wait is a short one here. */
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'

const DOCS = join(import.meta.dirname, '..')
const ENFOLD = join(DOCS, '../packages/cli/src/index.ts')

/** A console block: what is typed after `$`, and the output. */
interface Block {
  readonly mark: string
  readonly typed: string
  readonly shown: string
}

function blocksOf(path: string): readonly Block[] {
  const blocks = [...readFileSync(path, 'utf8').matchAll(/```console ?(\S*)\n\$ (.+)\n([\s\S]*?)```/g)]
  return blocks.map(([, mark = '', typed = '', shown = '']) => ({ mark, typed, shown }))
}

/** Ids that are drawn, instants, and the width that they give a column differ from run to run. */
const settled = (text: string) =>
  text
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<instant>')
    .replace(/ {2,}/g, '  ')
    .replace(/ +$/gm, '')

it('the first ten minutes go as the page says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'enfold-start-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(join(DOCS, 'snippets/start'), folder, { recursive: true })
  symlinkSync(join(DOCS, 'node_modules'), join(folder, 'node_modules'))
  const campaign = join(folder, 'campaign.mjs')
  writeFileSync(campaign, readFileSync(campaign, 'utf8').replace("'PT5S'", "'PT1S'"))

  const blocks = blocksOf(join(DOCS, 'start.md'))
  const [work] = blocks.filter(({ mark }) => mark === 'worker')
  const worker = spawn(process.execPath, ['worker.mjs'], { cwd: folder })
  onTestFinished(() => void worker.kill('SIGKILL'))
  let said = ''
  worker.stdout.on('data', (chunk) => (said += chunk))
  worker.stderr.on('data', (chunk) => (said += chunk))
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  const until = (line: string) => expect.poll(() => said, { message: `the worker says "${line}"` }).toContain(line)

  await until('pool-owners is published')
  const typed = blocks.filter(({ mark }) => mark === '')
  expect(typed.length).toBeGreaterThan(5)
  for (const { typed: line, shown } of typed) {
    const command = line
      .replace(/^npx enfold/, `"${process.execPath}" "${ENFOLD}"`)
      .replace(/^node/, `"${process.execPath}"`)
    const printed = () =>
      settled(execFileSync('sh', ['-c', command], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 2] }))
    // A handler has said its mail a moment before the log says that it went: a question to the log may have to be asked again.
    if (line.startsWith('npx')) await expect.poll(printed, { message: line }).toBe(settled(shown))
    else expect({ line, printed: printed() }).toEqual({ line, printed: settled(shown) })
    // The page goes on when the reader has seen the mails.
    if (line.includes('ada form')) {
      await until('mail mistake-2 to ada')
      const history = () =>
        execFileSync(process.execPath, [ENFOLD, 'history', 'ada', 'sqlite:campaigns.db'], { cwd: folder }).toString()
      await expect.poll(history).toContain('Sent mistake-2')
    }
    if (line.includes('purchased')) await until('mail thank-you to ada')
    if (line.includes('bob form')) await until('mail mistake-2 to bob')
  }
  worker.kill('SIGTERM')
  expect(await ended).toBe(0)
  expect(said).toBe(work?.shown)
})
