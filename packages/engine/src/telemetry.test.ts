import { redirectable } from '@enfold/core'
import { createEngine } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { context, metrics, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  type DataPoint,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { logOnly } from './log.fixture.ts'

const spans = new InMemorySpanExporter()
const readings = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const reader = new PeriodicExportingMetricReader({ exporter: readings, exportIntervalMillis: 3_600_000 })

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }))
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
})
afterAll(async () => {
  await reader.shutdown()
  context.disable()
  trace.disable()
  metrics.disable()
})

describe('given a host that has set up OpenTelemetry', () => {
  it('LOG-3: a command, its append and each dispatch are spans; the events carry the trace of their command', async () => {
    const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
    const inHandler: (string | undefined)[] = []
    const engine = createEngine({
      store: createMemoryStore(),
      clock,
      handlers: {
        email() {
          inHandler.push(trace.getActiveSpan()?.spanContext().traceId)
          return { outcome: 'sent' }
        },
        broken() {
          throw new TypeError('secret@example.com')
        },
      },
    })
    await engine.publish({
      id: 'c',
      goals: [],
      sequences: [
        {
          id: 's',
          steps: [
            { id: 'one', kind: 'email' },
            { id: 'two', kind: 'broken', maxAttempts: 1 },
          ],
        },
      ],
    })
    await engine.startSequence({ contactId: 'ada', campaignId: 'c', sequenceId: 's', actor: null })
    clock.advance(1500)
    await engine.runDue()

    const named = (name: string) => spans.getFinishedSpans().filter((span) => span.name === name)
    const command = named('enfold.command').find((span) => span.attributes['enfold.command'] === 'StartSequence')
    const append = named('enfold.append').find(
      (span) => span.parentSpanContext?.spanId === command?.spanContext().spanId,
    )
    expect(append?.attributes).toEqual({ 'enfold.events': 1 })
    const [started] = await engine.inspect.history('ada')
    expect(started?.trace).toBe(`00-${command?.spanContext().traceId}-${command?.spanContext().spanId}-01`)
    const dispatches = named('enfold.dispatch')
    expect(dispatches.map((span) => [span.attributes['enfold.step'], span.attributes['enfold.outcome']])).toEqual([
      ['one', 'sent'],
      ['two', 'failed'],
    ])
    expect(inHandler).toEqual([dispatches[0]?.spanContext().traceId])

    await reader.forceFlush()
    const exported =
      readings
        .getMetrics()
        .at(-1)
        ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? []
    const pointsOf = (name: string) =>
      (exported.find((one) => one.descriptor.name === name)?.dataPoints ?? []) as readonly DataPoint<unknown>[]
    const sumOf = (name: string) => pointsOf(name).map(({ attributes, value }) => [attributes, value])
    expect(sumOf('enfold.steps.dispatched')).toEqual([
      [{ kind: 'email' }, 1],
      [{ kind: 'broken' }, 1],
    ])
    expect(sumOf('enfold.steps.sent')).toEqual([[{ kind: 'email' }, 1]])
    expect(sumOf('enfold.steps.failed')).toEqual([[{ kind: 'broken' }, 1]])
    expect(pointsOf('enfold.projection.lag').map(({ value }) => value)).toEqual([0])
    const lag = pointsOf('enfold.due.lag')[0]?.value
    expect(lag).toMatchObject({ count: 1, max: 1500 })
  })

  it('LOG-4: an exception on a span has its message only where the host asks for it', async () => {
    for (const exceptionMessages of [undefined, false, true]) {
      spans.reset()
      const broken = () => Promise.reject(new RangeError('to ann@people.example'))
      const engine = createEngine({
        store: createMemoryStore(),
        handlers: { email: broken },
        dispatch: exceptionMessages === undefined ? {} : { exceptionMessages },
        log: false,
      })
      await engine.publish({ id: 'c', goals: [], sequences: [{ id: 's', steps: [{ id: 'one', kind: 'email' }] }] })
      await engine.startSequence({ contactId: 'ada', campaignId: 'c', sequenceId: 's', actor: null })
      await engine.runDue()
      const events = spans.getFinishedSpans().flatMap((span) => span.events)
      expect(events.map(({ attributes }) => attributes?.['exception.type'])).toEqual(['RangeError'])
      expect(JSON.stringify(events).includes('ann@people.example')).toBe(exceptionMessages === true)
      await engine.close()
    }
  })

  it('INDEX-2: the number of events by which a separate read model lags is a metric', async () => {
    const store = logOnly(createMemoryStore())
    const engine = createEngine({ store, readModel: createMemoryStore(), handlers: {} })
    await engine.publish({ id: 'c', goals: [], sequences: [{ id: 's', steps: [{ id: 'one', kind: 'email' }] }] })
    await engine.startSequence({ contactId: 'ada', campaignId: 'c', sequenceId: 's', actor: null })
    const lags = async () => {
      await reader.forceFlush()
      const exported =
        readings
          .getMetrics()
          .at(-1)
          ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? []
      const lag = exported.find((one) => one.descriptor.name === 'enfold.projection.lag')
      return (lag?.dataPoints ?? []).map(({ value }) => value)
    }
    expect(await lags()).toEqual([2])
    await engine.runDue()
    expect(await lags()).toEqual([0])
    await engine.close()
  })

  it('DELIVER-3: the counters say what did not go to contacts, and no address', async () => {
    const email = redirectable(() => ({ outcome: 'sent' }) as const)
    for (const deliverTo of ['nobody', 'me@example.com']) {
      const engine = createEngine({ store: createMemoryStore(), handlers: { email }, deliverTo })
      await engine.publish({ id: 'c', goals: [], sequences: [{ id: 's', steps: [{ id: 'one', kind: 'email' }] }] })
      await engine.startSequence({ contactId: 'ada', campaignId: 'c', sequenceId: 's', actor: null })
      await engine.runDue()
      await engine.close()
    }
    await reader.forceFlush()
    const metrics =
      readings
        .getMetrics()
        .at(-1)
        ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? []
    for (const name of ['enfold.steps.dispatched', 'enfold.steps.sent']) {
      const points = metrics.find((one) => one.descriptor.name === name)?.dataPoints ?? []
      const labels = points.flatMap(({ attributes }) => attributes.deliver_to ?? [])
      expect(labels).toEqual(['nobody', 'instead'])
    }
  })

  it('LOG-4: no metric has a contact in its labels', () => {
    const labels = readings
      .getMetrics()
      .flatMap((one) => one.scopeMetrics)
      .flatMap((scope) => scope.metrics)
      .flatMap((one) => one.dataPoints as readonly DataPoint<unknown>[])
      .flatMap((point) => Object.values(point.attributes))
    expect(labels.length).toBeGreaterThan(0)
    expect(labels).not.toContain('ada')
  })
})
