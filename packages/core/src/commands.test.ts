import { type ContactCommand, campaign, decide, readsFacts, VERBS } from '@enfold/core'
import { commands, scenario } from '@enfold/testkit'
import { expect, it } from 'vitest'

const { start, stop, stopAll, pause, resume, suppress, unsuppress, erase, cancel, skip, sendNow, shift } = commands
const { retract, signal, undo, move } = commands
const META = { commandId: 'k', actor: null, contactId: 'contact' }

const course = campaign({
  id: 'course',
  goals: [{ id: 'done', when: { kind: 'done' } }],
  sequences: [
    {
      id: 's',
      steps: [
        { id: 'a', kind: 'email' },
        { id: 'b', kind: 'email', timer: { afterDays: 1, at: '08:00' } },
      ],
      next: ['done'],
    },
  ],
})

it('FACTS-1: a decision that is said to read no facts reads none', () => {
  const touched: string[] = []
  const facts = new Proxy(
    {},
    {
      get: (_, name) => void touched.push(String(name)),
      has: (_, name) => touched.push(String(name)) > 0,
      ownKeys: () => [],
    },
  )
  const underway = scenario({ campaigns: [course] })
    .given(start('s', { commandId: 'begun' }))
    .dispatched()
  const paused = underway.given(pause('s'))
  const banned = underway.given(suppress())
  const left = underway.given(signal('done', { signalId: 'signal-1' }))
  const decided = [
    ...[stop('s'), stopAll(), pause('s'), suppress(), erase(), cancel('s', 'b'), skip('s', 'b'), undo('begun')].map(
      (one) => [underway, one] as const,
    ),
    ...[sendNow('s'), shift('s', { by: '-P9D' }), move('s', { toStep: 'a', again: true })].map(
      (one) => [underway, one] as const,
    ),
    [paused, resume('s', { shift: true })] as const,
    [banned, unsuppress()] as const,
    [left, retract('signal-1')] as const,
  ]
  const types = decided.map(([{ state, context }, given]) => {
    const campaign = 'sequenceId' in given ? { campaignId: 'course' } : {}
    const command = { ...META, ...campaign, until: null, ...given } as unknown as ContactCommand
    expect([command.type, decide(command, state, { ...context, facts })]).toMatchObject([
      command.type,
      { _tag: 'Right' },
    ])
    expect(readsFacts(command)).toBe(false)
    return command.type
  })
  expect(touched).toEqual([])
  const named = Object.values(VERBS).flatMap(({ command, readsFacts: reads }) => (reads === true ? [] : [command]))
  expect(types.toSorted()).toEqual(named.toSorted())
})
