/**
 * Writes `docs/reference/api/`: one page for each package that others import, made of its docstrings by TypeDoc. Run
 * before the site is built. A docstring that names what does not exist ends it with exit status 1.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application, Converter, ReflectionKind } from 'typedoc'

const root = fileURLToPath(new URL('../..', import.meta.url))
const out = join(root, 'docs/reference/api')

/** Folders of packages with an index that can be imported. All names of `enfold` are those of others. */
const packages = readdirSync(join(root, 'packages')).filter((name) => {
  if (name === 'enfold') return false
  if (!existsSync(join(root, 'packages', name, 'src/index.ts'))) return false
  const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'))
  return manifest.private !== true && manifest.exports?.['.'] !== undefined
})

/** What a package offers under names of its own: `@enfold/core/log` for auditors, `@enfold/core/store` for authors of stores, `@enfold/http/routes` for other surfaces. */
const more = ['core/src/log.ts', 'core/src/store/index.ts', 'http/src/routes.ts']

const app = await Application.bootstrapWithPlugins({
  plugin: ['typedoc-plugin-markdown'],
  tsconfig: join(root, '.config/tsconfig.json'),
  entryPoints: [...packages.map((name) => `${name}/src/index.ts`), ...more].map((file) => join(root, 'packages', file)),
  router: 'module',
  readme: 'none',
  out,
  name: 'Packages',
  disableSources: true,
  excludeInternal: true,
  // The types are checked by `pnpm check:types`.
  skipErrorChecking: true,
  validation: { invalidLink: true, notExported: false, notDocumented: false },
  treatWarningsAsErrors: true,
  logLevel: 'Warn',
  githubPages: false,
  entryFileName: 'index',
  hidePageHeader: true,
  hideBreadcrumbs: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  sanitizeComments: true,
} as Parameters<typeof Application.bootstrapWithPlugins>[0])
// TypeDoc names a module for its file, `core/src`; here it goes by the folder of its package.
app.converter.on(
  Converter.EVENT_RESOLVE_BEGIN,
  ({ project }: { project: { getReflectionsByKind(kind: ReflectionKind): { name: string }[] } }) => {
    for (const module of project.getReflectionsByKind(ReflectionKind.Module))
      module.name = module.name.replace('/src', '')
  },
)
const project = await app.convert()
if (project === undefined || app.logger.hasWarnings() || app.logger.hasErrors()) process.exit(1)
rmSync(out, { recursive: true, force: true })
await app.generateOutputs(project)
