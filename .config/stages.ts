/** Runs the stages of the gate, some at the same time, and stops at the first that fails. */
import { type ChildProcess, spawn } from 'node:child_process'

export interface Stage {
  readonly name: string
  /** Of a shell. */
  readonly command: string
  /** How many workers it starts, 1 by default. One that starts more takes long, so it shows what it does as it goes. */
  readonly workers?: number
  /** The stage that must have passed before, if it is among those that run. */
  readonly after?: string
}

export interface StagesOptions {
  /** How many workers run at the same time. */
  readonly room: number
  readonly cwd: string
  write(text: string | Buffer): void
}

/**
 * Each stage begins in its place, as soon as there is room; what it says is written when it is over.
 *
 * @returns true: all have passed. False: the first that failed was named, and the others were ended.
 */
export function runStages(stages: readonly Stage[], { room, cwd, write }: StagesOptions): Promise<boolean> {
  const waiting = [...stages]
  const running = new Map<Stage, ChildProcess>()
  const took = new Map<string, string>()
  const over = Promise.withResolvers<boolean>()
  const begunAt = performance.now()
  let free = room
  let hasFailed = false

  const roomOf = ({ workers = 1 }: Stage) => workers
  const isEarly = ({ after }: Stage) => stages.some(({ name }) => name === after) && !took.has(after ?? '')

  function begin(): void {
    for (const stage of [...waiting]) {
      // Nobody overtakes a stage that only wants room: it would never have all of it.
      if (roomOf(stage) > free) return
      if (isEarly(stage)) continue
      waiting.splice(waiting.indexOf(stage), 1)
      free -= roomOf(stage)
      run(stage)
    }
  }

  function run(stage: Stage): void {
    const startedAt = performance.now()
    const isLong = roomOf(stage) > 1
    // A group of its own, so that what a stage has started can be ended with it.
    const child = spawn(stage.command, { cwd, shell: true, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    running.set(stage, child)
    const said: Buffer[] = []
    const hear = isLong ? write : (chunk: Buffer) => void said.push(chunk)
    for (const stream of [child.stdout, child.stderr]) stream.on('data', hear)
    child.once('close', (status, signal) => {
      running.delete(stage)
      free += roomOf(stage)
      took.set(stage.name, secondsSince(startedAt))
      if (!hasFailed) {
        write(`\n--- ${stage.name} (${secondsSince(startedAt)})\n`)
        write(Buffer.concat(said))
        if (status === 0) begin()
        else fail(stage, signal ?? `exit status ${status}`)
      }
      if (running.size === 0) end()
    })
  }

  function fail({ name, command }: Stage, how: string): void {
    hasFailed = true
    waiting.length = 0
    write(`\nThe stage "${name}" failed with ${how}: ${command}\n`)
    endAll()
  }

  function endAll(): void {
    for (const { pid } of running.values()) if (pid !== undefined) endGroup(pid)
  }

  function end(): void {
    process.off('exit', endAll)
    if (!hasFailed) {
      const each = stages.map(({ name }) => `${name} ${took.get(name)}`).join(', ')
      write(`\n${each}; ${secondsSince(begunAt)} in all\n`)
    }
    over.resolve(!hasFailed)
  }

  process.once('exit', endAll)
  begin()
  return over.promise
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGTERM')
  } catch {
    // It has ended meanwhile.
  }
}

function secondsSince(startedAt: number): string {
  return `${Math.round((performance.now() - startedAt) / 1000)} s`
}
