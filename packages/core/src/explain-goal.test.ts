import { campaign, createCatalog, decidePublish, isRight, type SignalPattern } from '@enfold/core'
import { explainNotSatisfied } from '@enfold/core/log'
import { commands, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'
import { decideUnpublish } from './catalog.ts'

const { start, stop, signal, suppress } = commands

const when: SignalPattern = { kind: 'purchased', match: { total: { atLeast: 100 }, coupon: { exists: true } } }
const shop = campaign({
  id: 'shop',
  signals: { purchased: { keep: ['total'], private: ['coupon'] }, 'note-added': {}, clicked: {} },
  goals: [
    { id: 'bought', when },
    { id: 'red', when: { kind: 'purchased', match: { colour: 'red', total: { atLeast: 100 } } } },
    { id: 'won', when: { kind: 'purchased' }, achievableBy: 'members' },
    { id: 'noted', when: { kind: 'note-added' } },
    { id: 'clicked', when: { kind: 'clicked' } },
    { id: 'opened', when: { kind: 'opened' } },
  ],
  sequences: [{ id: 'nurture', steps: [{ id: 'one', kind: 'email' }], next: ['won'] }],
})
const story = scenario({ campaigns: [shop] })
const catalog = createCatalog()
const published = decidePublish(
  { type: 'PublishCampaign', definition: shop, commandId: 'p', actor: null },
  catalog,
  '2026-03-01T09:00:00.000Z',
)
if (isRight(published)) for (const event of published.right.events) catalog.apply({ ...event, version: 1 })

const why = (told: typeof story, goalId: string, signalId = 's1', campaignId = 'shop') =>
  explainNotSatisfied(told.events, { campaignId, goalId, signalId }, catalog)

describe('why a signal did not satisfy a goal', () => {
  it('SIGNAL-5: a signal that satisfied the goal is reported as such', () => {
    const told = story.given(signal('purchased', { signalId: 's1', data: { total: 120, coupon: 'A' } }))
    expect(why(told, 'bought')).toMatchObject({ reason: 'satisfied', detail: null })
  })

  it('SIGNAL-5: a kept value did not pass its test', () => {
    const told = story.given(signal('purchased', { signalId: 's1', data: { total: 20, coupon: 'A' } }))
    expect(why(told, 'bought')).toMatchObject({
      reason: 'no-match',
      detail: 'total was 20, expected {"atLeast":100}',
      saw: [{ field: 'total', value: 20 }],
      evidence: [{ type: 'SignalReceived' }],
    })
  })

  it('SIGNAL-5: a value that is not kept is named only where nothing that is known explains it', () => {
    const of = (total: number) =>
      why(
        story.given(signal('purchased', { signalId: 's1', data: { total, colour: total < 100 ? 'red' : 'blue' } })),
        'red',
      )
    expect(of(20)).toMatchObject({ detail: 'total was 20, expected {"atLeast":100}' })
    expect(of(120)).toMatchObject({ detail: 'colour is not among the kept values, expected "red"', saw: [] })
  })

  it('SIGNAL-5: a kept value was not that of an open run', () => {
    const match = { orderId: { var: 'orderId' } }
    const post = campaign({
      id: 'post',
      signals: { delivered: { keep: ['orderId', 'by'] } },
      goals: [{ id: 'there', when: { kind: 'delivered', match: { ...match, by: 'hand' } } }],
      sequences: [
        {
          id: 'parcel',
          vars: { orderId: { data: 'orderId' } },
          steps: [{ id: 'one', kind: 'email', timer: { after: 'P1D' } }],
          next: ['there'],
        },
      ],
    })
    const told = scenario({ campaigns: [post] })
      .given(start('parcel', { vars: { orderId: 'a' } }))
      .given(signal('delivered', { signalId: 's1', data: { orderId: 'a', by: 'post' } }))
      .given(signal('delivered', { signalId: 's2', data: { orderId: 'b', by: 'hand' } }))
    const because = (signalId: string) =>
      explainNotSatisfied(told.events, { campaignId: 'post', goalId: 'there', signalId }, told.context.campaigns)
    expect(because('s1').detail).toBe('by was "post", expected "hand"')
    expect(because('s2').detail).toBe('orderId was "b", expected {"var":"orderId"}')
  })

  it('KEY-2, SIGNAL-5: a signal is judged by the keyed runs that were open when it came', () => {
    const post = campaign({
      id: 'post',
      signals: { delivered: { keep: ['orderId'] } },
      goals: [
        {
          id: 'there',
          when: { kind: 'delivered', match: { orderId: { var: 'orderId' } } },
          same: 'orderId',
          achievableBy: 'members',
        },
        { id: 'member', when: { kind: 'delivered' }, achievableBy: 'members' },
      ],
      sequences: [
        {
          id: 'parcel',
          vars: { orderId: { data: 'orderId' } },
          per: 'orderId',
          steps: [{ id: 'one', kind: 'email', timer: { after: 'P1D' } }],
          next: ['there'],
        },
      ],
    })
    const told = scenario({ campaigns: [post] })
      .given(start('parcel', { key: 'a' }), start('parcel', { key: 'b' }), start('parcel', { key: 'c' }))
      .given(stop('parcel', { key: 'a' }))
      .given(signal('delivered', { signalId: 'of a', data: { orderId: 'a' } }))
      .given(signal('delivered', { signalId: 'of b', data: { orderId: 'b' } }))
      .given(signal('delivered', { signalId: 'of b again', data: { orderId: 'b' } }))
      .given(stop('parcel', { key: 'c' }))
      .given(signal('delivered', { signalId: 'of none', data: { orderId: 'c' } }))
    const because = (signalId: string, goalId = 'there') =>
      explainNotSatisfied(told.events, { campaignId: 'post', goalId, signalId }, told.context.campaigns)
    const closed = (orderId: string) => ({
      reason: 'no-match',
      detail: `orderId was "${orderId}", expected {"var":"orderId"}`,
      saw: [{ field: 'orderId', value: orderId }],
    })
    expect(because('of a')).toMatchObject(closed('a'))
    expect(because('of b').reason).toBe('satisfied')
    expect(because('of b again')).toMatchObject(closed('b'))
    expect(because('of none')).toMatchObject(closed('c'))
    // A member for any key is a member.
    expect(because('of a', 'member')).toMatchObject({ reason: 'satisfied' })
    expect(because('of none', 'member')).toMatchObject({ reason: 'not_member' })
  })

  it('SIGNAL-5: a private value did not pass its test, and is not told', () => {
    const told = story.given(signal('purchased', { signalId: 's1', data: { total: 120 } }))
    expect(why(told, 'bought')).toMatchObject({
      reason: 'no-match',
      detail: 'coupon did not pass {"exists":true}',
      saw: [{ field: 'coupon', test: '{"exists":true}', holds: false }],
    })
  })

  it('SIGNAL-5: the contact was no member, or was suppressed', () => {
    const bought = signal('purchased', { signalId: 's1', data: { total: 120 } })
    expect(why(story.given(bought), 'won')).toMatchObject({ reason: 'not_member' })
    expect(why(story.given(suppress(), bought), 'won')).toMatchObject({ reason: 'suppressed' })
    expect(why(story.given(start('nurture'), bought), 'won')).toMatchObject({ reason: 'satisfied' })
  })

  it('MATCH-2: the signal was automated', () => {
    const told = story.given(signal('clicked', { signalId: 's1', automated: true }))
    expect(why(told, 'clicked')).toMatchObject({ reason: 'automated' })
  })

  it('GOAL-11: the reason is that a step of a sequence wrote the note', () => {
    const told = story.given(signal('note-added', { signalId: 's1', fromStep: true }))
    expect(why(told, 'noted')).toMatchObject({ reason: 'from-step' })
  })

  it('SIGNAL-5: the goal is for another kind, or there is none of that name, or no such campaign was published', () => {
    const told = story.given(signal('clicked', { signalId: 's1' }))
    expect(why(told, 'bought')).toMatchObject({ reason: 'other-kind', detail: 'it is for "purchased"' })
    expect(why(told, 'none')).toMatchObject({ reason: 'goal-unknown' })
    expect(why(told, 'bought', 's1', 'other')).toMatchObject({ reason: 'not-published' })
  })

  it('SIGNAL-5: the campaign was withdrawn when the signal came, whose kind another campaign kept', () => {
    const campaigns = createCatalog()
    const publishedOn = (at: string) => {
      const command = { type: 'PublishCampaign', definition: shop, commandId: 'p', actor: null } as const
      const decided = decidePublish(command, campaigns, at)
      return isRight(decided) ? decided.right.events : []
    }
    const withdrawnOn = (at: string) => {
      const command = { type: 'UnpublishCampaign', campaignId: 'shop', commandId: 'u', actor: null } as const
      const decided = decideUnpublish(command, campaigns, at)
      return isRight(decided) ? decided.right.events : []
    }
    const day = (n: number) => `2026-03-0${n}T09:00:00.000Z`
    for (const event of publishedOn(day(1))) campaigns.apply({ ...event, version: 1 })
    for (const event of withdrawnOn(day(3))) campaigns.apply({ ...event, version: 2 })
    for (const event of publishedOn(day(5))) campaigns.apply({ ...event, version: 3 })
    const [event] = story.given(signal('note-added', { signalId: 's1', fromStep: true })).events
    const reasonAt = (at: string) =>
      explainNotSatisfied(
        [{ ...event, at } as typeof event & object],
        { campaignId: 'shop', goalId: 'noted', signalId: 's1' },
        campaigns,
      ).reason
    expect(['2026-02-28T09:00:00.000Z', day(2), day(4), day(6)].map(reasonAt)).toEqual([
      'not-published',
      'from-step',
      'not-published',
      'from-step',
    ])
  })

  it('SIGNAL-2: nothing is known of a signal that is not kept and satisfied nothing', () => {
    const told = story.given(signal('viewed', { signalId: 's1' }))
    expect(why(told, 'bought')).toEqual({ reason: 'not-recorded', detail: null, saw: [], evidence: [] })
  })
})
