/** Says what was done, and what is left for the person to do. */
import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import { ORMS } from './choices.ts'
import { type Choice, titleOf } from './choose.ts'
import { type PackageManager, textOrNothing } from './detect.ts'
import { worksByItself } from './plan.ts'
import type { Compared } from './write.ts'

/** @param isTrial nothing was written */
export function report(choice: Choice, compared: readonly Compared[], isTrial: boolean): string {
  const of = (standing: Compared['standing']) => compared.filter((one) => one.standing === standing)
  const [written, left] = [of('new'), of('other')]
  const missing = missingPackages(choice)
  if (written.length === 0 && missing.length === 0)
    return `${found(choice)}\n\n${unchanged(compared.length - left.length, left)}\n`
  const done = isTrial ? 'Would write' : 'Wrote'
  return [
    found(choice),
    ...choice.notes,
    ...(written.length === 0 ? [] : [`${done}\n${table(written)}`]),
    ...(left.length === 0 ? [] : [leftAlone(left)]),
    `Left for you\n${numbered(written.length === 0 ? [install(choice, missing)] : steps(choice, missing))}`,
  ]
    .map((paragraph) => `${paragraph}\n`)
    .join('\n')
}

function found({ project, orm, framework, runner }: Choice): string {
  const { language, modules, packageManager } = project
  const isTypeScript = language === 'ts'
  const words = [
    framework === 'none' ? 'node:http' : titleOf(framework),
    orm === 'none'
      ? 'SQLite'
      : orm === 'pg' || orm === 'postgres.js'
        ? `PostgreSQL by ${titleOf(orm)}`
        : `${titleOf(orm)} on PostgreSQL`,
    isTypeScript ? 'TypeScript' : modules === 'esm' ? 'JavaScript' : 'JavaScript (CommonJS)',
    runner === 'node' ? 'node:test' : titleOf(runner),
    packageManager,
  ]
  return `For ${words.join(', ')}.`
}

function unchanged(same: number, left: readonly Compared[]): string {
  const all = left.length === 0 ? `all ${same} files are there` : `${same} files are there as they would be written`
  return `Nothing to do: ${all}.${left.length === 0 ? '' : `\n\n${leftAlone(left)}`}`
}

const leftAlone = (left: readonly Compared[]) =>
  `Left as they are, because they differ from what would be written\n${left.map(({ file }) => `  ${file.path}`).join('\n')}`

function table(compared: readonly Compared[]): string {
  const width = Math.max(...compared.map(({ file }) => file.path.length))
  return compared.map(({ file }) => `  ${file.path.padEnd(width)}  ${file.about}`).join('\n')
}

const numbered = (items: readonly string[]) =>
  items.map((item, i) => `  ${i + 1}. ${item.replaceAll('\n', '\n     ')}`).join('\n')

// --- What is left to do ---------------------------------------------------------------------------------------------

interface Missing {
  readonly name: string
  readonly isForDevelopment?: boolean
}

function missingPackages({ project, framework, runner }: Choice): readonly Missing[] {
  const { dependencies: has } = project.manifest
  const isTypeScript = project.language === 'ts'
  const needed: Missing[] = [
    { name: 'enfold' },
    ...(framework === 'nest' ? [{ name: '@enfold/nestjs' }] : []),
    ...(framework === 'fastify' ? [{ name: '@enfold/fastify' }] : []),
    ...(isTypeScript ? [{ name: '@types/node', isForDevelopment: true }] : []),
    ...(isTypeScript && runner === 'jest' && !has.has('@jest/globals')
      ? [{ name: '@types/jest', isForDevelopment: true }]
      : []),
    ...(runner === 'vitest' ? [{ name: 'vitest', isForDevelopment: true }] : []),
  ]
  return needed.filter(({ name }) => !has.has(name))
}

const ADD: { readonly [M in PackageManager]: string } = {
  npm: 'npm install',
  pnpm: 'pnpm add',
  yarn: 'yarn add',
  bun: 'bun add',
}

function install({ project }: Choice, missing: readonly Missing[]): string {
  const command = ADD[project.packageManager]
  const all = [false, true].map((isForDevelopment) => {
    const names = missing.filter((one) => (one.isForDevelopment ?? false) === isForDevelopment).map(({ name }) => name)
    if (names.length === 0) return []
    return [
      `${command}${isForDevelopment ? ` ${project.packageManager === 'npm' ? '--save-dev' : '-D'}` : ''} ${names.join(' ')}`,
    ]
  })
  return `Install what lacks\n  ${all.flat().join('\n  ')}`
}

function steps(choice: Choice, missing: readonly Missing[]): readonly string[] {
  const { orm } = choice
  return [
    ...(missing.length === 0 ? [] : [install(choice, missing)]),
    ...mount(choice),
    enroll(choice),
    ...run(choice),
    `Say who may use the console, in ${choice.folder}/pages. To look at it on your own machine: ENFOLD_OPEN=to-everybody`,
    ...(orm === 'none' ? ['Keep the file enfold.db, and out of version control: *.db*'] : []),
  ]
}

/** Where the application is made: where an import of the new file goes. */
function appFile({ project, framework }: Choice): string | null {
  const names = framework === 'nest' ? ['app.module'] : ['app', 'server', 'index', 'main']
  const all = ['src/', ''].flatMap((folder) => names.map((name) => `${folder}${name}.${project.language}`))
  const files = all.filter((file) => existsSync(join(project.root, file)))
  if (framework === 'none' || framework === 'nest') return files[0] ?? null
  return files.find((file) => textOrNothing(join(project.root, file)).includes(framework)) ?? files[0] ?? null
}

/** The line that gets a name out of one of the new files. */
function importing(choice: Choice, name: string, file: string, from: string | null): string {
  const { folder, project } = choice
  const path = posix.relative(
    from === null ? (folder.startsWith('src/') ? 'src' : '.') : posix.dirname(from),
    `${folder}/${file}`,
  )
  const specifier = `${path.startsWith('.') ? path : `./${path}`}${project.extension}`
  return project.modules === 'cjs'
    ? `const { ${name} } = require('${specifier}')`
    : `import { ${name} } from '${specifier}'`
}

function mount(choice: Choice): readonly string[] {
  const { framework } = choice
  if (framework === 'next') return []
  const file = appFile(choice)
  const where = `In ${file ?? 'the file that makes your application'}`
  const lines: { readonly [F in Exclude<Choice['framework'], 'next'>]: readonly string[] } = {
    express: [importing(choice, 'mountEnfold', 'mount', file), 'mountEnfold(app)'],
    fastify: [importing(choice, 'mountEnfold', 'mount', file), 'mountEnfold(app)'],
    hono: [importing(choice, 'mountEnfold', 'mount', file), 'mountEnfold(app)'],
    none: [
      importing(choice, 'takenByEnfold', 'mount', file),
      'if (takenByEnfold(request, response)) return // first in your listener',
    ],
    nest: [importing(choice, 'enfoldModule', 'enfold.module', file), 'imports: [enfoldModule], // of @Module'],
  }
  return [`${where}\n  ${lines[framework].join('\n  ')}`]
}

function enroll(choice: Choice): string {
  const { orm } = choice
  const line = importing(choice, 'signedUp', 'enroll', null)
  if (orm === 'none') return `Where somebody signs up\n  ${line}\n  await signedUp(contactId)`
  const { begins, transaction } = ORMS[orm]
  return `Where somebody signs up, ${orm === 'pg' ? 'after' : 'in'} ${begins}\n  ${line}\n  await signedUp(${transaction}, contactId)`
}

function run({ project, framework, folder, orm }: Choice): readonly string[] {
  const needs =
    orm === 'none'
      ? ''
      : " DATABASE_URL must be set before it is loaded: import 'dotenv/config' first, or node --env-file=.env."

  if (worksByItself(framework))
    return needs === '' ? [] : [`The engine is made when ${folder}/engine is loaded.${needs}`]
  const runner = project.language === 'js' || project.extension === '.ts' ? 'node' : 'npx tsx'
  return [`Run the worker next to your server.${needs}\n  ${runner} ${folder}/worker.${project.language}`]
}
