/**
 * The operator's process: takes orders as JSON lines `{ verb, order }` on stdin, carries them out all at once, and prints
 * an answer for each, `{ commandId, answer }`. Whoever has the answer has the order's acknowledgement. Dies like the workers.
 */
import { createInterface } from 'node:readline'
import { createEngine, type SequenceOrder, type StepOrder } from '@enfold/engine'
import { createSqliteStore } from '@enfold/store-sqlite'

export type Order =
  | { readonly verb: 'startSequence' | 'stopSequence'; readonly order: SequenceOrder & { readonly commandId: string } }
  | { readonly verb: 'resendStep'; readonly order: StepOrder & { readonly commandId: string } }

export interface Acknowledgement {
  readonly commandId: string
  readonly answer: { readonly outcome: string; readonly run: number; readonly position: number }
}

const store = createSqliteStore({ path: process.argv[2] as string })
const engine = createEngine({ store, handlers: {} })
const running = new Set<Promise<void>>()

async function obey({ verb, order }: Order): Promise<void> {
  const answered = verb === 'resendStep' ? await engine.resendStep(order) : await engine[verb](order)
  if (answered._tag === 'Left') throw new Error(`${verb} was refused: ${JSON.stringify(answered.left)}`)
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
