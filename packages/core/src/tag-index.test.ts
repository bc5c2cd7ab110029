import {
  type ContactEvent,
  type ContactEventData,
  type ContactEventType,
  type ContactId,
  compareIds,
  createTagIndex,
  type EnfoldFault,
  type Members,
  type MemoryTagIndex,
  membershipsAfter,
  type Page,
  parseTag,
  SCHEMA_VERSION,
  type Tag,
  type TagChange,
  type TagQuery,
  tagChanges,
  tagOf,
  waitingTagOf,
} from '@enfold/core'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const HOSTILE = [
  '__proto__',
  'constructor',
  'a/b',
  'b~waiting',
  '~waiting',
  '~',
  '%2F',
  '%7Ewaiting',
  '%',
  '..',
  '-x',
  'ünï',
  '👩‍🚀',
  '\u{10FFFF}',
  'עברית\u202E',
  `"'\`<b>&`,
  ' \n\u0000',
  'x'.repeat(200),
]

/** Any id that LOG-6 allows, hostile ones more often than chance would have them. */
const anyId = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }),
  fc.stringMatching(/^[ab~/%27EFwaitng]{1,12}$/),
)

const faultOf = (work: () => unknown): EnfoldFault => {
  try {
    work()
  } catch (error) {
    return error as EnfoldFault
  }
  throw new Error('Nothing was thrown.')
}

describe('tags', () => {
  it('INDEX-1: a tag is both ids, percent-encoded, and ends with ~waiting while the run waits', () => {
    expect(tagOf('pool-owners', 'nurture')).toBe('pool-owners/nurture')
    expect(waitingTagOf('pool-owners', 'nurture')).toBe('pool-owners/nurture~waiting')
    expect(tagOf('a/b', 'ünï ~')).toBe('a%2Fb/%C3%BCn%C3%AF%20%7E')
  })

  it('LOG-6: a sequence named `b~waiting` is not taken for `b` that waits', () => {
    expect(tagOf('a', 'b~waiting')).not.toBe(waitingTagOf('a', 'b'))
    expect(tagOf('a', 'b~waiting')).toBe('a/b%7Ewaiting')
    expect(parseTag(tagOf('a', 'b~waiting'))).toEqual({ campaignId: 'a', sequenceId: 'b~waiting', waiting: false })
    expect(parseTag(waitingTagOf('a', 'b~waiting'))).toEqual({
      campaignId: 'a',
      sequenceId: 'b~waiting',
      waiting: true,
    })
    // Nor is one whose name is what the encoding makes of the first.
    expect(tagOf('a', 'b%7Ewaiting')).not.toBe(tagOf('a', 'b~waiting'))
  })

  it('LOG-6: a slash in an id moves no border between the ids', () => {
    expect(tagOf('a/b', 'c')).not.toBe(tagOf('a', 'b/c'))
  })

  it('LOG-6: whatever the ids, a tag is printable ASCII and parses to exactly what it was made of', () => {
    fc.assert(
      fc.property(anyId, anyId, (campaignId, sequenceId) => {
        const tag = tagOf(campaignId, sequenceId)
        const waiting = waitingTagOf(campaignId, sequenceId)
        expect(tag).toMatch(/^[!-~]+\/[!-~]+$/)
        expect(parseTag(tag)).toEqual({ campaignId, sequenceId, waiting: false })
        expect(parseTag(waiting)).toEqual({ campaignId, sequenceId, waiting: true })
      }),
      { numRuns: runs(500) },
    )
  })

  it.each([
    ['nothing', ''],
    ['a tag of the host', 'customer'],
    ['no campaign', '/b'],
    ['no sequence', 'a/'],
    ['neither', '/'],
    ['three parts', 'a/b/c'],
    ['a suffix alone', '~waiting'],
    ['a suffix without a sequence', 'a/~waiting'],
    ['two suffixes', 'a/b~waiting~waiting'],
    ['another suffix', 'a/b~paused'],
    ['a tilde that is not encoded', 'a~b/c'],
    ['a broken escape', '%E0%A4%A/b'],
    ['an escape in small letters', 'a%2fb/c'],
    ['an escape where none is needed', '%61/b'],
    ['a space that is not encoded', 'a b/c'],
    ['an id that is too long', `${'x'.repeat(201)}/b`],
    ['a lone surrogate', 'a/\uD800'],
  ])('LOG-6: %s is no tag of a sequence', (_, text) => {
    expect(parseTag(text)).toBeNull()
  })

  it('LOG-6: no two texts mean the same sequence', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ab]?[ab~/%267EF]{0,6}(\/[ab~%27E]{0,5})?(~waiting)?$/), (text) => {
        const parsed = parseTag(text)
        if (parsed === null) return
        const encode = parsed.waiting ? waitingTagOf : tagOf
        expect(encode(parsed.campaignId, parsed.sequenceId)).toBe(text)
      }),
      { numRuns: runs(500) },
    )
  })

  it.each(['', '\uD800', 'x'.repeat(201)])('LOG-6: %j is no id, and so makes no tag', (id) => {
    expect(faultOf(() => tagOf(id, 'b'))).toMatchObject({ code: 'INVALID_INPUT', details: { path: 'campaignId' } })
    expect(faultOf(() => tagOf('a', id))).toMatchObject({ code: 'INVALID_INPUT', details: { path: 'sequenceId' } })
    expect(faultOf(() => waitingTagOf('a', id))).toMatchObject({ code: 'INVALID_INPUT' })
  })
})

// --- The projector --------------------------------------------------------------------------------------------------

const run = { campaignId: 'a/b', sequenceId: 'c', run: 1 }
const step = { ...run, stepId: 'one' }
const attempt = { ...step, resend: 0, attempt: 1 }
const TAG = 'a%2Fb/c'

function eventOf<Type extends ContactEventType>(type: Type, data: ContactEventData[Type]): ContactEvent {
  return {
    type,
    data,
    id: 'event',
    schema: SCHEMA_VERSION,
    at: '2026-03-01T09:00:00.000Z',
    commandId: 'command',
    correlationId: 'command',
    causationId: 'command',
    actor: null,
    cause: { by: 'operator' },
  } as ContactEvent
}

describe('the projector', () => {
  it('INDEX-1: a start sets the tag and takes the waiting one', () => {
    expect(tagChanges('ann', eventOf('SequenceStarted', { ...run, campaignVersion: 1 }))).toEqual([
      { change: 'add', contactId: 'ann', tag: TAG },
      { change: 'remove', contactId: 'ann', tag: `${TAG}~waiting` },
    ])
  })

  it('KEY-4: an event of a run with a key changes the tag for that key', () => {
    const keyed = { ...run, key: 'cart 1' }
    expect(tagChanges('ann', eventOf('SequenceStarted', { ...keyed, campaignVersion: 1 }))).toEqual([
      { change: 'add', contactId: 'ann', tag: TAG, key: 'cart 1' },
      { change: 'remove', contactId: 'ann', tag: `${TAG}~waiting`, key: 'cart 1' },
    ])
    const events = ['cart 1', 'cart 2'].map((key) => eventOf('SequenceStarted', { ...run, key, campaignVersion: 1 }))
    const before = membershipsAfter('ann', events)
    expect(before).toEqual([
      { tag: TAG, key: 'cart 1' },
      { tag: TAG, key: 'cart 2' },
    ])
    const completed = eventOf('SequenceCompleted', { ...keyed, waiting: true, routes: [], saw: [] })
    expect(membershipsAfter('ann', [completed], before)).toEqual([
      { tag: TAG, key: 'cart 2' },
      { tag: `${TAG}~waiting`, key: 'cart 1' },
    ])
    expect(membershipsAfter('ann', [eventOf('ContactErased', {})], before)).toEqual([])
  })

  it('INDEX-1: a stop takes both', () => {
    expect(tagChanges('ann', eventOf('SequenceStopped', run))).toEqual([
      { change: 'remove', contactId: 'ann', tag: TAG },
      { change: 'remove', contactId: 'ann', tag: `${TAG}~waiting` },
    ])
  })

  it('INDEX-1: a completion that waits takes the tag and sets the waiting one', () => {
    const completed = eventOf('SequenceCompleted', { ...run, waiting: true, routes: [], saw: [] })
    expect(tagChanges('ann', completed)).toEqual([
      { change: 'remove', contactId: 'ann', tag: TAG },
      { change: 'add', contactId: 'ann', tag: `${TAG}~waiting` },
    ])
  })

  it('INDEX-1: a completion that waits for nothing leaves neither', () => {
    const completed = eventOf('SequenceCompleted', { ...run, waiting: false, routes: [], saw: [] })
    const index = createTagIndex()
    index.apply([{ change: 'add', contactId: 'ann', tag: TAG }])
    index.apply(tagChanges('ann', completed))
    expect(index.tagsOf('ann')).toEqual([])
  })

  it('ERASE-1: an erasure clears the contact', () => {
    expect(tagChanges('ann', eventOf('ContactErased', {}))).toEqual([{ change: 'clear', contactId: 'ann' }])
  })

  // A type that is left out here does not compile, so a new event must say what it does to the tags.
  type Silent = Exclude<
    ContactEventType,
    'SequenceStarted' | 'SequenceStopped' | 'SequenceCompleted' | 'RunUndone' | 'ContactErased'
  >
  const silent: { readonly [Type in Silent]: ContactEventData[Type] } = {
    SequencePaused: run,
    SequenceResumed: { ...run, shiftMs: 0 },
    SignalReceived: {
      signalId: 's',
      kind: 'purchased',
      occurredAt: '2026-03-01T09:00:00.000Z',
      automated: false,
      data: {},
      clipped: [],
      tests: [],
      unmet: [],
    },
    SignalsDropped: { count: 1, signalId: 's', unmet: [] },
    SignalRetracted: { signalId: 's', goals: [], results: [] },
    GoalSatisfied: {
      campaignId: 'a/b',
      goalId: 'g',
      campaignVersion: 1,
      signalId: 's',
      kind: 'purchased',
      occurredAt: '2026-03-01T09:00:00.000Z',
      pattern: 0,
      routes: [],
      saw: [],
    },
    StepDispatched: { ...attempt, idempotencyKey: 'key', timing: null },
    StepSent: attempt,
    StepFailed: { ...attempt, reason: 'refused', consequence: 'continue', retryAt: null },
    StepSkipped: { ...attempt, reason: 'draft', timing: null },
    StepResent: { ...step, resend: 1 },
    StepCancelled: step,
    StepRescheduled: { ...step, dueAt: null },
    RunShifted: { ...run, byMs: 1 },
    RunMoved: { ...run, from: null, to: 's', standsAt: null, wait: 'keep', again: [] },
    OrderUndone: { ...run, undoes: 'e', order: 'move' },
    ContactSuppressed: { until: null },
    ContactUnsuppressed: {},
  }

  it.each(Object.entries(silent))('INDEX-1: %s changes no tag', (type, data) => {
    expect(tagChanges('ann', eventOf(type as Silent, data as never))).toEqual([])
  })

  it('UNDO-2: an undone start takes both tags, or gives the waiting one of the run before back', () => {
    const started = eventOf('SequenceStarted', { ...run, campaignVersion: 1 })
    const after = (waiting: boolean) => {
      const index = createTagIndex()
      for (const event of [started, eventOf('RunUndone', { ...run, waiting })]) index.apply(tagChanges('ann', event))
      return index.tagsOf('ann')
    }
    expect(after(false)).toEqual([])
    expect(after(true)).toEqual([`${TAG}~waiting`])
  })

  it('UNDO-3: a run that goes on at its end has the waiting tag', () => {
    const index = createTagIndex()
    const data = { ...run, run: 2, campaignVersion: 1, continues: 1, standing: 'waiting' } as const
    index.apply(tagChanges('ann', eventOf('SequenceStarted', data)))
    expect(index.tagsOf('ann')).toEqual([`${TAG}~waiting`])
  })

  it('INDEX-1: a waiting run has the waiting tag, a new start the active tag, and an erasure none', () => {
    const index = createTagIndex()
    const events = [
      eventOf('SequenceStarted', { ...run, campaignVersion: 1 }),
      eventOf('SequenceCompleted', { ...run, waiting: true, routes: [], saw: [] }),
      eventOf('SequenceStarted', { ...run, run: 2, campaignVersion: 1 }),
      eventOf('ContactErased', {}),
    ]
    const seen = events.map((event) => {
      index.apply(tagChanges('ann', event))
      return index.tagsOf('ann')
    })
    expect(seen).toEqual([[TAG], [`${TAG}~waiting`], [TAG], []])
  })
})

// --- The index ------------------------------------------------------------------------------------------------------

const first: Page = { after: null, limit: 10_000 }
const add = (contactId: ContactId, tag: Tag): TagChange => ({ change: 'add', contactId, tag })
const remove = (contactId: ContactId, tag: Tag): TagChange => ({ change: 'remove', contactId, tag })
const clear = (contactId: ContactId): TagChange => ({ change: 'clear', contactId })

function given(...changes: readonly TagChange[]): MemoryTagIndex {
  const index = createTagIndex()
  index.apply(changes)
  return index
}

/** All pages, one after the other; throws if they lead back, so that a mistake does not make a test without an end. */
function allPages(pageAfter: (after: ContactId | null) => Members): ContactId[] {
  const contacts: ContactId[] = []
  const cursors = new Set<ContactId | null>()
  let next: ContactId | null = null
  do {
    if (cursors.has(next)) throw new Error(`The page after ${next} comes a second time.`)
    cursors.add(next)
    const page = pageAfter(next)
    contacts.push(...page.contacts)
    next = page.next
  } while (next !== null)
  return contacts
}

describe('the index', () => {
  it('INDEX-2: an empty index answers everything with nothing', () => {
    const index = createTagIndex()
    const nobody = { contacts: [], total: 0, next: null }
    expect(index.members('a/b', first)).toEqual(nobody)
    expect(index.search({}, first)).toEqual(nobody)
    expect(index.search({ any: ['a/b'] }, first)).toEqual(nobody)
    expect(index.count('a/b')).toBe(0)
    expect(index.tagsOf('ann')).toEqual([])
    expect(index.tags()).toEqual([])
    expect(index.contacts(null, 10)).toEqual([])
  })

  it('INDEX-2: pages are in a fixed order, carry the total, and say where the next one begins', () => {
    const index = given(...['cid', 'ann', 'bob', 'dan', 'eve'].map((contact) => add(contact, 'a/b')))
    expect(index.members('a/b', { after: null, limit: 2 })).toEqual({ contacts: ['cid', 'ann'], total: 5, next: 'ann' })
    expect(index.members('a/b', { after: 'ann', limit: 2 })).toEqual({
      contacts: ['bob', 'dan'],
      total: 5,
      next: 'dan',
    })
    expect(index.members('a/b', { after: 'dan', limit: 2 })).toEqual({ contacts: ['eve'], total: 5, next: null })
    expect(index.members('a/b', { after: 'eve', limit: 2 })).toEqual({ contacts: [], total: 5, next: null })
  })

  it('INDEX-2: a last page that is full has no next', () => {
    const index = given(add('ann', 'a/b'), add('bob', 'a/b'))
    expect(index.members('a/b', { after: null, limit: 2 }).next).toBeNull()
    expect(index.search({ any: ['a/b'] }, { after: null, limit: 2 }).next).toBeNull()
  })

  it('INDEX-2: paging goes on after a contact that has left meanwhile, also one that was erased', () => {
    const index = given(...['ann', 'bob', 'cid', 'dan'].map((contact) => add(contact, 'a/b')))
    index.apply([remove('bob', 'a/b')])
    expect(index.members('a/b', { after: 'bob', limit: 1 })).toEqual({ contacts: ['cid'], total: 3, next: 'cid' })
    index.apply([clear('cid')])
    expect(index.members('a/b', { after: 'cid', limit: 1 })).toEqual({ contacts: ['dan'], total: 2, next: null })
    expect(index.search({}, { after: 'cid', limit: 1 }).contacts).toEqual(['dan'])
    expect(index.contacts('cid', 1)).toEqual(['dan'])
  })

  it('INDEX-2: a contact that comes back has its old place, so a later page does not show it again', () => {
    const index = given(add('ann', 'a/b'), add('bob', 'a/b'), add('cid', 'a/b'))
    index.apply([remove('ann', 'a/b'), add('ann', 'a/b')])
    expect(index.members('a/b', first).contacts).toEqual(['ann', 'bob', 'cid'])
  })

  it('INDEX-2: all, any and none', () => {
    const index = given(
      add('ann', 'x/1'),
      add('ann', 'x/2'),
      add('bob', 'x/1'),
      add('bob', 'x/3'),
      add('cid', 'x/2'),
      add('dan', 'y/1'),
    )
    const found = (query: TagQuery) => index.search(query, first).contacts
    expect(found({ all: ['x/1', 'x/2'] })).toEqual(['ann'])
    expect(found({ any: ['x/2', 'x/3'] })).toEqual(['ann', 'bob', 'cid'])
    expect(found({ all: ['x/1'], any: ['x/2', 'y/1'] })).toEqual(['ann'])
    expect(found({ all: ['x/1'], none: ['x/3'] })).toEqual(['ann'])
    expect(found({ any: ['x/1', 'y/1'], none: ['x/2'] })).toEqual(['bob', 'dan'])
    expect(found({ all: ['x/1', 'x/1'] })).toEqual(['ann', 'bob'])
  })

  it('INDEX-2: a query without all and any finds every contact with a tag, but for none', () => {
    const index = given(add('ann', 'x/1'), add('bob', 'x/2'), add('cid', 'x/3'), remove('cid', 'x/3'))
    expect(index.search({}, first).contacts).toEqual(['ann', 'bob'])
    expect(index.search({ all: [], any: [], none: [] }, first).total).toBe(2)
    expect(index.search({ none: ['x/1'] }, first)).toEqual({ contacts: ['bob'], total: 1, next: null })
  })

  it('INDEX-2: a tag that nobody has empties all, adds nothing to any and takes nothing in none', () => {
    const index = given(add('ann', 'x/1'))
    expect(index.search({ all: ['x/1', 'x/9'] }, first).total).toBe(0)
    expect(index.search({ any: ['x/9'] }, first).total).toBe(0)
    expect(index.search({ any: ['x/1', 'x/9'] }, first).total).toBe(1)
    expect(index.search({ all: ['x/1'], none: ['x/9'] }, first).total).toBe(1)
  })

  it('INDEX-2: tags and the tags of a contact come in the order of their text', () => {
    const tags = ['b/x', 'a/x~waiting', 'a/x', 'B/x', 'a/\u{1F600}', 'a/\uFFFD']
    const index = given(...tags.map((tag) => add('ann', tag)))
    const sorted = ['B/x', 'a/x', 'a/x~waiting', 'a/\uFFFD', 'a/\u{1F600}', 'b/x']
    expect(index.tagsOf('ann')).toEqual(sorted)
    expect(index.tags()).toEqual(sorted)
  })

  it('INDEX-2: a change that was made already changes nothing', () => {
    const index = given(add('ann', 'x/1'), add('ann', 'x/1'), add('ann', 'x/2'), add('bob', 'x/1'))
    expect(index.count('x/1')).toBe(2)
    expect(index.tagsOf('ann')).toEqual(['x/1', 'x/2'])
    index.apply([remove('ann', 'x/1'), remove('ann', 'x/1')])
    expect(index.count('x/1')).toBe(1)
    expect(index.tagsOf('ann')).toEqual(['x/2'])
    index.apply([clear('ann'), clear('ann'), remove('ann', 'x/2')])
    expect(index.contacts(null, 10)).toEqual(['bob'])
  })

  it('INDEX-2: what is taken from a contact that is not known leaves no trace', () => {
    const index = given(remove('ann', 'x/1'), clear('bob'))
    expect(index.contacts(null, 10)).toEqual([])
    expect(index.tags()).toEqual([])
    expect(faultOf(() => index.contacts('ann', 10)).code).toBe('INVALID_INPUT')
  })

  it('ERASE-1: clear removes every tag of the contact and nothing of anyone else', () => {
    const index = given(add('ann', 'x/1'), add('ann', 'x/2'), add('ann', 'x/3~waiting'), add('bob', 'x/1'))
    index.apply([clear('ann')])
    expect(index.tagsOf('ann')).toEqual([])
    expect(index.members('x/1', first)).toEqual({ contacts: ['bob'], total: 1, next: null })
    expect(index.search({}, first).contacts).toEqual(['bob'])
    expect(index.search({ any: ['x/2', 'x/3~waiting'] }, first).total).toBe(0)
    expect(index.contacts(null, 10)).toEqual(['bob'])
    expect(index.tags()).toEqual(['x/1'])
    expect(index.tagsOf('bob')).toEqual(['x/1'])
  })

  it('LOG-6: contacts and sequences of any name are kept apart', () => {
    const index = createTagIndex()
    for (const [i, id] of HOSTILE.entries()) {
      index.apply([add(id, tagOf(id, id)), add(id, 'everyone')])
      expect(index.count('everyone')).toBe(i + 1)
    }
    for (const id of HOSTILE) {
      expect(index.members(tagOf(id, id), first)).toEqual({ contacts: [id], total: 1, next: null })
      expect(index.tagsOf(id)).toEqual([tagOf(id, id), 'everyone'].sort(compareIds))
    }
    expect(index.members('__proto__', first).total).toBe(0)
    expect(allPages((after) => index.members('everyone', { after, limit: 1 }))).toEqual(HOSTILE)
  })

  it.each([0, -1, 1.5, 10_001, Number.NaN, Number.POSITIVE_INFINITY, '5'])('INDEX-2: %s is no limit', (bad) => {
    const limit = bad as number
    const index = given(add('ann', 'x/1'))
    const fault = { code: 'INVALID_INPUT', details: { path: 'page.limit' } }
    expect(faultOf(() => index.members('x/1', { after: null, limit }))).toMatchObject(fault)
    expect(faultOf(() => index.members('x/9', { after: null, limit }))).toMatchObject(fault)
    expect(faultOf(() => index.search({}, { after: null, limit }))).toMatchObject(fault)
    expect(faultOf(() => index.contacts(null, limit))).toMatchObject({ ...fault, details: { path: 'limit' } })
  })

  it('INDEX-2: limits are 1 to 10,000', () => {
    const index = given(...Array.from({ length: 10_001 }, (_, i) => add(`contact-${i}`, 'x/1')))
    expect(index.members('x/1', { after: null, limit: 1 }).contacts).toHaveLength(1)
    expect(index.members('x/1', { after: null, limit: 10_000 })).toMatchObject({ total: 10_001, next: 'contact-9999' })
    expect(index.search({}, { after: null, limit: 10_000 }).contacts).toHaveLength(10_000)
    expect(index.contacts(null, 10_000)).toHaveLength(10_000)
  })

  it('INDEX-2: a page after a contact that never had a tag is refused, rather than started again or called the end', () => {
    const index = given(add('ann', 'x/1'))
    const fault = { code: 'INVALID_INPUT', details: { path: 'page.after', value: 'bob' } }
    expect(faultOf(() => index.members('x/1', { after: 'bob', limit: 1 }))).toMatchObject(fault)
    expect(faultOf(() => index.search({}, { after: 'bob', limit: 1 }))).toMatchObject(fault)
  })
})

// --- Against a naive model ------------------------------------------------------------------------------------------

/** The same answers from plain sets, found by asking every contact. */
function naiveIndex() {
  const held = new Map<ContactId, Map<Tag, Set<string>>>()
  const has = (contactId: ContactId, tag: Tag) => held.get(contactId)?.has(tag) ?? false
  const keysOf = (contactId: ContactId, tag: Tag) => [...(held.get(contactId)?.get(tag) ?? [])].sort(compareIds)
  return {
    apply(change: TagChange): void {
      const { change: kind, contactId } = change
      const mine = held.get(contactId) ?? new Map<Tag, Set<string>>()
      if (kind === 'clear') {
        mine.clear()
        return
      }
      const { tag, key = '' } = change
      const keys = mine.get(tag) ?? new Set()
      if (kind === 'add') held.set(contactId, mine.set(tag, keys.add(key)))
      else if (keys.delete(key) && keys.size === 0) mine.delete(tag)
    },
    find({ all = [], any = [], none = [] }: TagQuery): ContactId[] {
      return [...held.keys()].filter(
        (contactId) =>
          held.get(contactId)?.size !== 0 &&
          all.every((tag) => has(contactId, tag)) &&
          (any.length === 0 || any.some((tag) => has(contactId, tag))) &&
          !none.some((tag) => has(contactId, tag)),
      )
    },
    /** Each contact once for each key for which it has one of the tags. */
    members(...tags: readonly Tag[]): [ContactId, string][] {
      return [...held.keys()].flatMap((contactId) =>
        [...new Set(tags.flatMap((tag) => keysOf(contactId, tag)))]
          .sort(compareIds)
          .map((key): [ContactId, string] => [contactId, key]),
      )
    },
    membershipsOf: (contactId: ContactId) =>
      [...(held.get(contactId)?.keys() ?? [])]
        .sort(compareIds)
        .flatMap((tag) => keysOf(contactId, tag).map((key) => (key === '' ? { tag } : { tag, key }))),
    tagsOf: (contactId: ContactId): Tag[] => [...(held.get(contactId)?.keys() ?? [])].sort(compareIds),
    tags: (): Tag[] => [...new Set([...held.values()].flatMap((tags) => [...tags.keys()]))].sort(compareIds),
  }
}

const CONTACTS = ['ann', 'bob', '__proto__', 'a/b', '👩‍🚀', 'eve', 'fay']
const TAGS = ['x/1', 'x/1~waiting', 'x/2', 'constructor/3', 'y/b%7Ewaiting']
const anyContact = fc.constantFrom(...CONTACTS)
const anyTag = fc.constantFrom(...TAGS)
const changeOf = (change: 'add' | 'remove', keys: fc.Arbitrary<string>): fc.Arbitrary<TagChange> =>
  fc.record(
    { change: fc.constant(change), contactId: anyContact, tag: anyTag, key: keys },
    { requiredKeys: ['change', 'contactId', 'tag'] },
  )
const changesWith = (keys: fc.Arbitrary<string>): fc.Arbitrary<TagChange> =>
  fc.oneof(
    { weight: 5, arbitrary: changeOf('add', keys) },
    { weight: 3, arbitrary: changeOf('remove', keys) },
    { weight: 1, arbitrary: fc.record({ change: fc.constant('clear' as const), contactId: anyContact }) },
  )
const anyChange = changesWith(fc.constant(''))
const anyKeyedChange = changesWith(fc.constantFrom('', 'k', 'K', '__proto__'))
const someTags = fc.array(fc.constantFrom(...TAGS, 'nobody/has'), { maxLength: 3 })
const anyQuery: fc.Arbitrary<TagQuery> = fc.record(
  { all: someTags, any: someTags, none: someTags },
  { requiredKeys: [] },
)

describe('the index against a naive model', () => {
  it('INDEX-2: every answer is that of the model', () => {
    fc.assert(
      fc.property(
        fc.array(anyChange, { maxLength: 40 }),
        fc.array(anyQuery, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 4 }),
        (changes, queries, limit) => {
          const index = given(...changes)
          const model = naiveIndex()
          for (const change of changes) model.apply(change)

          for (const query of queries) {
            const expected = model.find(query)
            expect(index.search(query, first)).toEqual({ contacts: expected, total: expected.length, next: null })
            expect(allPages((after) => index.search(query, { after, limit }))).toEqual(expected)
          }
          expect(TAGS.map((tag) => index.members(tag, first).keys)).toEqual(TAGS.map(() => undefined))
          for (const tag of TAGS) {
            const expected = model.find({ all: [tag] })
            expect(index.count(tag)).toBe(expected.length)
            expect(index.members(tag, first)).toEqual({ contacts: expected, total: expected.length, next: null })
            expect(allPages((after) => index.members(tag, { after, limit }))).toEqual(expected)
          }
          for (const contactId of CONTACTS) expect(index.tagsOf(contactId)).toEqual(model.tagsOf(contactId))
          expect(index.tags()).toEqual(model.tags())
          expect(index.contacts(null, 100)).toEqual(model.find({}))
        },
      ),
      { numRuns: runs(300) },
    )
  })

  it('KEY-4: with keys, every answer is that of the model, and pages show each membership once', () => {
    const cursor = ({ next, nextKey }: Members) =>
      nextKey === undefined ? { after: next } : { after: next, afterKey: nextKey }
    const membersIn = ({ contacts, keys }: Members) => contacts.map((contactId, i) => [contactId, keys?.[i] ?? ''])
    fc.assert(
      fc.property(
        fc.array(anyKeyedChange, { maxLength: 40 }),
        anyQuery,
        fc.integer({ min: 1, max: 4 }),
        (changes, query, limit) => {
          const index = given(...changes)
          const model = naiveIndex()
          for (const change of changes) model.apply(change)

          expect(index.search(query, first)).toMatchObject({
            contacts: model.find(query),
            total: model.find(query).length,
          })
          for (const tags of [...TAGS.map((tag) => [tag]), ['x/1', 'x/1~waiting']]) {
            const expected = model.members(...tags)
            const total = tags.reduce((sum, tag) => sum + model.members(tag).length, 0)
            expect([membersIn(index.members(tags, first)), index.members(tags, first).total]).toEqual([expected, total])
            const pages = [index.members(tags, { after: null, limit })]
            for (let last = pages[0]; last !== undefined && last.next !== null; last = pages.at(-1))
              pages.push(index.members(tags, { ...cursor(last), limit }))
            expect(pages.flatMap(membersIn)).toEqual(expected)
            expect(pages).toHaveLength(Math.max(1, Math.ceil(expected.length / limit)))
          }
          for (const tag of TAGS) expect(index.count(tag)).toBe(model.members(tag).length)
          for (const contactId of CONTACTS) {
            expect(index.tagsOf(contactId)).toEqual(model.tagsOf(contactId))
            expect(index.membershipsOf(contactId)).toEqual(model.membershipsOf(contactId))
          }
          expect(index.contacts(null, 100)).toEqual(model.find({}))
        },
      ),
      { numRuns: runs(300) },
    )
  })

  it('INDEX-2: while others join, leave and come back, paging shows each contact that stays once, and nobody twice', () => {
    fc.assert(
      fc.property(
        fc.array(anyContact, { minLength: 1, maxLength: 7 }),
        fc.array(fc.array(anyChange, { maxLength: 6 }), { minLength: 8, maxLength: 8 }),
        fc.integer({ min: 1, max: 2 }),
        fc.boolean(),
        (members, meanwhile, limit, searching) => {
          const index = given(...members.map((contact) => add(contact, 'x/1')))
          let staying = new Set(members)
          let turn = 0
          const shown = allPages((after) => {
            const page = { after, limit }
            const answer = searching ? index.search({ all: ['x/1'] }, page) : index.members('x/1', page)
            // One change at a time: a contact that leaves for a moment only has not stayed.
            for (const change of meanwhile[turn++] ?? []) {
              index.apply([change])
              staying = staying.intersection(new Set(index.members('x/1', first).contacts))
            }
            return answer
          })
          expect(shown).toHaveLength(new Set(shown).size)
          expect(staying.isSubsetOf(new Set(shown))).toBe(true)
        },
      ),
      { numRuns: runs(300) },
    )
  })
})

describe('an index of many contacts', () => {
  // More than one block of 65,536, with tags that have none, few, 4,096 (the most that are kept as offsets), one more
  // and all of a block; and contacts on both sides of each border.
  const COUNT = 70_000
  const contact = (slot: number): ContactId => `contact-${slot}`
  const BORDERS = new Set([0, 31, 32, 65_535, 65_536, 65_567, 65_568, COUNT - 1])
  const rules: Readonly<Record<Tag, (slot: number) => boolean>> = {
    'n/everyone': () => true,
    'n/third': (slot) => slot % 3 === 0,
    'n/rare': (slot) => slot % 1_000 === 7,
    'n/border': (slot) => BORDERS.has(slot),
    'n/offsets': (slot) => slot < 65_536 && slot % 16 === 5,
    'n/over': (slot) => (slot < 65_536 && slot % 16 === 5) || slot === 65_535,
    'n/late': (slot) => slot >= 65_536,
  }

  function slotsOf(query: TagQuery, having: typeof rules): number[] {
    const { all = [], any = [], none = [] } = query
    const slots: number[] = []
    for (let slot = 0; slot < COUNT; slot++) {
      const has = (tag: Tag) => having[tag]?.(slot) ?? false
      if (all.every(has) && (any.length === 0 || any.some(has)) && !none.some(has)) slots.push(slot)
    }
    return slots
  }

  // `toEqual` takes seconds for lists of this length.
  function firstDifference(actual: readonly ContactId[], expected: readonly ContactId[]): unknown {
    const at = [...expected, ''].findIndex((contactId, i) => (actual[i] ?? '') !== contactId)
    return at < 0 ? null : { at, actual: actual[at], expected: expected[at] }
  }

  function expectAnswers(index: MemoryTagIndex, having: typeof rules): void {
    for (const tag of Object.keys(having)) {
      const expected = slotsOf({ all: [tag] }, having).map(contact)
      expect(index.count(tag)).toBe(expected.length)
      const pages = allPages((after) => index.members(tag, { after, limit: 9_999 }))
      expect(firstDifference(pages, expected)).toBeNull()
    }
    const queries: readonly TagQuery[] = [
      { all: ['n/third', 'n/over'] },
      { all: ['n/offsets', 'n/third', 'n/everyone'] },
      { all: ['n/border'], none: ['n/late', 'n/over'] },
      { any: ['n/rare', 'n/offsets', 'n/border'] },
      { any: ['n/third', 'n/late'], none: ['n/rare', 'n/over'] },
      { all: ['n/late'], any: ['n/third', 'n/border'] },
    ]
    for (const query of queries) {
      const expected = slotsOf(query, having).map(contact)
      const pages = allPages((after) => {
        const page = index.search(query, { after, limit: 10_000 })
        expect(page.total).toBe(expected.length)
        return page
      })
      // The total is that of all pages also if a page begins after a whole block.
      expect(index.search(query, { after: contact(COUNT - 1), limit: 1 }).total).toBe(expected.length)
      expect(firstDifference(pages, expected)).toBeNull()
    }
  }

  it('INDEX-2: answers do not depend on how many contacts have a tag, nor on their order', () => {
    const index = createTagIndex()
    // Slots are given out here; the tags then come in another order: 99,991 is prime, so it reaches every slot once.
    for (let slot = 0; slot < COUNT; slot++) index.apply([add(contact(slot), 'n/everyone')])
    for (let i = 0, slot = 0; i < COUNT; i++, slot = (slot + 99_991) % COUNT) {
      for (const [tag, holds] of Object.entries(rules)) if (holds(slot)) index.apply([add(contact(slot), tag)])
    }
    expectAnswers(index, rules)

    // When all but a few have left, when those have joined again, and when all have left.
    const few = (slot: number) => slot % 50 === 1
    const left = { ...rules, 'n/third': few, 'n/over': few, 'n/everyone': (slot: number) => slot % 2 === 0 }
    for (const tag of ['n/third', 'n/over', 'n/everyone'] as const) {
      for (let slot = 0; slot < COUNT; slot++) {
        const change = left[tag](slot) ? add : remove
        index.apply([change(contact(slot), tag)])
      }
    }
    expectAnswers(index, left)
    for (const tag of ['n/third', 'n/over', 'n/everyone'] as const) {
      for (let slot = COUNT - 1; slot >= 0; slot--) {
        const change = rules[tag]?.(slot) ? add : remove
        index.apply([change(contact(slot), tag)])
      }
    }
    expectAnswers(index, rules)
    for (let slot = 0; slot < COUNT; slot++) index.apply([clear(contact(slot))])
    expect(index.search({}, first)).toEqual({ contacts: [], total: 0, next: null })
    expect(index.tags()).toEqual([])
  })
})
