/** The soak against your own server: here one of ours in another process, which only a command can kill. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { forkFakeServer } from '@enfold/test-servers/eventstoredb'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { yourChaosServer } from './chaos-server.ts'
import { engineChaos } from './engine-chaos.ts'

const soak = fileURLToPath(new URL('./run.ts', import.meta.url))
const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const end of endings.splice(0)) await end()
})

/** As a server that runs somewhere: its address is in the environment. */
async function givenYours() {
  const server = await forkFakeServer({ shuffle: 1 })
  endings.push(() => server.stop())
  vi.stubEnv('ENFOLD_EVENTSTOREDB_URL', server.url)
  return server
}
const few = { seed: 1, readModel: 'sqlite', contacts: 4, commands: 4 } as const

describe('the soak on your own server', () => {
  it('ONCE-1, ONCE-3: the command of --kill is called again and again, and every acknowledged order stands in the log once', async () => {
    const { pid } = await givenYours()
    const server = await yourChaosServer(`kill -USR2 ${pid}`, 0.5)
    const report = await engineChaos({ ...few, lastsMs: 3000, server })
    expect(report.problems).toEqual([])
    expect(report.acknowledged).toBeGreaterThanOrEqual(16)
    expect(report.kills).toBeGreaterThan(1)
    expect(report.restarts).toBeGreaterThan(0)
  })

  it('a command of --kill that fails ends the chaos, which would kill nothing unseen', async () => {
    await givenYours()
    const server = await yourChaosServer('exit 3', 0.1)
    await expect(engineChaos({ ...few, lastsMs: 60_000, server })).rejects.toThrow('ended with status 3: exit 3')
  })

  it('--help names --kill and --every, and --kill without your own server is refused', () => {
    const { ENFOLD_EVENTSTOREDB_URL: _, ...env } = process.env
    const help = execFileSync(process.execPath, [soak, '--help'], { encoding: 'utf8', env })
    expect(help).toMatch(/--kill COMMAND[\s\S]*--every N/)
    const refused = () => execFileSync(process.execPath, [soak, '--kill', 'true'], { stdio: 'pipe', env })
    expect(refused).toThrow(/--kill is for your own server/)
  })
})
