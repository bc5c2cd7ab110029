/** The packages as a stranger gets them: packed by pnpm out of what `pnpm build` has made. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly bin?: Readonly<Record<string, string>>
  readonly publishConfig?: {
    readonly bin?: Readonly<Record<string, string>>
    readonly exports?: Readonly<Record<string, unknown>>
  }
}

export interface Packed {
  readonly manifest: Manifest
  readonly tarball: string
}

/** All that are published, by one command, into a folder. */
export async function pack(
  folder: string,
  run: (command: string, args: readonly string[], cwd: string) => Promise<unknown>,
): Promise<readonly Packed[]> {
  const manifests = readdirSync('packages')
    .map((name) => JSON.parse(readFileSync(join('packages', name, 'package.json'), 'utf8')) as Manifest)
    .filter((manifest) => manifest.private !== true)
  const which = manifests.map(({ name }) => `--filter=${name}`)
  await run('pnpm', ['--recursive', ...which, 'pack', '--pack-destination', folder], '.')
  return manifests.map((manifest) => {
    const file = `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`
    return { manifest, tarball: join(folder, file) }
  })
}

/** Of npm: nothing but what was asked for. */
export const INSTALL = [
  'install',
  '--prefer-offline',
  '--no-audit',
  '--no-fund',
  '--ignore-scripts',
  '--loglevel',
  'error',
]
