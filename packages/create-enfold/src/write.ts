/** Writes new files, and nothing else: what is there already stays as it is. */
import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { codeOf, InitError, reasonOf } from './errors.ts'

export interface PlannedFile {
  /** From the project's folder, with `/`. */
  readonly path: string
  readonly content: string
  /** What it is for, in a few words. */
  readonly about: string
}

/** "new": nothing is there. "same": exactly this. "other": something else, which is left. */
export type Standing = 'new' | 'same' | 'other'

export interface Compared {
  readonly file: PlannedFile
  readonly standing: Standing
}

/** @throws InitError if one of them would lie outside of the project, or cannot be written */
export function compare(root: string, files: readonly PlannedFile[]): readonly Compared[] {
  const compared = files.map((file) => {
    requireInside(root, file.path)
    return { file, standing: standingOf(join(root, file.path), file.content) }
  })
  for (const { file, standing } of compared) if (standing === 'new') requireWritable(root, file.path)
  return compared
}

/** Those that are new. None of them takes the place of a file that has come since. */
export function writeNew(root: string, compared: readonly Compared[]): void {
  for (const { file, standing } of compared) {
    if (standing !== 'new') continue
    try {
      mkdirSync(dirname(join(root, file.path)), { recursive: true })
      writeFileSync(join(root, file.path), file.content, { flag: 'wx' })
    } catch (error) {
      throw new InitError(
        `${file.path} cannot be written: ${reasonOf(error)}. What was written before it stays; the same command goes on from there.`,
      )
    }
  }
}

function standingOf(path: string, content: string): Standing {
  if (isFree(path)) return 'new'
  try {
    // A checkout may have other ends of lines.
    return readFileSync(path, 'utf8').replaceAll('\r\n', '\n') === content ? 'same' : 'other'
  } catch {
    // A folder, a link to nothing, or not ours to read.
    return 'other'
  }
}

/** The nearest folder above that exists; a link to nothing counts as existing, and is no folder. */
function nearest(path: string): string {
  const folder = dirname(path)
  return isFree(folder) ? nearest(folder) : folder
}

/** Whether nothing is there, not even a link to nothing. What is in its way further up is found there. */
function isFree(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) === undefined
  } catch (error) {
    if (IN_THE_WAY.has(codeOf(error))) return true
    throw new InitError(`${path} cannot be used: ${reasonOf(error)}.`)
  }
}

const IN_THE_WAY: ReadonlySet<string> = new Set(['ENOTDIR', 'ELOOP'])

function requireInside(root: string, path: string): void {
  const folder = nearest(join(root, path))
  let real: string
  try {
    real = realpathSync(folder)
    if (!statSync(real).isDirectory()) throw new InitError(`${folder} is not a folder, so ${path} cannot be written.`)
  } catch (error) {
    if (error instanceof InitError) throw error
    throw new InitError(`${folder} cannot be used for ${path}: ${reasonOf(error)}.`)
  }
  // A new project has no folder yet.
  const inside = existsSync(root) ? realpathSync(root) : real
  if (real !== inside && !real.startsWith(inside + sep))
    throw new InitError(
      `${folder} is a link to ${real}, outside of the project: ${path} is not written there. Name another folder: --dir.`,
    )
}

function requireWritable(root: string, path: string): void {
  const folder = nearest(join(root, path))
  try {
    accessSync(folder, constants.W_OK)
  } catch (error) {
    throw new InitError(`${folder} cannot be written to: ${reasonOf(error)}. Nothing was written.`)
  }
}
