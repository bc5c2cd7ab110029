/** The desk as its operators see it: orders go in, acknowledgements come out, and after a crash what is open is told again. */
import type { Acknowledgement, Order } from './desk.ts'
import { launch, type Process } from './process.ts'

/** An order, and every answer that came to it. */
export interface Given {
  readonly order: Order
  readonly answers: Acknowledgement['answer'][]
  /** Milliseconds since 1970; `null`: not yet. */
  acknowledgedAt: number | null
}

export interface Desk {
  /** By command id. */
  readonly given: ReadonlyMap<string, Given>
  /** Resolves with the first acknowledgement, however many crashes later. */
  order(order: Order): Promise<void>
  /** Kills the process and starts another, which hears all open orders again and some that were acknowledged. */
  crash(): Promise<void>
  close(): Promise<void>
}

export function openDesk(database: string, begin: typeof launch = launch): Desk {
  const given = new Map<string, Given>()
  const waiting = new Map<string, PromiseWithResolvers<void>>()
  let process = start()
  let dismissed = false

  function start(): Process {
    const started = begin('soak/desk.ts', [database], hear)
    void started.ended.then((ending) => {
      if (started !== process || dismissed) return
      for (const { reject } of waiting.values())
        reject(new Error(`The desk ended with ${ending}: ${started.lines.at(-1)}`))
    })
    return started
  }
  function hear(line: string): void {
    if (!line.startsWith('{"commandId"')) return
    const { commandId, answer } = JSON.parse(line) as Acknowledgement
    const one = given.get(commandId) as Given
    one.answers.push(answer)
    one.acknowledgedAt ??= Date.now()
    waiting.get(commandId)?.resolve()
  }
  const tell = ({ order }: Given) => process.tell(JSON.stringify(order))

  return {
    given,
    order(order) {
      const one: Given = { order, answers: [], acknowledgedAt: null }
      given.set(order.order.commandId, one)
      tell(one)
      const answered = Promise.withResolvers<void>()
      waiting.set(order.order.commandId, answered)
      return answered.promise
    },
    async crash() {
      const dying = process
      process = start()
      dying.signal('SIGKILL')
      await dying.ended
      const all = [...given.values()]
      for (const one of all.filter(({ acknowledgedAt }) => acknowledgedAt !== null).slice(-5)) tell(one)
      for (const one of all.filter(({ acknowledgedAt }) => acknowledgedAt === null)) tell(one)
    },
    async close() {
      dismissed = true
      process.dismiss()
      const ending = await process.ended
      if (ending !== 0) throw new Error(`The desk ended with ${ending}`)
    },
  }
}
