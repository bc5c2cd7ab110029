/** One call of the host's handler, which always ends in an outcome: its own, or a failure (STEP-7). */
import { EnfoldFault, type StepCall, type StepHandler, type StepOutcome } from '@enfold/core'
import { LONGEST_WAIT_MS } from '../clock.ts'
import { errorNames } from '../error-names.ts'
import { ParamsRefused } from '../schemas.ts'

export interface HandlerAnswer {
  readonly outcome: StepOutcome
  /** What it threw, for the host's logger: its message may hold what the log must not (LOG-4). */
  readonly error?: unknown
}

/** How long a handler that was told to end has for saying what became of its work. */
function graceMs(timeoutMs: number): number {
  return Math.min(timeoutMs, 250)
}

/** The longest that a call takes, in real time. */
export function longestCallMs(timeoutMs: number): number {
  return timeoutMs + graceMs(timeoutMs)
}

/**
 * Calls the handler and waits at most `timeoutMs` for it. Then its signal aborts, and what it returns
 * within `graceMs` still counts: only the handler knows whether it was about to send or had sent.
 *
 * @param stop aborts the call's signal early: the engine shuts down and has waited long enough
 */
export async function callHandler(
  handler: StepHandler,
  call: Omit<StepCall, 'signal'>,
  timeoutMs: number,
  stop: AbortSignal,
): Promise<HandlerAnswer> {
  const controller = new AbortController()
  const limit = limitOf(timeoutMs, stop, controller)
  // In a promise of its own, so that a handler that throws before its first await is caught like any other.
  const answer = Promise.resolve()
    .then(() => handler({ ...call, signal: controller.signal }))
    .then((given): HandlerAnswer => {
      const outcome = checkedOutcome(given)
      return outcome === null ? nonsense(call.step.kind, given) : { outcome }
    })
    .catch(
      // The handler was not called: trying again would not help.
      (error): HandlerAnswer =>
        error instanceof ParamsRefused
          ? { outcome: { outcome: 'failed', reason: 'params-refused', permanent: true }, error }
          : { outcome: { outcome: 'failed', reason: reasonOf(error), unknown: true }, error },
    )
  try {
    return await Promise.race([answer, limit.exceeded])
  } finally {
    // The signal of a handler that has answered stays as it is: its connections may live on.
    limit.end()
  }
}

/** A handler that never settles holds its step only: whether it did its work is not known (STEP-6). */
function limitOf(timeoutMs: number, stop: AbortSignal, controller: AbortController) {
  const { promise: exceeded, resolve } = Promise.withResolvers<HandlerAnswer>()
  function tellToEnd(): void {
    end()
    const reason = stop.aborted ? 'shut-down' : 'timeout'
    const why = stop.aborted ? 'The engine shuts down.' : `The handler took more than ${timeoutMs} ms.`
    controller.abort(new Error(why))
    timer = setTimeout(() => resolve({ outcome: { outcome: 'failed', reason, unknown: true } }), graceMs(timeoutMs))
  }
  function end(): void {
    clearTimeout(timer)
    forget()
  }
  let timer = setTimeout(tellToEnd, Math.min(timeoutMs, LONGEST_WAIT_MS))
  const forget = whenAborted(stop, tellToEnd)
  if (stop.aborted) tellToEnd()
  return { exceeded, end }
}

const waiting = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * One listener for all calls that a signal ends: Node warns of more than ten on one signal, and a composite signal for
 * each call takes longer than all else of it.
 *
 * @returns what takes the call out again
 */
function whenAborted(signal: AbortSignal, then: () => void): () => void {
  const calls = waiting.get(signal) ?? new Set()
  if (!waiting.has(signal)) {
    waiting.set(signal, calls)
    signal.addEventListener('abort', () => calls.forEach((call) => void call()), { once: true })
  }
  calls.add(then)
  return () => void calls.delete(then)
}

const MAX_TEXT = 500

/** `null`: nonsense. */
function checkedOutcome(given: unknown): StepOutcome | null {
  const answer = given as { outcome?: unknown; receipt?: unknown; reason?: unknown } | null | undefined
  switch (typeof answer === 'object' ? answer?.outcome : undefined) {
    case 'sent': {
      const { receipt } = given as { receipt?: unknown }
      const text = textOf(receipt)
      return { outcome: 'sent', ...(text === null ? {} : { receipt: text }) }
    }
    case 'skipped':
      return { outcome: 'skipped', reason: textOr(answer?.reason, 'no-reason') }
    case 'failed': {
      const { permanent, unknown, retryAfterMs } = given as {
        permanent?: unknown
        unknown?: unknown
        retryAfterMs?: unknown
      }
      return {
        outcome: 'failed',
        reason: textOr(answer?.reason, 'no-reason'),
        permanent: permanent === true,
        unknown: unknown === true,
        ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? { retryAfterMs } : {}),
      }
    }
    default:
      return null
  }
}

/** Nonsense is a failure without retry: what was done is not known. */
function nonsense(kind: string, given: unknown): HandlerAnswer {
  const what =
    given === null || given === undefined ? 'nothing' : typeof given === 'object' ? 'another object' : typeof given
  return {
    outcome: { outcome: 'failed', reason: `handler-answered ${what}`, permanent: true, unknown: true },
    error: EnfoldFault.invalidInput(
      `handlers[${JSON.stringify(kind)}]`,
      what,
      'the answer { outcome: "sent" }, { outcome: "skipped", reason } or { outcome: "failed", reason }. Was the step done? Then return { outcome: "sent" }',
    ),
  }
}

function textOr(value: unknown, otherwise: string): string {
  const text = textOf(value)
  return text === null || text === '' ? otherwise : text
}

/** Texts, and numbers as text: ids of a database and codes of a provider often are. `null`: it is neither. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return cut(value)
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : null
}

function cut(text: string): string {
  return (text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text).toWellFormed()
}

/** The name of an error and its code, and nothing that could hold more: messages quote addresses and texts. */
function reasonOf(error: unknown): string {
  const { name, code } = errorNames(error)
  return ['handler-threw', name, code ?? ''].filter((part) => part !== '').join(' ')
}
