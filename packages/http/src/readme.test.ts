import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { Engine } from '@enfold/engine'
import { expect, it, onTestFinished } from 'vitest'

const folder = new URL('../', import.meta.url).pathname
const blocks = async (path: string, language: string) =>
  [
    ...(await readFile(new URL(path, import.meta.url), 'utf8')).matchAll(
      new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'),
    ),
  ].map((match) => match[1] as string)

/** The server of the README, listening; within the package, so that it finds what it imports. */
async function givenServer(): Promise<{ readonly engine: Engine; readonly port: number }> {
  const place = await mkdtemp(join(folder, 'node_modules/.readme-'))
  onTestFinished(() => rm(place, { recursive: true }))
  const [source = ''] = await blocks('../README.md', 'js')
  const file = join(place, 'example.mjs')
  const places = {
    'enfold/http': new URL('./index.ts', import.meta.url).href,
    'enfold/memory': '@enfold/store-memory',
    enfold: '@enfold/engine',
  }
  const runnable = Object.entries(places).reduce((text, [name, at]) => text.replace(`'${name}'`, `'${at}'`), source)
  await writeFile(file, runnable)
  const { engine, server } = (await import(pathToFileURL(file).href)) as { engine: Engine; server: Server }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await engine.close()
  })
  return { engine, port: (server.address() as AddressInfo).port }
}

it.each(['../README.md', '../../../docs/guides/http.md'])('the commands of %s do what they say', async (path) => {
  const { engine, port } = await givenServer()
  const scripts = await blocks(path, 'sh')
  expect(scripts.length).toBeGreaterThan(0)
  // `localhost` may be another address than the one that the server listens on.
  const script = `set -e\n${scripts.join('\n').replaceAll('localhost:3000', `127.0.0.1:${port}`).replaceAll('curl ', 'curl -sS --fail-with-body ')}`
  const { stdout } = await promisify(execFile)('sh', ['-c', script])
  if (path.endsWith('README.md')) {
    expect(stdout).toContain('"outcome":"published"')
    expect(stdout).toContain('"outcome":"started","run":1')
    expect((await engine.inspect.contact('ann')).enrollments).toMatchObject([
      { sequenceId: 'nurture', status: 'active' },
    ])
  } else {
    expect(await engine.inspect.action('fair-2026')).toMatchObject({
      state: 'done',
      outcomes: { started: 2, already_active: 1 },
    })
    expect(stdout).toContain(
      '"contactId","outcome","run","reason"\n"ann","already_active","1",""\n"bob","started","1",""\n"cem","started","1",""\n',
    )
  }
})
