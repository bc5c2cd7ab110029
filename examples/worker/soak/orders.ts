/** The desk as its operators see it: orders go in, acknowledgements come out, and after a crash what is open is told again. */
import type { Acknowledgement, Order } from './desk.ts'
import { launch } from './process.ts'

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
  const waiting = new Map<string, () => void>()
  let process = begin('soak/desk.ts', [database], hear)

  function hear(line: string): void {
    if (!line.startsWith('{')) throw new Error(`The desk says: ${line}`)
    const { commandId, answer } = JSON.parse(line) as Acknowledgement
    const one = given.get(commandId) as Given
    one.answers.push(answer)
    one.acknowledgedAt ??= Date.now()
    waiting.get(commandId)?.()
  }
  const tell = ({ order }: Given) => process.tell(JSON.stringify(order))

  return {
    given,
    order(order) {
      const one: Given = { order, answers: [], acknowledgedAt: null }
      given.set(order.order.commandId, one)
      tell(one)
      return new Promise((resolve) => waiting.set(order.order.commandId, resolve))
    },
    async crash() {
      process.signal('SIGKILL')
      await process.ended
      process = begin('soak/desk.ts', [database], hear)
      const all = [...given.values()]
      for (const one of all.filter(({ acknowledgedAt }) => acknowledgedAt !== null).slice(-5)) tell(one)
      for (const one of all.filter(({ acknowledgedAt }) => acknowledgedAt === null)) tell(one)
    },
    async close() {
      process.dismiss()
      const ending = await process.ended
      if (ending !== 0) throw new Error(`The desk ended with ${ending}`)
    },
  }
}
