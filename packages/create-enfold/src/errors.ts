/** What the person has to put right before anything can be written. The message says what, and how. */
export class InitError extends Error {
  override readonly name = 'InitError'

  constructor(message: string) {
    // Names of files may hold anything, also what moves the cursor of a terminal.
    super(message.replaceAll(/\p{C}/gu, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`))
  }
}

/** What the operating system said, without the words of the call that it said it to. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error)
  return REASONS.get(code) ?? (code === '' ? 'it cannot be read' : code)
}

/** Nothing, if it is no error of the operating system. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'it does not exist'],
  ['ENOTDIR', 'a part of its path is not a folder'],
  ['EISDIR', 'it is a folder'],
  ['EACCES', 'permission denied'],
  ['EPERM', 'permission denied'],
  ['EROFS', 'the file system is read-only'],
  ['ENOSPC', 'the disk is full'],
  ['ELOOP', 'its links lead in a circle'],
  ['ENAMETOOLONG', 'its name is too long'],
])
