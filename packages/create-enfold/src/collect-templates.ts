/**
 * Reads the templates from their own package in the repository, where they are checked like any other code. In the package
 * that is published their texts stand in the place of this module: `tsup.config.ts` writes them there.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { sep } from 'node:path'
import { toJavaScript } from './javascript.ts'

export type Language = 'ts' | 'js'

export type TemplateText = Readonly<Record<Language, string>>

/** What the published package has instead of this module. */
export const asModule = () =>
  [collectTemplates, collectVersions]
    .map((one) => `export const ${one.name} = () => ${JSON.stringify(one())}`)
    .join('\n')

const FOLDER = new URL('../../templates/src/', import.meta.url)

export function collectTemplates(): readonly (readonly [path: string, text: TemplateText])[] {
  const names = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  return names
    .map((name) => name.replaceAll(sep, '/'))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => {
      const ts = readFileSync(new URL(name, FOLDER), 'utf8')
      return [name, { ts, js: toJavaScript(ts) }] as const
    })
}

/** The ranges of the packages that new projects need: those that the templates are checked with. */
export function collectVersions(): readonly (readonly [name: string, range: string])[] {
  return Object.entries(manifestOf('templates').devDependencies ?? {}).map(([name, range]) => [
    name,
    // All packages of Enfold have one version.
    range.startsWith('workspace:') ? `^${manifestOf('enfold').version}` : range,
  ])
}

function manifestOf(folder: string): { readonly version: string; readonly devDependencies?: Record<string, string> } {
  return JSON.parse(readFileSync(new URL(`../../${folder}/package.json`, import.meta.url), 'utf8'))
}
