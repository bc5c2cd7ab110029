/** For the tests of this package: an engine with a campaign, and a real client at a server in memory. */
import { type CampaignDefinition, type ContactDirectory, campaign } from '@enfold/core'
import { createEngine, type Engine, orThrow } from '@enfold/engine'
import type { Principal } from '@enfold/http'
import { createMcpServer, type McpServerOptions } from '@enfold/mcp'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock, type SimulatedClock } from '@enfold/testkit'
import { Client } from '@modelcontextprotocol/client'
import { InMemoryTransport } from '@modelcontextprotocol/server'
import { onTestFinished } from 'vitest'

export const MONDAY = '2026-03-02T09:00:00.000Z'

export const pool = campaign({
  id: 'pool',
  name: 'Pool owners',
  signals: { purchased: { keep: ['total'], private: ['card'] } },
  goals: [{ id: 'bought', when: { kind: 'purchased', match: { total: { atLeast: 100 } } }, next: [] }],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'one', kind: 'email' },
        { id: 'two', kind: 'email', timer: { after: 'P1D' } },
      ],
      next: ['bought'],
    },
  ],
})
export const garden = campaign({
  id: 'garden',
  goals: [],
  sequences: [{ id: 'tips', steps: [{ id: 'one', kind: 'email', timer: { after: 'P1D' } }] }],
})

export const ANNA: Principal = { id: 'anna', may: 'write' }

export interface GivenEngine {
  readonly engine: Engine
  readonly clock: SimulatedClock
}

export async function givenEngine(
  more: { readonly contacts?: ContactDirectory; readonly campaigns?: readonly CampaignDefinition[] } = {},
): Promise<GivenEngine> {
  const { campaigns = [pool, garden], ...options } = more
  const store = createMemoryStore()
  const clock = createSimulatedClock(MONDAY)
  const engine = createEngine({ store, clock, handlers: { email: () => ({ outcome: 'sent' }) as const }, ...options })
  onTestFinished(async () => {
    await engine.close()
    await store.close()
  })
  for (const one of campaigns) orThrow(await engine.publish(one))
  return { engine, clock }
}

export interface Told {
  readonly isError: boolean
  /** All of the text. */
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  readonly answer: any
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly structured: any
}

/** A client that has connected, by the name `tester`. */
export async function givenClient(options: Partial<McpServerOptions> & Pick<McpServerOptions, 'engine'>) {
  const server = createMcpServer({ principal: ANNA, ...options })
  const [here, there] = InMemoryTransport.createLinkedPair()
  const client = new Client({ name: 'tester', version: '3' })
  await Promise.all([server.connect(there), client.connect(here)])
  onTestFinished(() => client.close())
  return { client, ask: asking(client) }
}

/** Calls a tool and reads what comes back. */
export function asking(client: Client) {
  return async (name: string, input: Readonly<Record<string, unknown>> = {}, signal?: AbortSignal): Promise<Told> => {
    const result = await client.callTool({ name, arguments: input }, signal === undefined ? {} : { signal })
    const text = result.content.flatMap((one) => (one.type === 'text' ? [one.text] : [])).join('\n')
    const structured = result.structuredContent as { readonly answer?: unknown } | undefined
    return { isError: result.isError === true, text, answer: structured?.answer, structured }
  }
}
