/**
 * Writes `docs/reference/sizes.md`: how large each package is, minified and packed by gzip, by itself and with all that it
 * uses, and what `npm install enfold` brings. Prints how long an import takes. Run after `pnpm build`.
 */
import { execFileSync } from 'node:child_process'
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { INSTALL, pack } from './pack.ts'

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly bin?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const rows: string[] = []
for (const folder of readdirSync('packages').map((name) => join('packages', name))) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  if (manifest.private === true) continue
  const alone = await size(folder, 'external', [])
  const whole = await size(folder, 'bundle', Object.keys(manifest.peerDependencies ?? {}))
  rows.push(`| \`${manifest.name}\` | ${alone} | ${whole} |`)
}

/** Of everything that the package exports, in kB: minified, and then packed by gzip. */
async function size(folder: string, packages: 'bundle' | 'external', external: readonly string[]): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(folder, 'src/index.ts')],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    // Core must need nothing of Node: for a browser an import of it would be refused here.
    platform: folder.endsWith('core') ? 'browser' : 'node',
    packages,
    external: ['pg-native', ...external],
  })
  const contents = outputFiles[0]?.contents ?? new Uint8Array()
  const kB = (bytes: number) => (bytes / 1000).toFixed(1)
  return kB(gzipSync(contents, { level: 9 }).length)
}

const IMPORTED = {
  'an empty program': '',
  'enfold, enfold/memory': `await import('enfold'); await import('enfold/memory')`,
  'enfold, enfold/sqlite': `await import('enfold'); await import('enfold/sqlite')`,
  'enfold, enfold/postgres': `await import('enfold'); await import('enfold/postgres')`,
  'all for a server': `for (const part of ['', '/sqlite', '/http', '/console', '/handlers']) await import('enfold' + part)`,
}

/** Of an empty project with `enfold` alone. */
async function installed(): Promise<{ readonly packages: number; readonly megabytes: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'enfold-sizes-'))
  try {
    const packed = await pack(folder, async (command, args, cwd) => execFileSync(command, args, { cwd }))
    const tarballs = Object.fromEntries(packed.map(({ manifest, tarball }) => [manifest.name, `file:${tarball}`]))
    const { enfold, ...others } = tarballs
    // None of them is on any registry yet.
    const manifest = { private: true, dependencies: { enfold }, overrides: others }
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    execFileSync('npm', INSTALL, { cwd: folder, stdio: 'inherit' })
    const lock = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8'))
    const files = globSync('node_modules/**/*', { cwd: folder, withFileTypes: true }).filter((file) => file.isFile())
    const bytes = files.reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0)
    for (const [what, code] of Object.entries(IMPORTED)) process.stdout.write(`${importTime(folder, what, code)}\n`)
    return { packages: Object.keys(lock.packages).length, megabytes: bytes / 1e6 }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Medians of 20 processes. Processor time is what a machine with other work does not spoil. */
function importTime(cwd: string, what: string, code: string): string {
  const program = `const from = performance.now(), spent = process.cpuUsage()
    ${code}
    const { user, system } = process.cpuUsage(spent)
    console.log(performance.now() - from, (user + system) / 1000)`
  const runs = Array.from({ length: 20 }, () =>
    execFileSync(process.execPath, ['--input-type=module', '--eval', program], { cwd, encoding: 'utf8' })
      .split(' ')
      .map(Number),
  )
  const median = (column: number) =>
    runs
      .map((run) => run[column] ?? 0)
      .toSorted((a, b) => a - b)[10]
      ?.toFixed(0)
  return `${what}: imported in ${median(0)} ms, ${median(1)} ms of processor time`
}

const { packages, megabytes } = await installed()
writeFileSync(
  'docs/reference/sizes.md',
  `# Sizes

Minified and packed by gzip, in kB, as \`pnpm sizes\` measures; peer dependencies are not counted. \`npm install enfold\` brings ${packages} packages, ${megabytes.toFixed(1)} MB.

| package | its own code | with dependencies |
|---|--:|--:|
${rows.join('\n')}
`,
)
