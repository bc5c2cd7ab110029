/** Makes a new project: a server with a route of its own, and what `init` adds to one. */
import { existsSync, readdirSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { Framework } from './choices.ts'
import { type Choice, choose } from './choose.ts'
import { collectVersions } from './collect-templates.ts'
import type { PackageManager, Project } from './detect.ts'
import { InitError } from './errors.ts'
import { type Part, planParts } from './plan.ts'
import { compare, type PlannedFile, writeNew } from './write.ts'

export interface CreateOptions {
  /** Where it is made. The last part of its path is the name of the project. */
  readonly folder: string
  readonly framework?: string | undefined
  readonly test?: string | undefined
  readonly language?: 'ts' | 'js' | undefined
  readonly dryRun?: boolean | undefined
  readonly packageManager?: PackageManager | undefined
}

/** Servers that there is a template for. */
const SERVERS: readonly Framework[] = ['express', 'fastify', 'none']

/**
 * @returns what to tell the person
 * @throws InitError if the folder is not empty, or a choice is none
 */
export function create({
  folder,
  framework = 'express',
  test = 'vitest',
  dryRun = false,
  ...rest
}: CreateOptions): string {
  const root = resolve(folder)
  const name = nameOf(folder, root)
  requireEmpty(root)
  const server = SERVERS.find((one) => one === framework)
  if (server === undefined)
    throw new InitError(`--framework is ${JSON.stringify(framework)}; expected one of ${SERVERS.join(', ')}.`)
  if (test !== 'vitest' && test !== 'node')
    throw new InitError(`--test is ${JSON.stringify(test)}; expected one of vitest, node.`)
  const { language = 'ts', packageManager = 'npm' } = rest
  const choice = choose(newProject(root, language, packageManager), { framework: server, test, orm: 'none' })
  const compared = compare(root, [...ownFiles(choice, name), ...planParts(choice, [serverPart(server)])])
  if (!dryRun) writeNew(root, compared)
  return told(
    folder,
    choice,
    compared.map(({ file }) => file),
    dryRun,
  )
}

function nameOf(folder: string, root: string): string {
  const name = basename(root)
  if (folder !== '' && /^[a-z0-9~-][a-z0-9._~-]{0,213}$/.test(name)) return name
  throw new InitError(
    `${JSON.stringify(name)} is no name for a project; expected small letters, digits, dashes and dots, as in npm create enfold my-campaigns.`,
  )
}

function requireEmpty(root: string): void {
  if (!existsSync(root)) return
  let names: readonly string[]
  try {
    // A repository without anything in it yet will do.
    names = readdirSync(root).filter((name) => name !== '.git')
  } catch {
    throw new InitError(`${root} is not a folder.`)
  }
  if (names.length > 0)
    throw new InitError(
      `${root} is not empty: it has ${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}. Name a new folder; in a project that there is: npx enfold init.`,
    )
}

function newProject(root: string, language: Project['language'], packageManager: PackageManager): Project {
  return {
    root,
    manifest: {
      dependencies: new Set(),
      isModule: true,
      packageManager: undefined,
      testScript: '',
      jest: '',
      hasWorkspaces: false,
      prismaSchema: undefined,
    },
    orms: [],
    otherDatabase: null,
    frameworks: [],
    runners: [],
    packageManager,
    language,
    modules: 'esm',
    extension: `.${language}`,
    bundledExtension: `.${language}`,
    testSuffix: '.test',
    hasSource: true,
  }
}

const serverPart = (server: Framework): Part => ({
  template: `server/${server}.ts`,
  name: 'server',
  path: 'src/server',
  about: 'your server, with a route that signs somebody up',
})

// --- What belongs to a project as such ------------------------------------------------------------------------------

function ownFiles(choice: Choice, name: string): readonly PlannedFile[] {
  const isTyped = choice.project.language === 'ts'
  return [
    { path: 'package.json', about: 'dev, start and test', content: json(manifestOf(choice, name)) },
    ...(isTyped
      ? [{ path: 'tsconfig.json', about: 'strict; Node runs the files as they are', content: json(TSCONFIG) }]
      : []),
    { path: '.gitignore', about: 'the database stays here', content: 'node_modules/\nenfold.db*\n.env\n' },
    { path: 'README.md', about: 'how to begin', content: readmeOf(choice, name) },
  ]
}

const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`

const TSCONFIG = {
  compilerOptions: {
    target: 'ES2023',
    module: 'NodeNext',
    types: ['node'],
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    skipLibCheck: true,
  },
  include: ['src'],
}

const NEEDS: { readonly [F in 'express' | 'fastify' | 'none']: readonly string[] } = {
  express: ['express'],
  fastify: ['@enfold/fastify', 'fastify'],
  none: [],
}

function manifestOf({ project, framework, runner, folder }: Choice, name: string): object {
  const { language } = project
  const isTyped = language === 'ts'
  const own = framework === 'express' || framework === 'fastify' ? framework : 'none'
  const development = [
    // Vitest needs it, and not every package manager installs what a package needs of its host.
    ...(runner === 'vitest' ? ['vite', 'vitest'] : []),
    ...(isTyped ? ['@types/node', 'typescript', ...(own === 'express' ? ['@types/express'] : [])] : []),
  ]
  return {
    name,
    private: true,
    type: 'module',
    // The first that runs TypeScript as it is.
    engines: { node: isTyped ? '>=22.18' : '>=22.15' },
    scripts: {
      dev: `enfold dev ${folder}/welcome.${language}`,
      start: `node src/server.${language}`,
      test: runner === 'vitest' ? 'vitest run' : 'node --test',
      ...(isTyped ? { typecheck: 'tsc' } : {}),
    },
    dependencies: versionsOf(['enfold', ...NEEDS[own]]),
    ...(development.length === 0 ? {} : { devDependencies: versionsOf(development) }),
  }
}

function versionsOf(names: readonly string[]): object {
  const versions = new Map(collectVersions())
  return Object.fromEntries(
    names.toSorted().map((name) => {
      const version = versions.get(name)
      if (version === undefined) throw new Error(`No version of ${name} is known.`)
      return [name, version]
    }),
  )
}

function readmeOf({ project, folder }: Choice, name: string): string {
  const { language } = project
  return `# ${name}

\`\`\`sh
npm install
npm run dev   # plays the campaign: console, clock and every mail, nothing leaves this machine
npm start     # the server and its worker, on the file enfold.db
npm test
\`\`\`

With the server running, somebody signs up, and the first mail goes out:

\`\`\`sh
curl -X POST localhost:3000/sign-up/ada
\`\`\`

The console is under http://localhost:3000/enfold/console. \`authorize\` in \`${folder}/pages.${language}\` says who may use it; on your own machine, \`ENFOLD_OPEN=to-everybody npm start\` lets everybody.

| file | what it is |
|---|---|
| \`${folder}/welcome.${language}\` | the campaign |
| \`${folder}/engine.${language}\` | the engine: put your mailer here |
| \`src/server.${language}\` | your server |
`
}

function told(folder: string, choice: Choice, files: readonly PlannedFile[], isTrial: boolean): string {
  const manager = choice.project.packageManager
  const width = Math.max(...files.map(({ path }) => path.length))
  const lines = files.map(({ path, about }) => `  ${path.padEnd(width)}  ${about}`)
  return `${isTrial ? 'Would make' : 'Made'} ${folder}\n\n${lines.join('\n')}\n\nNext\n\n  cd ${folder}\n  ${manager} install\n  ${manager} run dev\n`
}
