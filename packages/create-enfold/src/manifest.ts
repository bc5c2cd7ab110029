/** Reads the `package.json` of a project: what it depends on, and which kind of modules it has. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { InitError, reasonOf } from './errors.ts'

export interface Manifest {
  /** Every package that it names as a dependency of any kind. */
  readonly dependencies: ReadonlySet<string>
  readonly isModule: boolean
  readonly packageManager: string | undefined
  /** The script `test`, or nothing. */
  readonly testScript: string
  /** The part `jest`, as text. */
  readonly jest: string
  /** Whether it says that there are packages in folders below. */
  readonly hasWorkspaces: boolean
  /** Where Prisma's schema is, if it says so. */
  readonly prismaSchema: string | undefined
}

const KINDS = ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies']

/** @throws InitError if there is none in the folder, or it cannot be understood */
export function readManifest(root: string): Manifest {
  const all = parse(readText(root), root)
  const scripts = part(all, 'scripts', root)
  const prisma = part(all, 'prisma', root)
  return {
    dependencies: new Set(KINDS.flatMap((kind) => Object.keys(part(all, kind, root)))),
    isModule: all.type === 'module',
    packageManager: textOf(all.packageManager),
    testScript: textOf(scripts.test) ?? '',
    jest: JSON.stringify(all.jest ?? ''),
    hasWorkspaces: all.workspaces !== undefined,
    prismaSchema: textOf(prisma.schema),
  }
}

function readText(root: string): string {
  try {
    return readFileSync(join(root, 'package.json'), 'utf8')
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    throw new InitError(
      isMissing
        ? `There is no package.json in ${root}. Run this in the folder of a project; for a new one: npm create enfold NAME.`
        : `package.json in ${root} cannot be read: ${reasonOf(error)}.`,
    )
  }
}

type Json = Readonly<Record<string, unknown>>

function parse(text: string, root: string): Json {
  let value: unknown
  try {
    // Some editors begin a file with a byte order mark.
    value = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    throw new InitError(
      `package.json in ${root} is not valid JSON. Put that right first; "npm pkg get name" shows where.`,
    )
  }
  if (!isObject(value)) throw new InitError(`package.json in ${root} is not an object.`)
  return value
}

function part(all: Json, name: string, root: string): Json {
  const value = all[name] ?? {}
  if (!isObject(value)) throw new InitError(`"${name}" in package.json in ${root} is not an object.`)
  return value
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined)
