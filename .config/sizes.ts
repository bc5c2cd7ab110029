/** Writes `docs/reference/sizes.md`: how large each package is, minified and packed, by itself and with all that it uses. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

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

/** In kB: minified, and that packed by gzip. */
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
  return `${kB(contents.length)} | ${kB(gzipSync(contents, { level: 9 }).length)}`
}

writeFileSync(
  'docs/reference/sizes.md',
  `# Sizes

In kB, made by \`pnpm sizes\` with esbuild: everything that a package exports, minified, and that packed by gzip. What you do not use is left out of a bundle of your own (\`sideEffects: false\`). Core is bundled for a browser, the others for Node; peer dependencies are not counted.

| package | its own code | packed | with all it depends on | packed |
|---|--:|--:|--:|--:|
${rows.join('\n')}
`,
)
