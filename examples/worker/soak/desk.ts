/**
 * The operator's process: takes orders as JSON lines `{ verb, order }` on stdin, carries them out all at once, and prints
 * an answer for each, `{ commandId, answer }`. The answer is the order's acknowledgement. Dies like the workers;
 * if the store is down, gives the order again under the same id until it is known.
 */
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { createEngine, isEnfoldFault, isLeft, RejectionError, type SequenceOrder, type StepOrder } from 'enfold'
import { openStore } from '../open-store.ts'

export type Order =
  | { readonly verb: 'startSequence' | 'stopSequence'; readonly order: SequenceOrder & { readonly commandId: string } }
  | { readonly verb: 'resendStep'; readonly order: StepOrder & { readonly commandId: string } }

export interface Acknowledgement {
  readonly commandId: string
  readonly answer: { readonly outcome: string; readonly run: number; readonly position: number }
}

const store = openStore(process.argv[2] as string)
const engine = createEngine({ store, handlers: {} })
const running = new Set<Promise<void>>()

async function give({ verb, order }: Order) {
  for (;;)
    try {
      return verb === 'resendStep' ? await engine.resendStep(order) : await engine[verb](order)
    } catch (error) {
      if (!isEnfoldFault(error) || !error.code.startsWith('STORE_')) throw error
      await sleep(50)
    }
}

async function obey({ verb, order }: Order): Promise<void> {
  const answered = await give({ verb, order } as Order)
  if (isLeft(answered)) throw new RejectionError(answered.left)
  const { outcome, run, position } = answered.right
  const acknowledgement: Acknowledgement = { commandId: order.commandId, answer: { outcome, run, position } }
  process.stdout.write(`${JSON.stringify(acknowledgement)}\n`)
}

for await (const line of createInterface({ input: process.stdin })) {
  const obeying = obey(JSON.parse(line))
  running.add(obeying)
  void obeying.finally(() => running.delete(obeying))
}
await Promise.all(running)
await engine.close()
await store.close()
