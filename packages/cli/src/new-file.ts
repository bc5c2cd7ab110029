/** Files that a command makes: whole or not at all, over no other, and none is removed that it did not make. */
import { closeSync, fstatSync, openSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { UsageError } from './errors.ts'
import { placeText } from './places.ts'

export interface NewFile {
  /** Open for writing. */
  readonly fd: number
  /** Takes the file away again, unless another stands in its place by now. */
  discard(): void
}

/** @throws UsageError if there is something at this path */
export function createNewFile(path: string, mode = 0o644, what = 'nothing is overwritten'): NewFile {
  let fd: number
  try {
    fd = openSync(path, 'wx', mode)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new UsageError(`${placeText(path)} exists; ${what}.`)
  }
  const made = fstatSync(fd)
  return {
    fd,
    discard() {
      const found = statSync(path, { throwIfNoEntry: false })
      if (found?.ino === made.ino && found.dev === made.dev) unlinkSync(path)
    },
  }
}

/**
 * Writes these files, or none of them.
 *
 * @throws UsageError if one of them exists
 */
export function writeNewFiles(files: readonly { path: string; content: string | Buffer; mode: number }[]): void {
  const made: NewFile[] = []
  try {
    for (const { path, mode } of files) made.push(createNewFile(path, mode))
    for (const [i, { content }] of files.entries()) writeFileSync((made[i] as NewFile).fd, content)
  } catch (error) {
    for (const file of made) file.discard()
    throw error
  } finally {
    for (const { fd } of made) closeSync(fd)
  }
}
