/** Where a run reads and writes. */
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { UsageError } from './errors.ts'
import { isServerUrl, placeText, requireFile, withArgumentsShown, withoutPasswords } from './places.ts'

/** `process`, or what a test hands in. */
export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
}

/** Streams that are guarded, with the arguments of the command that writes there. */
const guarded = new WeakMap<object, { args: readonly string[] }>()

/**
 * From now on whatever is written to it as text has no password in it, whatever writes it, and URLs of servers among the
 * arguments stand there as `placeText` has them: client libraries warn of what they cannot parse.
 */
export function guardWrites(to: NodeJS.WriteStream, args: readonly string[]): void {
  const known = guarded.get(to)
  const guard = known ?? { args }
  guard.args = args
  if (known !== undefined) return
  guarded.set(to, guard)
  const write = to.write.bind(to) as (chunk: unknown, ...rest: unknown[]) => boolean
  const shown = (text: string) => withoutPasswords(withArgumentsShown(text, guard.args.filter(isServerUrl)))
  to.write = ((chunk: unknown, ...rest: unknown[]) =>
    write(typeof chunk === 'string' ? shown(chunk) : chunk, ...rest)) as typeof to.write
}

/** Writes a line, and waits for a slower reader. */
export async function writeLine(to: NodeJS.WriteStream, line: string): Promise<void> {
  if (!to.write(`${line}\n`)) await once(to, 'drain')
}

/** All of a text file, or of the standard input if it is named "-". */
export async function readText(path: string, stdin: Readable): Promise<string> {
  let text = ''
  for await (const piece of textOf(path, stdin)) text += piece
  return text
}

async function* textOf(path: string, stdin: Readable): AsyncGenerator<string> {
  if (path !== '-') requireFile(path)
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const decoded = (bytes: Buffer, stream: boolean) => {
    try {
      return decoder.decode(bytes, { stream })
    } catch {
      throw new UsageError(`${placeText(path)} is not UTF-8.`)
    }
  }
  for await (const chunk of path === '-' ? stdin : createReadStream(path)) yield decoded(Buffer.from(chunk), true)
  yield decoded(Buffer.alloc(0), false)
}
