/**
 * Looks at each package as a stranger will get it: packs it, and lets publint and are-the-types-wrong judge.
 * Run after `pnpm build`. Exit status 1 if either finds an error.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'enfold-packed-'))
let failed = false

function run(command: string, args: readonly string[], cwd: string): void {
  try {
    process.stdout.write(execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }))
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    process.stdout.write(`${stdout ?? ''}${stderr ?? ''}${stdout === undefined ? String(error) : ''}\n`)
    failed = true
  }
}

try {
  for (const name of readdirSync('packages')) {
    const cwd = join('packages', name)
    const manifest = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8')) as { private?: boolean }
    if (manifest.private === true) continue
    process.stdout.write(`\n${name}\n`)
    execFileSync('pnpm', ['pack', '--pack-destination', join(folder, name)], { cwd, stdio: 'ignore' })
    const [tarball] = readdirSync(join(folder, name))
    const path = join(folder, name, tarball as string)
    run('publint', ['run', path, '--strict'], '.')
    run('attw', [path, '--profile', 'node16', '--format', 'ascii', '--no-emoji'], '.')
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = failed ? 1 : 0
