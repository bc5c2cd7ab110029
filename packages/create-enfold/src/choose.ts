/** Decides what is written: flags first, then what was found. What is not clear is a question to the person. */
import { isAbsolute, normalize, sep } from 'node:path'
import {
  FRAMEWORK_NAMES,
  FRAMEWORKS,
  type Framework,
  ORM_NAMES,
  ORMS,
  type Orm,
  RUNNER_NAMES,
  RUNNERS,
  type Runner,
} from './choices.ts'
import type { Project } from './detect.ts'
import { InitError } from './errors.ts'

export interface Flags {
  readonly orm?: string | undefined
  readonly framework?: string | undefined
  readonly test?: string | undefined
  /** Where the files go, from the project's folder. */
  readonly dir?: string | undefined
}

export interface Choice {
  readonly project: Project
  readonly orm: Orm
  readonly framework: Framework
  readonly runner: Runner
  /** From the project's folder, with `/`. */
  readonly folder: string
  /** What the person should know of how it was decided. */
  readonly notes: readonly string[]
}

/** @throws InitError for a flag that says nothing known, and where two things were found */
export function choose(project: Project, flags: Flags): Choice {
  const notes: string[] = []
  const { orms, otherDatabase, frameworks, runners } = project
  const orm =
    flags.orm === undefined && otherDatabase !== null ? 'none' : pick('orm', ORM_NAMES, flags.orm, orms, 'none')
  if (flags.orm === undefined && otherDatabase !== null)
    notes.push(
      `Your database seems to be no PostgreSQL (${otherDatabase}), so events go into a SQLite file next to it. If it is PostgreSQL: --orm ${orms[0] ?? 'pg'}.`,
    )
  const framework = pick('framework', FRAMEWORK_NAMES, flags.framework, frameworks, 'none')
  return {
    // It takes files with `import` whatever package.json says.
    project: framework === 'next' ? { ...project, modules: 'esm', extension: project.bundledExtension } : project,
    orm,
    framework,
    runner: pick('test', RUNNER_NAMES, flags.test, runners, 'node'),
    folder: folderOf(project, flags.dir),
    notes,
  }
}

const TITLES: ReadonlyMap<string, string> = new Map(
  [ORMS, FRAMEWORKS, RUNNERS].flatMap((known) => Object.entries(known).map(([name, { title }]) => [name, title])),
)

/** As people call it. */
export const titleOf = (name: string): string => TITLES.get(name) ?? name

function pick<T extends string>(
  flag: string,
  names: readonly T[],
  said: string | undefined,
  found: readonly T[],
  usual: T,
): T {
  if (said !== undefined) {
    const name = names.find((one) => one === said)
    if (name !== undefined) return name
    throw new InitError(`--${flag} is ${JSON.stringify(said)}; expected one of ${names.join(', ')}.`)
  }
  const [first = usual, second] = found
  if (second === undefined) return first
  const all = found.map(titleOf).join(' and ')
  throw new InitError(`The project has ${all}. Say which one: ${found.map((one) => `--${flag} ${one}`).join(' or ')}.`)
}

function folderOf({ hasSource }: Project, said: string | undefined): string {
  if (said === undefined) return hasSource ? 'src/enfold' : 'enfold'
  const folder = normalize(said).replaceAll(sep, '/').replace(/\/$/, '')
  if (said === '' || isAbsolute(said) || folder === '..' || folder.startsWith('../') || UNFIT.test(folder))
    throw new InitError(
      `--dir is ${JSON.stringify(said)}; expected a folder below the project's, as src/enfold, without quotes or any of \\ % # ?`,
    )
  return folder
}

/** In an import they end the text of it, or stand for something else. */
const UNFIT = /[\p{C}'"`\\%#?]/u
