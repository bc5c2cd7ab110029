/** A process of a soak that works on an action, and is killed on its way. */
import { fork } from 'node:child_process'

/** What a working process tells after each group. */
export interface Progress {
  readonly processed: number
  readonly memoryMb: number
}

/** Tells how far the action is. */
export function tell({ processed }: { readonly processed: number }): void {
  process.send?.({ processed, memoryMb: Math.round(process.memoryUsage().rss / 2 ** 20) } satisfies Progress)
}

/** Lets a process work until it ends or has processed so many contacts; then it is killed. */
export async function letWork(script: string, args: readonly string[], killAt: number) {
  const startedAt = performance.now()
  const child = fork(script, ['work', ...args])
  let last: Progress = { processed: 0, memoryMb: 0 }
  let peakMb = 0
  child.on('message', (progress: Progress) => {
    last = progress
    peakMb = Math.max(peakMb, progress.memoryMb)
    if (progress.processed >= killAt) child.kill('SIGKILL')
  })
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.once('exit', (...how) => resolve(how)),
  )
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`A process ended with ${code ?? signal}.`)
  return { signal, processed: last.processed, peakMb, seconds: (performance.now() - startedAt) / 1000 }
}
