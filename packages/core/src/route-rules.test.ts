import {
  type Campaign,
  type CampaignDefinition,
  type CampaignEvent,
  createCatalog,
  decidePublish,
  decideUnpublish,
  type Either,
  instantOf,
  isRight,
} from '@enfold/core'
import { scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'
import { publishedFor, routesViolation } from './route-rules.ts'

const definition: CampaignDefinition = {
  id: 'c',
  goals: [],
  sequences: [
    { id: 'a', steps: [{ id: 'one', kind: 'email' }], next: ['b'] },
    { id: 'b', steps: [{ id: 'one', kind: 'email' }] },
  ],
}

/** A catalogue after these orders, each so many minutes after the one before. */
function catalogAfter(orders: readonly (CampaignDefinition | 'unpublish')[], minutes: number) {
  const catalog = createCatalog()
  for (const [i, order] of orders.entries()) {
    const meta = { commandId: `k${i}`, actor: null }
    const at = instantOf(Date.parse('2026-03-02T09:00:00.000Z') + i * minutes * 60_000)
    const decided: Either<unknown, { readonly events: readonly CampaignEvent[] }> =
      order === 'unpublish'
        ? decideUnpublish({ type: 'UnpublishCampaign', campaignId: 'c', ...meta }, catalog, at)
        : decidePublish({ type: 'PublishCampaign', definition: order, ...meta }, catalog, at)
    if (!isRight(decided)) throw new Error('unreachable')
    for (const event of decided.right.events) catalog.apply({ ...event, version: i + 1 })
  }
  return catalog
}

describe('a route of a run of version 1, a few minutes after version 2', () => {
  const two = { ...definition, name: 'Two' }
  const { state } = scenario({ campaigns: [definition] })
  const lieIn = (
    orders: readonly (CampaignDefinition | 'unpublish')[],
    outcome: 'not_published' | 'brake',
    at: string,
    minutes = 1,
  ) => {
    const catalog = catalogAfter(orders, minutes)
    const own: Campaign = catalog.version('c', 1).campaign
    const routing = {
      ...publishedFor(catalog.find('c'), 1, at),
      own,
      ending: { campaignId: 'c', sequenceId: 'a' },
      vars: null,
      pauses: [],
      at,
    }
    return routesViolation(state, ['b'], [{ to: 'b', outcome }], routing, 'ROUTE-4')?.rule ?? null
  }
  const SOON = '2026-03-02T09:05:00.000Z'

  it('AUDIT-4: a route that is said to be unpublished is a fault if its campaign never was', () => {
    expect(lieIn([definition, two], 'not_published', SOON)).toBe('ROUTE-4')
  })

  it('VERSION-3: a route may be said to be unpublished by a worker that knew of an unpublishing, and of nothing later', () => {
    expect(lieIn([definition, 'unpublish', two], 'not_published', SOON)).toBeNull()
    expect(lieIn([definition, 'unpublish', two], 'not_published', '2026-03-02T12:00:00.000Z')).toBe('ROUTE-4')
    expect(lieIn([definition, 'unpublish'], 'not_published', SOON)).toBeNull()
  })

  it('VERSION-3: a route may be said to be unpublished before the publication that ended it', () => {
    const halfADay = 720
    const published = '2026-03-03T09:00:00.000Z'
    expect(lieIn([definition, 'unpublish', two], 'not_published', published, halfADay)).toBeNull()
    expect(lieIn([definition, 'unpublish', two], 'not_published', '2026-03-03T09:00:00.001Z', halfADay)).toBe('ROUTE-4')
  })

  it('BRAKE-1: a route that is said to be held by the brake is a fault if no version would hold it', () => {
    expect(lieIn([definition, two], 'brake', SOON)).toBe('ROUTE-4')
    expect(lieIn([definition, 'unpublish'], 'brake', SOON)).toBe('ROUTE-4')
  })
})
