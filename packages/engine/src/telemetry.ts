/**
 * Spans and metrics through `@opentelemetry/api`: nothing happens, and next to nothing is spent, unless the host has set
 * up an SDK. Contact ids stand on spans only: as labels of metrics they would be a label for each contact.
 */

import { NOBODY } from '@enfold/core'
import {
  type Attributes,
  type Counter,
  type Histogram,
  INVALID_SPAN_CONTEXT,
  metrics,
  type ObservableResult,
  ProxyTracerProvider,
  type Span,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import type { Observer } from './engine-events.ts'
import { errorNames } from './error-names.ts'

const NAME = '@enfold/engine'

/** Of work that nobody traces. It takes everything and keeps nothing. */
const NO_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT)

/** Whether the host has set up tracing, which it may do at any time. */
function isTraced(): boolean {
  const provider = trace.getTracerProvider()
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer(NAME) !== undefined
}

/**
 * Runs the work inside a span of its own, which is the active one meanwhile; what it throws marks the span. Where nobody
 * traces it is only run: a due step has five spans, which took 5 % of its time.
 */
export function inSpan<T>(name: string, attributes: Attributes, work: (span: Span) => Promise<T>): Promise<T> {
  if (!isTraced()) return work(NO_SPAN)
  return trace.getTracer(NAME).startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work(span)
    } catch (error) {
      recordError(span, error, false)
      span.setStatus({ code: SpanStatusCode.ERROR })
      throw error
    } finally {
      span.end()
    }
  })
}

/**
 * An exception on a span: its name and its code. Messages and stacks quote what a host's data holds, and go along only
 * where the host asked for them.
 */
export function recordError(span: Span, error: unknown, withMessage: boolean): void {
  if (withMessage) {
    span.recordException(error instanceof Error ? error : String(error))
    return
  }
  const { name, code } = errorNames(error)
  span.recordException(code === null ? { name } : { name, code })
}

/** The active span as W3C `traceparent` (https://www.w3.org/TR/trace-context/), to be recorded; `undefined` without one. */
export function traceparent(): string | undefined {
  const context = trace.getActiveSpan()?.spanContext()
  if (context === undefined || /^0+$/.test(context.traceId)) return undefined
  return `00-${context.traceId}-${context.spanId}-${context.traceFlags.toString(16).padStart(2, '0')}`
}

export interface Meters {
  readonly observer: Observer
  /** Takes back what reports on this engine. */
  close(): void
}

/** `deliver_to`: "nobody", or "instead" for an address (DELIVER-1). Absent: the contact. */
function labelsOf({ kind, deliverTo }: { readonly kind: string; readonly deliverTo?: string }): Attributes {
  return deliverTo === undefined ? { kind } : { kind, deliver_to: deliverTo === NOBODY ? NOBODY : 'instead' }
}

/**
 * An observer that counts and measures what the events of the engine tell.
 *
 * @param behind how many events index and agenda do not show yet
 */
export function createMeters(behind: () => Promise<number>): Meters {
  const meter = metrics.getMeter(NAME)
  const counter = (name: string, description: string): Counter => meter.createCounter(name, { description })
  const histogram = (name: string, description: string): Histogram =>
    meter.createHistogram(name, { description, unit: 'ms' })
  const commandMs = histogram('enfold.command.duration', 'From the call of a verb to its answer')
  const conflicts = counter('enfold.conflicts', 'Appends that another writer was before')
  const lagMs = histogram('enfold.due.lag', 'From due to the call of the handler')
  const dispatched = counter('enfold.steps.dispatched', 'Handlers called')
  const outcomes = {
    sent: counter('enfold.steps.sent', 'Handlers that answered sent'),
    skipped: counter('enfold.steps.skipped', 'Handlers that answered skipped'),
    failed: counter('enfold.steps.failed', 'Handlers that failed, each attempt counted'),
  }
  const faults = counter('enfold.faults', 'Faults of the store or the host that dispatcher and projection met')
  const statesRefused = counter('enfold.states.refused', 'Stored states of contacts that could not be used')
  const lag = meter.createObservableGauge('enfold.projection.lag', {
    description: 'Events of the log that index and agenda do not show yet; 1,000 stands for that many or more',
  })
  // A log or a read model that does not answer just then leaves this reading out.
  const report = (result: ObservableResult) =>
    behind().then(
      (events) => result.observe(events),
      () => {},
    )
  lag.addCallback(report)
  const observer: Observer = (event) => {
    switch (event.type) {
      case 'command-decided':
        commandMs.record(event.durationMs, {
          command: event.command,
          rejection: event.rejection?.type ?? '',
        })
        return
      case 'conflict':
        conflicts.add(1)
        return
      case 'step-dispatched':
        lagMs.record(event.lagMs, { kind: event.kind })
        dispatched.add(1, labelsOf(event))
        return
      case 'step-answered':
        outcomes[event.outcome.outcome].add(1, labelsOf(event))
        return
      case 'state-refused':
        statesRefused.add(1, { because: event.because })
        return
      case 'contact-failed':
      case 'contact-not-planned':
      case 'loop-failed':
      case 'projection-failed':
      case 'contact-parked':
        faults.add(1)
    }
  }
  return { observer, close: () => lag.removeCallback(report) }
}
