/** A process that is meant to be killed: its lines, a signal for it, and how it ended. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** How a process ended: a status, or the signal that ended it. */
export type Ending = number | NodeJS.Signals

export interface Process {
  /** Everything that it has printed so far, errors included. */
  readonly lines: readonly string[]
  /** Resolves when it has printed a line with this text; rejects if it ends without. */
  printed(text: string): Promise<string>
  /** Resolves when it has printed so many lines more. */
  printedMore(count: number): Promise<void>
  /** Writes a line to it. Lost if it is dead. */
  tell(line: string): void
  signal(name: NodeJS.Signals): void
  /** No more lines will come. */
  dismiss(): void
  readonly ended: Promise<Ending>
}

/** @param file of this example, `soak/desk.ts` */
export function launch(file: string, args: readonly string[], heard: (line: string) => void = () => {}): Process {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url))
  const child = spawn(process.execPath, [path, ...args], { stdio: 'pipe' })
  const lines: string[] = []
  const listeners = new Set<(line: string) => void>([heard])
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      for (const listener of [...listeners]) listener(line)
    })
  child.stdin.on('error', () => {})
  const ended = once(child, 'close').then(([status, signal]): Ending => signal ?? status)
  const orphaned = () => child.kill('SIGKILL')
  process.once('exit', orphaned)
  void ended.then(() => process.off('exit', orphaned))
  return {
    lines,
    ended,
    printed(text) {
      const before = lines.find((line) => line.includes(text))
      if (before !== undefined) return Promise.resolve(before)
      const line = new Promise<string>((resolve) => {
        const listener = (one: string) => {
          if (!one.includes(text)) return
          listeners.delete(listener)
          resolve(one)
        }
        listeners.add(listener)
      })
      const gone = ended.then((ending): string => {
        throw new Error(`${file} ended with ${ending} and never printed "${text}":\n${lines.join('\n')}`)
      })
      return Promise.race([line, gone])
    },
    printedMore(count) {
      const wanted = lines.length + count
      return new Promise((resolve) => {
        const listener = () => {
          if (lines.length < wanted) return
          listeners.delete(listener)
          resolve()
        }
        listeners.add(listener)
        listener()
      })
    },
    tell: (line) => void child.stdin.write(`${line}\n`),
    signal: (name) => void child.kill(name),
    dismiss: () => void child.stdin.end(),
  }
}
