/** Answers that last: an action that goes on after the answer, a body that is made as it is read. */
import type { ActionView, ProcessOptions } from '@enfold/engine'

/** How often progress is looked up, and how often a silent stream says that it is alive. */
const LOOK_MS = 250
const ALIVE_MS = 15_000

export const isOver = ({ state }: ActionView): boolean => state === 'done' || state === 'cancelled'

/** Begins an action and returns as soon as its contacts are known. What goes wrong after that is told by `failed`. */
export async function begun(
  begin: (options: ProcessOptions) => Promise<ActionView>,
  failed: (error: unknown) => void,
): Promise<ActionView> {
  const { promise: collected, resolve } = Promise.withResolvers<ActionView>()
  let isAnswered = false
  const over = begin({ onProgress: resolve })
  over.catch((error) => isAnswered && failed(error))
  const action = await Promise.race([collected, over])
  isAnswered = true
  return action
}

export interface Followed {
  readonly signal: AbortSignal
  /** The action as it stands. Read from the store: another process may be at work. */
  look(): Promise<ActionView>
  /** What was permitted when the stream began may have been taken away. */
  isStillPermitted(action: ActionView): Promise<boolean>
  /** Another one means that there is news. */
  stateOf(action: ActionView): string
  /** The news, as a server-sent event. */
  eventOf(action: ActionView): string
}

/** Server-sent events, one each time the action has come further, until it is over. */
export async function* progressOf({
  signal: closing,
  look,
  isStillPermitted,
  stateOf,
  eventOf,
}: Followed): AsyncGenerator<string> {
  let last: string | null = null
  let silentMs = 0
  while (!closing.aborted) {
    const action = await look()
    const state = stateOf(action)
    const isNews = state !== last
    if ((isNews || silentMs >= ALIVE_MS) && !(await isStillPermitted(action))) return
    if (isNews || silentMs >= ALIVE_MS) {
      yield isNews ? eventOf(action) : ': still here\n\n'
      last = state
      silentMs = 0
    }
    if (isOver(action)) return
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    silentMs += LOOK_MS
  }
}

/**
 * Asks before each further page: what was permitted when the file began may have been taken away. Then the file breaks
 * off, because one that ended there would pass for a whole one.
 */
export async function* whilePermitted(
  pages: AsyncIterable<string>,
  isStillPermitted: () => Promise<boolean>,
): AsyncGenerator<string> {
  let isFirst = true
  for await (const page of pages) {
    if (!isFirst && !(await isStillPermitted()))
      throw new Error('The download was ended: the caller may not see the file any more.')
    isFirst = false
    yield page
  }
}

const NO_STORE = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

/** A file of the results of an action. */
export const CSV_HEADERS = {
  ...NO_STORE,
  'content-type': 'text/csv; charset=utf-8; header=present',
  'content-disposition': 'attachment; filename="results.csv"',
}

/** Server-sent events. */
export const EVENT_STREAM_HEADERS = { ...NO_STORE, 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' }

/** A body that is made as it is read. An error in the middle cuts it short, and is told by `failed`. */
export function streamed(
  pieces: AsyncIterable<string>,
  failed: (error: unknown) => void,
  headers: Readonly<Record<string, string>>,
): Response {
  const iterator = pieces[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  let isLeft = false
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await iterator.next()
        // The reader went while the piece was made: there is nobody to give it to, and nothing went wrong.
        if (isLeft) return
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value))
      } catch (error) {
        failed(error)
        // The status was sent long ago: a body that is cut short is all that can be said.
        if (!isLeft) controller.error(error)
      }
    },
    async cancel() {
      isLeft = true
      await iterator.return?.()
    },
  })
  return new Response(body, { headers })
}
