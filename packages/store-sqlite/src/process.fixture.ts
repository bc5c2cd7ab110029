/** For the tests of this package: another process on the same file, that can be waited for, told to end, or killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Task } from './other-process.ts'

export interface OtherProcess {
  /** The next line that it prints; `undefined` when it has ended. */
  line(): Promise<string | undefined>
  /** All lines from here to its end. */
  rest(): Promise<string[]>
  /** Closes its input, which is its sign to go on. */
  goOn(): void
  kill(): void
}

/** @param limitKb how big a file may become that it writes */
export function givenProcess(task: Task, limitKb?: number): OtherProcess {
  const program = fileURLToPath(new URL('./other-process.ts', import.meta.url))
  const args = ['--experimental-strip-types', '--no-warnings', program, JSON.stringify(task)]
  const child =
    limitKb === undefined
      ? spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
      : // `ulimit -f` counts blocks of 512 bytes in a POSIX shell.
        spawn('sh', ['-c', `ulimit -f ${2 * limitKb} && exec "$@"`, 'sh', process.execPath, ...args], {
          stdio: ['pipe', 'pipe', 'inherit'],
        })
  const ended = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  async function line(): Promise<string | undefined> {
    const { value, done } = await lines.next()
    return done ? undefined : value
  }
  return {
    line,
    async rest() {
      const all: string[] = []
      for (let one = await line(); one !== undefined; one = await line()) all.push(one)
      await ended
      return all
    },
    goOn: () => void child.stdin.end(),
    kill: () => void child.kill('SIGKILL'),
  }
}
