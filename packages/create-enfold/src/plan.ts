/** Which files a choice comes to. Each is a template with the few places replaced in which projects differ. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Framework, type KnownOrm, ORMS, type Runner } from './choices.ts'
import type { Choice } from './choose.ts'
import { isFolder, type Project } from './detect.ts'
import { type Replacement, render, replaceAll, type Style } from './render.ts'
import { readTemplate } from './templates.ts'
import type { PlannedFile } from './write.ts'

export interface Part {
  readonly template: string
  /** Without the folder of all parts, and without the ending. */
  readonly name: string
  readonly about: string
  readonly replacements?: readonly Replacement[]
  /** From the project's folder, if it does not stand with the others. */
  readonly path?: string
}

/** In the order in which they are read. */
export const plan = (choice: Choice): readonly PlannedFile[] => planParts(choice)

/** @param more parts that come with those of the choice */
export function planParts(choice: Choice, more: readonly Part[] = []): readonly PlannedFile[] {
  const { project, folder } = choice
  const parts = [...more, ...partsOf(choice)]
  const targets = new Map(parts.map((part) => [part.template, `${part.path ?? `${folder}/${part.name}`}.`]))
  return parts.map(({ template, about, replacements = [] }) => {
    const style = styleOf(template, choice)
    const target = `${targets.get(template)}${style.ending}`
    const text = replaceAll(readTemplate(template, project.language), replacements)
    const targetOf = (other: string) => {
      const found = targets.get(other)
      if (found === undefined) throw new Error(`${template} imports ${other}, which is not written with it.`)
      return `${found}${project.language}`
    }
    return { path: target, about, content: render(text, { template, target, style, targetOf }) }
  })
}

/** Vitest is imported, and never required: its tests are ES modules in any project. */
function styleOf(template: string, { project, runner }: Choice): Style & { readonly ending: string } {
  const { extension, modules, language } = project
  if (runner === 'vitest' && template === TESTS.vitest && modules === 'cjs')
    return { modules: 'esm', extension: '.js', ending: 'mjs' }
  return { modules, extension, ending: language }
}

const TESTS: { readonly [R in Runner]: string } = {
  vitest: 'enfold/welcome-vitest.ts',
  // Its globals are those of Vitest by name.
  jest: 'enfold/welcome-vitest.ts',
  node: 'enfold/welcome-node.ts',
}

function partsOf(choice: Choice): readonly Part[] {
  const { project, framework, runner } = choice
  return [
    { template: 'enfold/welcome.ts', name: 'welcome', about: 'a campaign to begin with' },
    enginePart(choice),
    enrollPart(choice),
    { template: 'enfold/pages.ts', name: 'pages', about: 'the console and the API, and who may use them: nobody yet' },
    mountPart(project, framework),
    ...(worksByItself(framework) ? [] : [WORKER]),
    {
      template: TESTS[runner],
      name: `welcome${project.testSuffix}`,
      about: 'plays the campaign: its whole schedule, without waiting',
      ...(runner === 'jest' ? { replacements: [["import { expect, it } from 'vitest'\n", '']] } : {}),
    },
  ]
}

/** Whether what is mounted holds a worker: these say when it begins and ends. */
export const worksByItself = (framework: Framework): boolean => framework === 'nest' || framework === 'fastify'

const WORKER: Part = { template: 'enfold/worker.ts', name: 'worker', about: 'sends what is due' }

// --- The store and its transactions ---------------------------------------------------------------------------------

const ON_POSTGRES: readonly Replacement[] = [
  ["import { createSqliteStore } from 'enfold/sqlite'", "import { createPostgresStore } from 'enfold/postgres'"],
  [
    "export const store = createSqliteStore({ path: process.env.ENFOLD_DATABASE ?? 'enfold.db' })",
    [
      'const connectionString = process.env.DATABASE_URL',
      "if (connectionString === undefined) throw new Error('DATABASE_URL is not set: it names the database.')",
      '// Its tables are made at the first use, in a schema of their own: "enfold".',
      'export const store = createPostgresStore({ connectionString })',
    ].join('\n'),
  ],
]

function enginePart({ orm }: Choice): Part {
  const part = { template: 'enfold/engine.ts', name: 'engine' }
  if (orm === 'none') return { ...part, about: 'the engine on a SQLite file; your mailer goes here' }
  return { ...part, about: 'the engine on your PostgreSQL; your mailer goes here', replacements: ON_POSTGRES }
}

function enrollPart({ orm, project }: Choice): Part {
  if (orm === 'none')
    return { template: 'enfold/enroll.ts', name: 'enroll', about: 'puts a contact into the campaign: call it' }
  return {
    template: 'enfold/enroll-in-transaction.ts',
    name: 'enroll',
    about: 'puts a contact into the campaign, within your transaction: call it',
    replacements: transactionsOf(ORMS[orm], project.language),
  }
}

function transactionsOf({ adapter, begins }: KnownOrm, language: Project['language']): readonly Replacement[] {
  const types: readonly Replacement[] =
    adapter === null
      ? [
          ['What your work gets in prisma.$transaction(async (tx) => …).', 'Your client, after BEGIN.'],
          ['Parameters<typeof fromPrisma>[0]', 'Parameters<typeof engine.withTransaction>[0]'],
        ]
      : [['prisma.$transaction(async (tx) => …)', begins]]
  const call: readonly Replacement[] =
    adapter === null
      ? [
          ["import { fromPrisma } from 'enfold/postgres'\n", ''],
          ['fromPrisma(transaction)', 'transaction'],
        ]
      : [['fromPrisma', adapter]]
  return language === 'ts' ? [...types, ...call] : call
}

// --- The mount ------------------------------------------------------------------------------------------------------

function mountPart(project: Project, framework: Framework): Part {
  const about = 'the place of the pages in your server: /enfold/console, /enfold/api'
  const withWorker = `${about}; a worker`
  if (framework === 'nest') return { template: 'enfold/nest-module.ts', name: 'enfold.module', about: withWorker }
  if (framework === 'fastify') return { template: 'enfold/mount-fastify.ts', name: 'mount', about: withWorker }
  if (framework === 'next') {
    const path = `${appFolderOf(project)}/enfold/[...path]/route`
    return { template: 'enfold/next-route.ts', name: 'route', path, about }
  }
  return { template: `enfold/mount-${framework === 'none' ? 'node' : framework}.ts`, name: 'mount', about }
}

/** Where Next.js looks for routes. Routes of `pages` may stand next to it. */
function appFolderOf({ root, hasSource }: Project): string {
  if (isFolder(join(root, 'app'))) return 'app'
  return hasSource && !existsSync(join(root, 'pages')) ? 'src/app' : 'app'
}
