/** The promises of `ReadModel`, and of log and read model together, each as a test. Run by `store-battery.ts`. */
import {
  type AgendaEntry,
  type Claim,
  type ContactId,
  compareIds,
  contactStream,
  createTagIndex,
  type Derived,
  type Instant,
  instantOf,
  type Lane,
  type Members,
  markOf,
  type OtherLane,
  type Page,
  type Store,
  type Tag,
  type TagChange,
  type TagQuery,
  tagOf,
  type Version,
} from '@enfold/core'
import { expect } from 'vitest'
import { allPages, bothOf, expectFault, type Given, type Promises, upTo } from './promises.ts'
import { HOSTILE_IDS, sampleStart } from './sample-events.ts'

/** The k-th minute of a morning. */
const at = (minute: number): Instant => instantOf(Date.UTC(2026, 2, 1, 9, minute))
const MINUTE_MS = 60_000
const [red, green, blue]: readonly [Tag, Tag, Tag] = ['demo/red', 'demo/green', 'demo/blue']

export const readModelPromises = {
  'INDEX-2: what an append derives is visible to every later call': async (given) => {
    const { store } = given
    skipUnlessProjecting(given)
    await store.append(
      contactStream('ann'),
      [sampleStart('ann', 1)],
      'no-stream',
      derived([add('ann', red), add('ann', blue)], at(5)),
    )
    expect(await store.members(red, page(10))).toEqual({ contacts: ['ann'], total: 1, next: null })
    expect(await store.members(green, page(10))).toEqual({ contacts: [], total: 0, next: null })
    expect(await store.count(red)).toBe(1)
    expect(await store.count(green)).toBe(0)
    expect(await store.tagsOf('ann')).toEqual([blue, red])
    expect(await store.tagsOf('bob')).toEqual([])
    expect(await store.search({ all: [red, blue], none: [green] }, page(10))).toMatchObject({ contacts: ['ann'] })
    expect(await store.nextWake()).toBe(at(5))
    expect(await store.agenda(at(5), 10)).toEqual([{ contactId: 'ann', wakeAt: at(5), leaseUntil: null, kind: '' }])
  },

  'INDEX-2: appendMany derives for each append that was written': async (given) => {
    const { store } = given
    skipUnlessProjecting(given)
    await store.append(contactStream('c0'), [sampleStart('c0', 1)], 'no-stream')
    await store.appendMany(
      upTo(100).map((i) => ({
        stream: contactStream(`c${i}`),
        events: [sampleStart(`c${i}`, 2)],
        expected: 'no-stream' as const,
        derived: derived([add(`c${i}`, red)], at(i)),
      })),
    )
    expect(await store.count(red)).toBe(99)
    expect(await store.tagsOf('c0')).toEqual([])
    expect(await store.agenda(at(100), 1000)).toHaveLength(99)
  },

  'an append that conflicts, fails or is a repeat changes nothing of the read model': async (given) => {
    const { store } = given
    skipUnlessProjecting(given)
    const stream = contactStream('ann')
    await store.append(stream, [sampleStart('ann', 1)], 'no-stream', derived([add('ann', red)], at(5)))
    const other = derived([remove('ann', red), add('ann', green)], at(1))
    expect(await store.append(stream, [sampleStart('ann', 2)], 'no-stream', other)).toMatchObject({ actual: 1 })
    expect(await store.append(stream, [sampleStart('ann', 1)], 1, other)).toMatchObject({ repeated: true })
    await expectFault('EVENT_ID_REUSED', () =>
      store.append(stream, [sampleStart('ann', 2), sampleStart('ann', 1)], 1, other),
    )
    await expectFault('EVENT_ID_REUSED', () =>
      store.appendMany([
        { stream, events: [sampleStart('ann', 2)], expected: 1, derived: other },
        { stream, events: [sampleStart('ann', 3), sampleStart('ann', 1)], expected: 2 },
      ]),
    )
    expect(await store.tagsOf('ann')).toEqual([red])
    expect(await store.count(green)).toBe(0)
    expect(await store.nextWake()).toBe(at(5))
  },

  'an append that derives nothing leaves the read model as it was': async (given) => {
    const { store } = given
    skipUnlessProjecting(given)
    const stream = contactStream('ann')
    await store.append(stream, [sampleStart('ann', 1)], 'no-stream', derived([add('ann', red)], at(5)))
    await store.append(stream, [sampleStart('ann', 2)], 1)
    expect(await store.tagsOf('ann')).toEqual([red])
    expect(await store.nextWake()).toBe(at(5))
  },

  'INDEX-1: tags come, go and are cleared, in the order of the changes': async (given) => {
    const { store } = given
    const write = writer(given)
    await write('ann', [add('ann', red), add('ann', green), remove('ann', red), add('ann', blue)], null)
    await write('bob', [add('bob', red), add('bob', blue)], null)
    expect(await store.tagsOf('ann')).toEqual([blue, green])
    await write('ann', [clear('ann'), add('ann', red)], null)
    expect(await store.tagsOf('ann')).toEqual([red])
    expect(await store.tagsOf('bob')).toEqual([blue, red])
    expect(await countsOf(store)).toEqual([2, 0, 1])
    expect((await store.members(red, page(10))).contacts.toSorted()).toEqual(['ann', 'bob'])
  },

  'INDEX-2: a change that was made already counts nothing': async (given) => {
    const { store } = given
    const write = writer(given)
    await write('ann', [add('ann', red), add('ann', red)], null)
    await write('ann', [add('ann', red), remove('ann', green)], null)
    expect(await countsOf(store)).toEqual([1, 0, 0])
    await write('ann', [remove('ann', red), remove('ann', red), clear('ann')], null)
    expect(await countsOf(store)).toEqual([0, 0, 0])
    expect(await store.members(red, page(10))).toEqual({ contacts: [], total: 0, next: null })
  },

  'INDEX-2: pages give every member once, in an order that stays': async (given) => {
    const { store } = given
    const ids = await thirty(given)
    const whole = (await store.members(red, page(1000))).contacts
    expect(whole.toSorted()).toEqual(ids.toSorted())
    for (const limit of [1, 7, 29, 30, 31]) {
      const pages = await pagesOf((one) => store.members(red, one), limit)
      expect(pages.flatMap(({ contacts }) => contacts)).toEqual(whole)
      expect(pages).toHaveLength(Math.ceil(30 / limit))
      for (const { total, next, contacts } of pages) {
        expect(total).toBe(30)
        if (next !== null) expect(next).toBe(contacts.at(-1))
      }
    }
  },

  'INDEX-2: a contact that comes and goes between pages moves no other': async (given) => {
    const { store } = given
    await thirty(given)
    const write = writer(given, 100)
    const whole = (await store.members(red, page(1000))).contacts
    const first = await store.members(red, page(10))
    const last = first.next as ContactId
    await write(last, [clear(last)], null)
    const gone = whole[3] as ContactId
    await write(gone, [remove(gone, red)], null)
    const rest = await store.members(red, { after: last, limit: 1000 })
    expect(rest).toEqual({ contacts: whole.slice(10), total: 28, next: null })
    const searched = await store.search({ all: [red] }, { after: last, limit: 1000 })
    expect(searched).toEqual(rest)
  },

  'INDEX-2: a search combines all, any and none, counted and in pages': async (given) => {
    const { store } = given
    const tags: readonly Tag[] = [red, green, blue]
    const held = new Map<ContactId, readonly Tag[]>()
    const write = writer(given)
    // Every set of the three tags three times over.
    for (const i of upTo(24)) {
      const mine = tags.filter((_, bit) => ((i % 8) >> bit) & 1)
      held.set(`c${i}`, mine)
      await write(`c${i}`, [add(`c${i}`, 'demo/other'), ...mine.map((tag) => add(`c${i}`, tag))], null)
    }
    const sets = upTo(8).map((i) => [...tags, 'demo/nobody'].filter((_, bit) => ((2 * i) >> bit) & 1))
    const queries: TagQuery[] = sets.flatMap((all) => sets.flatMap((any) => sets.map((none) => ({ all, any, none }))))
    queries.push({}, { all: [red, red] }, { any: [red, red, green] }, { all: [red], none: [red] })
    for (const query of queries) {
      const { all = [], any = [], none = [] } = query
      const wanted = [...held]
        .filter(
          ([, mine]) =>
            all.every((tag) => mine.includes(tag)) &&
            (any.length === 0 || any.some((tag) => mine.includes(tag))) &&
            !none.some((tag) => mine.includes(tag)),
        )
        .map(([contactId]) => contactId)
      const pages = await pagesOf((one) => store.search(query, one), 4)
      const found = pages.flatMap(({ contacts }) => contacts)
      expect([query, found.toSorted()]).toEqual([query, wanted.toSorted()])
      expect(pages.map(({ total }) => total)).toEqual(pages.map(() => wanted.length))
    }
  },

  'INDEX-2: a search without conditions finds every contact that has a tag': async (given) => {
    const { store } = given
    const write = writer(given)
    await write('ann', [add('ann', red)], null)
    await write('bob', [add('bob', red), remove('bob', red)], at(1))
    expect(await store.search({}, page(10))).toEqual({ contacts: ['ann'], total: 1, next: null })
    expect(await store.search({ none: [red] }, page(10))).toEqual({ contacts: [], total: 0, next: null })
  },

  'INDEX-5: marks are kept like tags, and make nobody a member of anything': async (given) => {
    const { store } = given
    const write = writer(given)
    const [held, ofDemo] = [markOf('held'), markOf('held', 'demo')]
    await write('ann', [add('ann', held), add('ann', ofDemo)], null)
    await write('bob', [add('bob', red), add('bob', held)], null)
    await write('cid', [add('cid', red)], null)
    expect((await store.members(held, page(10))).contacts.toSorted()).toEqual(['ann', 'bob'])
    expect([await store.count(held), await store.count(ofDemo)]).toEqual([2, 1])
    expect((await store.search({ any: [held, ofDemo] }, page(10))).total).toBe(2)
    expect(await store.tagsOf('bob')).toEqual([red, held])
    const anybody = await store.search({}, page(10))
    expect([anybody.contacts.toSorted(), anybody.total]).toEqual([['bob', 'cid'], 2])
    const without = await store.search({ none: [blue] }, page(10))
    expect([without.contacts.toSorted(), without.total]).toEqual([['bob', 'cid'], 2])
    // A contact with a mark has rows, which a rebuild must find.
    expect((await store.indexed(null, 10)).toSorted()).toEqual(['ann', 'bob', 'cid'])
    await write('bob', [remove('bob', red)], null)
    await write('ann', [remove('ann', held), remove('ann', ofDemo)], null)
    expect(await store.search({}, page(10))).toEqual({ contacts: ['cid'], total: 1, next: null })
    expect((await store.indexed(null, 10)).toSorted()).toEqual(['bob', 'cid'])
    await write('bob', [clear('bob')], null)
    expect([await store.count(held), await store.tagsOf('bob')]).toEqual([0, []])
  },

  'KEY-4: a contact has a tag while it has it for any key, and is a member once for each': async (given) => {
    const { store } = given
    const write = writer(given)
    await write('ann', [add('ann', red, 'cart 2'), add('ann', red, 'cart 1'), add('ann', blue)], null)
    await write('bob', [add('bob', red)], null)
    expect(await shown(store, red)).toEqual(['ann cart 1', 'ann cart 2', 'bob '])
    expect(await store.membershipsOf('ann')).toEqual([
      { tag: blue },
      { tag: red, key: 'cart 1' },
      { tag: red, key: 'cart 2' },
    ])
    expect(await countsOf(store)).toEqual([3, 0, 1])
    // Everything else is about contacts.
    expect(await store.tagsOf('ann')).toEqual([blue, red])
    expect((await store.search({ all: [red] }, page(10))).total).toBe(2)
    expect((await store.search({ any: [red, blue], none: [green] }, page(10))).contacts.toSorted()).toEqual([
      'ann',
      'bob',
    ])
    expect((await store.indexed(null, 10)).toSorted()).toEqual(['ann', 'bob'])

    await write('ann', [remove('ann', red, 'cart 1'), remove('ann', red, 'cart 9'), remove('ann', red)], null)
    expect(await shown(store, red)).toEqual(['ann cart 2', 'bob '])
    // Without a key, too, for instance of a version that had none.
    await write('ann', [add('ann', red)], null)
    expect(await shown(store, red)).toEqual(['ann ', 'ann cart 2', 'bob '])
    await write('ann', [remove('ann', red, 'cart 2')], null)
    expect([await shown(store, red), await countsOf(store)]).toEqual([
      ['ann ', 'bob '],
      [2, 0, 1],
    ])
    await write('ann', [remove('ann', red)], null)
    expect(await store.tagsOf('ann')).toEqual([blue])
    expect((await store.search({ all: [red] }, page(10))).contacts).toEqual(['bob'])
  },

  'KEY-4: pages of members go by contact and key, however many keys a contact has': async (given) => {
    const { store } = given
    const write = writer(given)
    const keys = upTo(7).map((i) => `k${i}`)
    await write('ann', [...keys.map((key) => add('ann', red, key)), add('ann', green, 'waits')], null)
    await write('bob', [add('bob', red)], null)
    await write('cid', [add('cid', red), add('cid', red, ''), add('cid', red, 'k0')], null)
    const whole = await store.members(red, page(100))
    expect([whole.contacts.length, whole.total, whole.next]).toEqual([10, 10, null])
    const both = await store.members([red, green], page(100))
    expect([both.total, both.keys?.toSorted()]).toEqual([11, ['', '', ...['k0', ...keys].toSorted(), 'waits']])
    for (const limit of [1, 2, 3, 7, 9, 10, 11]) {
      const pages = await pagesOf((one) => store.members(red, one), limit)
      expect(pages.map(({ total }) => total)).toEqual(pages.map(() => 10))
      expect(pages).toHaveLength(Math.ceil(10 / limit))
      expect(pages.flatMap(membersIn)).toEqual(membersIn(whole))
      const ofBoth = await pagesOf((one) => store.members([red, green], one), limit)
      expect(ofBoth.flatMap(membersIn)).toEqual(membersIn(both))
    }
    // What came and went while one pages moves nobody else; a contact alone as a cursor means all of its keys.
    const at = { after: 'ann', afterKey: 'k2', limit: 2 }
    await write('ann', [remove('ann', red, 'k2'), remove('ann', red, 'k3')], null)
    expect(membersIn(await store.members(red, at))).toEqual(['ann k4', 'ann k5'])
    expect((await store.members(red, { after: 'ann', limit: 100 })).contacts).not.toContain('ann')
    await write('ann', [clear('ann')], null)
    expect(membersIn(await store.members(red, at))).not.toContain('ann k4')
    expect(await shown(store, red)).toEqual(['bob ', 'cid ', 'cid k0'])
    expect(await store.count(green)).toBe(0)
  },

  'KEY-4: whatever the changes and their batches, memberships are those of the index in memory': async ({ store }) => {
    const model = createTagIndex()
    const contacts = ['ann', 'bob', 'cid']
    let seed = 7
    const below = (n: number) => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % n
    }
    const anyOf = <T>(all: readonly T[]) => all[below(all.length)] as T
    for (let version = 1; version <= 60; version++) {
      const some = version % 2 === 0 ? contacts : [anyOf(contacts)]
      const changes = some.map((contactId) => {
        const tags = upTo(below(4)).map((): TagChange => {
          const key = anyOf(['', '', 'k1', 'k2'])
          return below(12) === 0 ? clear(contactId) : anyOf([add, add, remove])(contactId, anyOf([red, green]), key)
        })
        model.apply(tags)
        return { contactId, version, derived: derived(tags, null) }
      })
      await store.apply(changes, version)
      for (const contactId of contacts)
        expect([version, await store.membershipsOf(contactId)]).toEqual([version, model.membershipsOf(contactId)])
      for (const tag of [red, green]) {
        const [found, expected] = [await store.members(tag, page(100)), model.members(tag, page(100))]
        expect([version, membersIn(found).toSorted()]).toEqual([version, membersIn(expected).toSorted()])
        expect([version, found.total, await store.count(tag)]).toEqual([version, expected.total, expected.total])
        const query = { all: [tag] }
        expect((await store.search(query, page(100))).total).toBe(model.search(query, page(100)).total)
      }
    }
  },

  'KEY-4: restore sets keys as well, and takes those that were too many': async (given) => {
    const { store } = given
    skipUnlessProjecting(given)
    await writer(given)('ann', [add('ann', red, 'old'), add('ann', green)], null)
    const keyed = ['new', '__proto__'].map((key) => ({ tag: red, key }))
    const row = { contactId: 'ann', version: 1, tags: [blue, red], wakeAt: null }
    expect(await store.restore({ ...row, keyed })).toBe(true)
    expect(await store.membershipsOf('ann')).toEqual([
      { tag: blue },
      { tag: red },
      { tag: red, key: '__proto__' },
      { tag: red, key: 'new' },
    ])
    expect(await countsOf(store)).toEqual([3, 0, 1])
    expect(await store.restore(row)).toBe(true)
    expect([await store.membershipsOf('ann'), await countsOf(store)]).toEqual([
      [{ tag: blue }, { tag: red }],
      [1, 0, 1],
    ])
  },

  'LOG-6: any text is a key': async (given) => {
    const { store } = given
    await writer(given)(
      'ann',
      HOSTILE_IDS.map((key) => add('ann', red, key)),
      null,
    )
    const keys = [...HOSTILE_IDS].sort(compareIds)
    expect((await store.membershipsOf('ann')).map(({ key }) => key)).toEqual(keys)
    const pages = await pagesOf((one) => store.members(red, one), 3)
    expect(pages.flatMap((one) => one.keys ?? [])).toEqual(keys)
  },

  'a page has 1 to 10,000 contacts': async ({ store }) => {
    for (const limit of [0, -1, 1.5, 10_001, Number.NaN]) {
      await expectFault('INVALID_INPUT', () => store.members(red, page(limit)))
      await expectFault('INVALID_INPUT', () => store.search({ all: [red] }, page(limit)))
      await expectFault('INVALID_INPUT', () => store.indexed(null, limit))
    }
    expect(await store.members(red, page(10_000))).toEqual({ contacts: [], total: 0, next: null })
  },

  'indexed() gives each contact that has a tag once, in pages': async (given) => {
    const { store } = given
    const ids = await thirty(given)
    const write = writer(given, 100)
    await write('c4', [add('c4', green)], null)
    await write('c7', [clear('c7')], null)
    await write('due only', [], at(1))
    for (const limit of [1, 10, 29, 1000]) {
      const found = await allPages(null, async (after: ContactId | null) => {
        const contacts = await store.indexed(after, limit)
        expect(contacts.length).toBeLessThanOrEqual(limit)
        return { items: contacts, next: contacts.at(-1) ?? null }
      })
      expect(found.toSorted()).toEqual(ids.filter((id) => id !== 'c7').toSorted())
    }
  },

  'claimDue gives what is due, the oldest first, at most the limit': async (given) => {
    const { store } = given
    const write = writer(given)
    for (const minute of [3, 1, 4, 2, 9]) await write(`c${minute}`, [], at(minute))
    await write('never', [], null)
    expect(await store.claimDue(at(0), 'w', 10, MINUTE_MS)).toEqual([])
    // Due at the very instant is due.
    const first = await store.claimDue(at(4), 'w', 3, MINUTE_MS)
    expect(first).toEqual([1, 2, 3].map((minute) => claimOf(`c${minute}`, at(minute), at(5))))
    expect(idsOf(await store.claimDue(at(4), 'w', 3, MINUTE_MS))).toEqual(['c4'])
    expect(await store.claimDue(at(4), 'w', 3, MINUTE_MS)).toEqual([])
    for (const limit of [0, -1, 1.5]) await expectFault('INVALID_INPUT', () => store.claimDue(at(9), 'w', limit, 1))
  },

  'claimDue takes at most maxPerKind of each kind, and one kind holds up no other': async (given) => {
    const { store } = given
    const write = writer(given)
    for (const i of upTo(5)) await write(`mail ${i}`, [], at(i), { kind: 'email', campaignId: 'a' })
    for (const i of upTo(5)) await write(`text ${i}`, [], at(10 + i), { kind: 'sms', campaignId: 'a' })
    const maxPerKind = new Map([
      ['email', 2],
      ['task', 0],
    ])
    const claims = await store.claimDue(at(20), 'w', 10, MINUTE_MS, maxPerKind)
    expect(idsOf(claims)).toEqual(['mail 0', 'mail 1', 'text 0', 'text 1', 'text 2', 'text 3', 'text 4'])
    expect(claims.map(({ kind }) => kind)).toEqual([...Array(2).fill('email'), ...Array(5).fill('sms')])
    expect(await store.claimDue(at(20), 'w', 10, MINUTE_MS, new Map([['email', 0]]))).toEqual([])
    expect(idsOf(await store.claimDue(at(20), 'w', 10, MINUTE_MS, new Map()))).toEqual(['mail 2', 'mail 3', 'mail 4'])
  },

  'claimDue lets campaigns take turns where not all can be had': async (given) => {
    const { store } = given
    const write = writer(given)
    for (const i of upTo(20)) await write(`great ${i}`, [], at(i), { kind: 'email', campaignId: 'great' })
    for (const i of upTo(3)) await write(`small ${i}`, [], at(30 + i), { kind: 'email', campaignId: 'small' })
    for (const [limit, maxPerKind] of [[4] as const, [10, new Map([['email', 4]])] as const]) {
      const claims = await store.claimDue(at(40), 'w', limit, MINUTE_MS, maxPerKind)
      expect(idsOf(claims)).toEqual(['great 0', 'great 1', 'small 0', 'small 1'])
      await store.release(claims)
    }
  },

  'KIND-1: a contact whose first lane may not be claimed is claimed for the first other lane that is due': async (
    given,
  ) => {
    const { store } = given
    const write = writer(given)
    const sms = { kind: 'sms', campaignId: 'a' }
    const others = [
      { kind: 'fax', campaignId: 'a', wakeAt: at(2) },
      { kind: 'email', campaignId: 'b', wakeAt: at(5) },
    ]
    await write('ann', [], at(1), sms, others)
    await write('bob', [], at(3), { kind: 'email', campaignId: 'a' })
    await write('cid', [], at(1), sms)
    const noSms = new Map([
      ['sms', 0],
      ['fax', 0],
    ])
    expect(await store.nextWake(noSms)).toBe(at(3))
    expect(idsOf(await store.claimDue(at(4), 'w', 10, MINUTE_MS, noSms))).toEqual(['bob'])
    expect(await store.nextWake(noSms)).toBe(at(5))
    // Of the kind that it is claimed for; and while it is held nobody else gets it, for any of its lanes.
    const claims = await store.claimDue(at(5), 'w', 10, 2 * MINUTE_MS, noSms)
    expect(claims).toMatchObject(
      [{ contactId: 'bob' }, { contactId: 'ann', kind: 'email', wakeAt: at(1) }].toReversed(),
    )
    expect(idsOf(await store.claimDue(at(5), 'w2', 10, MINUTE_MS))).toEqual(['cid'])
    expect(await store.nextWake(noSms)).toBe(at(7))
    await store.release(claims)
    expect(await store.claimDue(at(5), 'w2', 10, MINUTE_MS, new Map([...noSms, ['email', 1]]))).toHaveLength(1)
    // What is done leaves no lane of it, and the next row counts alone.
    await write('ann', [], at(1), sms)
    await write('bob', [], null)
    expect(await store.claimDue(at(30), 'w3', 10, MINUTE_MS, noSms)).toEqual([])
    expect(await store.nextWake(noSms)).toBeNull()
  },

  'KIND-1: contacts that are due for another lane take their turn with the others': async (given) => {
    const { store } = given
    const write = writer(given)
    for (const i of upTo(6)) await write(`mail ${i}`, [], at(i), { kind: 'email', campaignId: 'a' })
    const others = [{ kind: 'email', campaignId: 'a', wakeAt: at(1) }]
    for (const i of upTo(6)) await write(`both ${i}`, [], at(0), { kind: 'sms', campaignId: 'a' }, others)
    const got: string[] = []
    for (let round = 0; round < 12; round++)
      got.push(...idsOf(await store.claimDue(at(20), 'w', 2, MINUTE_MS, new Map([['sms', 0]]))))
    expect(new Set(got).size).toBe(12)
  },

  'KIND-1: the backlog counts the contacts that are due for a kind first, leases or not': async (given) => {
    const { store } = given
    const write = writer(given)
    for (const i of upTo(3)) await write(`text ${i}`, [], at(i + 1), { kind: 'sms', campaignId: i === 0 ? 'a' : 'b' })
    await write('later', [], at(30), { kind: 'sms', campaignId: 'a' })
    await write('mail', [], at(0), { kind: 'email', campaignId: 'a' })
    await store.claimDue(at(1), 'w', 1, 60 * MINUTE_MS, new Map([['email', 0]]))
    expect(await store.backlog(['sms', 'fax'], at(10))).toEqual([{ kind: 'sms', contacts: 3, since: at(1) }])
    expect(await store.backlog(['sms'], at(0))).toEqual([])
    expect(await store.backlog([], at(10))).toEqual([])
  },

  'a contact that moves to another lane is claimed from that one alone': async (given) => {
    const { store } = given
    const write = writer(given)
    await write('ann', [], at(0), { kind: 'email', campaignId: 'a' })
    await write('ann', [], at(1), { kind: 'sms', campaignId: '' })
    expect(await store.agenda(at(9), 10)).toMatchObject([{ contactId: 'ann', wakeAt: at(1), kind: 'sms' }])
    expect(await store.nextWake()).toBe(at(1))
    expect(await store.claimDue(at(0), 'w', 10, MINUTE_MS)).toEqual([])
    expect(await store.claimDue(at(1), 'w', 10, MINUTE_MS, new Map([['sms', 0]]))).toEqual([])
    expect(await store.claimDue(at(1), 'w', 10, MINUTE_MS)).toMatchObject([{ contactId: 'ann', kind: 'sms' }])
  },

  'a claimed contact is given to nobody else until its lease has run out': async (given) => {
    const { store } = given
    await writer(given)('ann', [], at(0))
    expect(idsOf(await store.claimDue(at(0), 'w1', 10, 10 * MINUTE_MS))).toEqual(['ann'])
    for (const worker of ['w1', 'w2']) expect(await store.claimDue(at(9), worker, 10, MINUTE_MS)).toEqual([])
    expect(await store.agenda(at(9), 10)).toEqual([{ contactId: 'ann', wakeAt: at(0), leaseUntil: at(10), kind: '' }])
    expect(await store.claimDue(at(10), 'w2', 10, MINUTE_MS)).toEqual([
      { contactId: 'ann', worker: 'w2', wakeAt: at(0), leaseUntil: at(11), kind: '' },
    ])
  },

  'contacts that lost their worker come by wake instant among the others': async (given) => {
    const { store } = given
    const write = writer(given)
    await write('old', [], at(0))
    expect(idsOf(await store.claimDue(at(1), 'dead', 10, 10 * MINUTE_MS))).toEqual(['old'])
    await write('older', [], at(-1))
    await write('young', [], at(5))
    expect(idsOf(await store.claimDue(at(20), 'w', 10, MINUTE_MS))).toEqual(['older', 'old', 'young'])
  },

  'of workers that race each contact goes to one': async (given) => {
    const stores = await bothOf(given)
    const write = writer(given)
    for (const i of upTo(60)) await write(`c${i}`, [], at(i))
    const claims = await Promise.all(
      upTo(12).map((i) => stores[i % 2 === 0 ? 0 : 1].claimDue(at(60), `w${i}`, 7, MINUTE_MS)),
    )
    const claimed = claims.flat()
    expect(claimed).toHaveLength(60)
    expect(new Set(idsOf(claimed)).size).toBe(60)
    for (const mine of claims) expect(mine.length).toBeLessThanOrEqual(7)
  },

  'release gives back what one holds, and nothing of others': async (given) => {
    const { store } = given
    const write = writer(given)
    await write('ann', [], at(0))
    await write('bob', [], at(1))
    const mine = await store.claimDue(at(1), 'w1', 10, MINUTE_MS)
    await store.release(mine.slice(0, 1))
    expect(idsOf(await store.claimDue(at(1), 'w2', 10, 10 * MINUTE_MS))).toEqual(['ann'])
    // Too late: ann belongs to another worker by now, and so does bob once the lease runs out.
    await store.release(mine.slice(0, 1))
    expect(idsOf(await store.claimDue(at(3), 'w3', 10, 10 * MINUTE_MS))).toEqual(['bob'])
    await store.release(mine)
    await store.release([])
    expect(await store.claimDue(at(4), 'w4', 10, MINUTE_MS)).toEqual([])
  },

  'a lease that the same worker lost and got again is not given back by its first claim': async (given) => {
    const { store } = given
    await writer(given)('ann', [], at(0))
    const first = await store.claimDue(at(0), 'w', 1, MINUTE_MS)
    const second = await store.claimDue(at(5), 'w', 1, MINUTE_MS)
    await store.release(first)
    expect(await store.claimDue(at(5), 'w2', 1, MINUTE_MS)).toEqual([])
    await store.release(second)
    expect(idsOf(await store.claimDue(at(5), 'w2', 1, MINUTE_MS))).toEqual(['ann'])
  },

  'renew prolongs the leases that are still held, and says which': async (given) => {
    const { store } = given
    const write = writer(given)
    for (const id of ['ann', 'bob', 'cid']) await write(id, [], at(0))
    const claims = await store.claimDue(at(0), 'w1', 10, 10 * MINUTE_MS)
    await store.release(claims.filter(({ contactId }) => contactId === 'bob'))
    await store.claimDue(at(1), 'w2', 10, 10 * MINUTE_MS)
    const renewed = await store.renew(claims, at(5), 10 * MINUTE_MS)
    expect(renewed.toSorted(byContact)).toEqual(
      ['ann', 'cid'].map((id) => ({ contactId: id, worker: 'w1', wakeAt: at(0), leaseUntil: at(15), kind: '' })),
    )
    expect(idsOf(await store.claimDue(at(14), 'w3', 10, MINUTE_MS))).toEqual(['bob'])
    await store.release(renewed)
    expect(idsOf(await store.claimDue(at(14), 'w3', 10, MINUTE_MS)).toSorted()).toEqual(['ann', 'cid'])
  },

  'a lease that has run out is not renewed': async (given) => {
    const { store } = given
    await writer(given)('ann', [], at(0))
    const claims = await store.claimDue(at(0), 'w1', 10, 10 * MINUTE_MS)
    expect(await store.renew(claims, at(10), MINUTE_MS)).toEqual([])
    expect(idsOf(await store.claimDue(at(10), 'w2', 10, MINUTE_MS))).toEqual(['ann'])
  },

  'STOP-6: an append while a contact is claimed sets its next wake and leaves the lease': async (given) => {
    const { store } = given
    const write = writer(given)
    await write('ann', [], at(0))
    const claims = await store.claimDue(at(0), 'w1', 10, 10 * MINUTE_MS)
    await write('ann', [], at(2))
    expect(await store.claimDue(at(5), 'w2', 10, MINUTE_MS)).toEqual([])
    expect(await store.agenda(at(5), 10)).toEqual([{ contactId: 'ann', wakeAt: at(2), leaseUntil: at(10), kind: '' }])
    await write('ann', [], null)
    await write('ann', [], at(3))
    expect(await store.claimDue(at(5), 'w2', 10, MINUTE_MS)).toEqual([])
    await store.release(claims)
    expect(await store.claimDue(at(2), 'w2', 10, MINUTE_MS)).toEqual([])
    expect(idsOf(await store.claimDue(at(3), 'w2', 10, MINUTE_MS))).toEqual(['ann'])
  },

  'nextWake is when something can be claimed next, leases counted': async (given) => {
    const { store } = given
    const write = writer(given)
    expect(await store.nextWake()).toBeNull()
    await write('never', [], null)
    expect(await store.nextWake()).toBeNull()
    await write('ann', [], at(10))
    await write('bob', [], at(20))
    expect(await store.nextWake()).toBe(at(10))
    const claims = await store.claimDue(at(10), 'w', 10, 5 * MINUTE_MS)
    expect(await store.nextWake()).toBe(at(15))
    await write('ann', [], at(17))
    expect(await store.nextWake()).toBe(at(17))
    await write('ann', [], at(30))
    expect(await store.nextWake()).toBe(at(20))
    await store.release(claims)
    await write('ann', [], null)
    await write('bob', [], null)
    expect(await store.nextWake()).toBeNull()
  },

  'agenda() is ordered by wake instant, and ends where it is told': async (given) => {
    const { store } = given
    const write = writer(given)
    for (const minute of [3, 1, 2, 5, 4]) await write(`c${minute}`, [], at(minute))
    await write('never', [], null)
    const entry = (minute: number): AgendaEntry => ({
      contactId: `c${minute}`,
      wakeAt: at(minute),
      leaseUntil: null,
      kind: '',
    })
    expect(await store.agenda(at(4), 10)).toEqual([1, 2, 3, 4].map(entry))
    expect(await store.agenda(at(9), 2)).toEqual([1, 2].map(entry))
    expect(await store.agenda(at(0), 10)).toEqual([])
  },

  'agenda() is paged by wake instant and, of the same, by contact id': async (given) => {
    const { store } = given
    const write = writer(given)
    const ids = ['b', 'a', '\u{1F3CA}', '\uFFFD', 'c', 'nul\u0000', 'nul\u0001']
    for (const [i, id] of ids.entries()) await write(id, [], at(i < 5 ? 1 : 2))
    await write('late', [], at(9))
    const found = await allPages(null, async (after: AgendaEntry | null) => {
      const entries = await store.agenda(at(5), 2, ...(after === null ? [] : [after]))
      return { items: entries, next: entries.at(-1) ?? null }
    })
    const order = ['a', 'b', 'c', '\uFFFD', '\u{1F3CA}', 'nul\u0000', 'nul\u0001']
    expect(found.map(({ contactId }) => contactId)).toEqual(order)
  },

  'restore sets what a contact must have, and leaves the lease': async (given) => {
    const { store } = given
    skipUnlessProjecting(given)
    const write = writer(given)
    await write('ann', [add('ann', red), add('ann', green)], at(0))
    await store.claimDue(at(0), 'w', 1, 10 * MINUTE_MS)
    const lane = { kind: 'sms', campaignId: 'a' }
    const projection = { contactId: 'ann', version: 1, tags: [green, blue], wakeAt: at(2), lane }
    expect(await store.restore(projection)).toBe(true)
    expect(await store.tagsOf('ann')).toEqual([blue, green])
    expect(await countsOf(store)).toEqual([0, 1, 1])
    expect(await store.agenda(at(60), 10)).toEqual([
      { contactId: 'ann', wakeAt: at(2), leaseUntil: at(10), kind: 'sms' },
    ])
    expect(await store.restore({ ...projection, tags: [], wakeAt: null })).toBe(true)
    expect(await store.tagsOf('ann')).toEqual([])
    expect(await store.nextWake()).toBeNull()
  },

  'restore changes nothing if the stream has moved on': async (given) => {
    const { store } = given
    skipUnlessProjecting(given)
    const write = writer(given)
    await write('ann', [add('ann', red)], at(5))
    await write('ann', [], at(5))
    for (const version of [0, 1, 3])
      expect(await store.restore({ contactId: 'ann', version, tags: [blue], wakeAt: at(1) })).toBe(false)
    expect(await store.tagsOf('ann')).toEqual([red])
    expect(await store.nextWake()).toBe(at(5))
    expect(await store.restore({ contactId: 'ann', version: 2, tags: [blue], wakeAt: at(1) })).toBe(true)
  },

  'restore clears contacts that the log does not know': async ({ store }) => {
    await store.apply([{ contactId: 'ghost', version: 3, derived: derived([add('ghost', red)], at(0)) }], 9)
    expect(await store.restore({ contactId: 'ghost', version: 0, tags: [], wakeAt: null })).toBe(true)
    expect(await store.indexed(null, 10)).toEqual([])
    expect(await store.nextWake()).toBeNull()
  },

  'apply makes its changes and remembers how far they go': async (given) => {
    const { store } = given
    expect(await store.checkpoint()).toBe(0)
    await store.apply(
      [
        { contactId: 'ann', version: 2, derived: derived([add('ann', red)], at(5)) },
        { contactId: 'bob', version: 1, derived: derived([add('bob', red), add('bob', blue)], null) },
      ],
      7,
    )
    expect(await store.checkpoint()).toBe(7)
    expect(await countsOf(store)).toEqual([2, 0, 1])
    expect(await store.nextWake()).toBe(at(5))
    await store.apply([{ contactId: 'bob', version: 2, derived: derived([clear('bob')], at(1)) }], 12)
    await store.apply([], 13)
    expect(await store.checkpoint()).toBe(13)
    expect(await countsOf(store)).toEqual([1, 0, 0])
    expect(await store.nextWake()).toBe(at(1))
  },

  'apply passes over a change that a later one of the same contact has overtaken': async ({ store }) => {
    await store.apply([{ contactId: 'ann', version: 1, derived: derived([add('ann', red)], at(1)) }], 1)
    await store.apply([{ contactId: 'ann', version: 2, derived: derived([remove('ann', red)], null) }], 2)
    await store.apply([{ contactId: 'ann', version: 1, derived: derived([add('ann', red)], at(1)) }], 2)
    expect(await store.tagsOf('ann')).toEqual([])
    expect(await store.nextWake()).toBeNull()
  },

  'apply leaves the checkpoint where it is if another projector went further': async ({ store }) => {
    await store.apply([{ contactId: 'ann', version: 1, derived: derived([add('ann', red)], at(1)) }], 7)
    await store.apply([{ contactId: 'bob', version: 1, derived: derived([add('bob', red)], null) }], 5)
    await store.apply([], 0)
    expect(await store.checkpoint()).toBe(7)
    expect(await countsOf(store)).toEqual([2, 0, 0])
  },

  'LOG-6: hostile ids are members, due, claimed and released like others': async (given) => {
    const { store } = given
    const write = writer(given)
    for (const id of HOSTILE_IDS)
      await write(id, [add(id, red), add(id, tagOf(id, id))], at(0), { kind: id, campaignId: id })
    // A tag is what `tagOf` makes of ids, but a store looks inside no text.
    const raw = HOSTILE_IDS.map((id): Tag => `raw ${id}`)
    await write('many', [add('many', '__proto__'), ...raw.map((tag) => add('many', tag))], null)
    expect((await store.members(red, page(1000))).contacts.toSorted()).toEqual(HOSTILE_IDS.toSorted())
    for (const limit of [1, 5]) {
      const pages = await pagesOf((one) => store.search({ any: [red] }, one), limit)
      expect(pages.flatMap(({ contacts }) => contacts).toSorted()).toEqual(HOSTILE_IDS.toSorted())
    }
    for (const id of HOSTILE_IDS) {
      expect((await store.members(tagOf(id, id), page(10))).contacts).toEqual([id])
      expect((await store.tagsOf(id)).toSorted()).toEqual([red, tagOf(id, id)].toSorted())
      expect((await store.members(`raw ${id}`, page(10))).contacts).toEqual(['many'])
    }
    expect((await store.tagsOf('many')).toSorted()).toEqual(['__proto__', ...raw].toSorted())
    expect(await store.members('__proto__', page(10))).toMatchObject({ contacts: ['many'], total: 1 })
    expect(await store.count('constructor')).toBe(0)

    const claims: Claim[] = []
    for (const worker of HOSTILE_IDS) claims.push(...(await store.claimDue(at(0), worker, 1, MINUTE_MS)))
    expect(idsOf(claims).toSorted()).toEqual(HOSTILE_IDS.toSorted())
    expect(claims.map(({ worker }) => worker)).toEqual(HOSTILE_IDS)
    for (const { contactId, kind } of claims) expect(kind).toBe(contactId)
    expect(await store.renew(claims, at(0), MINUTE_MS)).toHaveLength(HOSTILE_IDS.length)
    await store.release(claims)
    expect((await store.agenda(at(0), 1000)).map(({ contactId }) => contactId).toSorted()).toEqual(
      HOSTILE_IDS.toSorted(),
    )
    expect(idsOf(await store.claimDue(at(0), 'w', 1000, MINUTE_MS)).toSorted()).toEqual(HOSTILE_IDS.toSorted())
  },

  'ONCE-3: tags, agenda, leases and checkpoint are there when the store is opened again': async (given) => {
    const { store } = given
    if (given.processes !== 'many') given.skip('the store serves one process')
    const write = writer(given)
    await write('ann', [add('ann', red)], at(0))
    await write('bob', [add('bob', red)], at(5))
    await store.claimDue(at(0), 'w', 1, 10 * MINUTE_MS)
    await store.apply([], 42)
    await store.close()
    const next = await given.another()
    expect(await next.members(red, page(10))).toMatchObject({ total: 2 })
    expect(await next.agenda(at(60), 10)).toEqual([
      { contactId: 'ann', wakeAt: at(0), leaseUntil: at(10), kind: '' },
      { contactId: 'bob', wakeAt: at(5), leaseUntil: null, kind: '' },
    ])
    expect(await next.checkpoint()).toBe(42)
  },

  'after close every question to the read model throws CLOSED': async ({ store }) => {
    await store.close()
    const deeds: (() => unknown)[] = [
      () => store.apply([], 1),
      () => store.checkpoint(),
      () => store.members(red, page(10)),
      () => store.tagsOf('ann'),
      () => store.membershipsOf('ann'),
      () => store.search({}, page(10)),
      () => store.count(red),
      () => store.claimDue(at(0), 'w', 1, 1),
      () => store.release([]),
      () => store.renew([], at(0), 1),
      () => store.nextWake(),
      () => store.agenda(at(0), 1),
      () => store.restore({ contactId: 'ann', version: 0, tags: [], wakeAt: null }),
      () => store.indexed(null, 1),
    ]
    for (const deed of deeds) await expectFault('CLOSED', deed)
  },
} as const satisfies Promises<Store>

const add = (contactId: ContactId, tag: Tag, key?: string): TagChange => changeOf('add', contactId, tag, key)
const remove = (contactId: ContactId, tag: Tag, key?: string): TagChange => changeOf('remove', contactId, tag, key)
const changeOf = (change: 'add' | 'remove', contactId: ContactId, tag: Tag, key: string | undefined): TagChange =>
  key === undefined ? { change, contactId, tag } : { change, contactId, tag, key }
const membersIn = ({ contacts, keys }: Members) => contacts.map((contactId, i) => `${contactId} ${keys?.[i] ?? ''}`)
/** All members, without regard to the store's order. */
const shown = async (store: Store, tag: Tag) => membersIn(await store.members(tag, page(100))).toSorted()
const clear = (contactId: ContactId): TagChange => ({ change: 'clear', contactId })
const derived = (tags: readonly TagChange[], wakeAt: Instant | null): Derived => ({ tags, wakeAt })
const page = (limit: number): Page => ({ after: null, limit })
const claimOf = (contactId: ContactId, wakeAt: Instant, leaseUntil: Instant): Claim => ({
  contactId,
  worker: 'w',
  wakeAt,
  leaseUntil,
  kind: '',
})
const idsOf = (claims: readonly Claim[]) => claims.map(({ contactId }) => contactId)
const byContact = (a: Claim, b: Claim) => (a.contactId < b.contactId ? -1 : 1)

async function countsOf(store: Store): Promise<readonly number[]> {
  return await Promise.all([red, green, blue].map((tag) => store.count(tag)))
}

function skipUnlessProjecting({ store, skip }: Given<Store>): void {
  if (!store.capabilities.projectsInAppend) skip('the store says that it does not project in the append')
}

/** Writes rows of the read model in the way that the store has: with an append, or with `apply`. */
function writer({ store }: Given<Store>, firstEvent = 0) {
  const versions = new Map<ContactId, Version>()
  let n = firstEvent
  return async (
    contactId: ContactId,
    tags: readonly TagChange[],
    wakeAt: Instant | null,
    lane?: Lane,
    others?: readonly OtherLane[],
  ) => {
    n += 1
    const row = others === undefined ? { tags, wakeAt } : { tags, wakeAt, others }
    const what: Derived = lane === undefined ? row : { ...row, lane }
    if (store.capabilities.projectsInAppend) {
      const stream = contactStream(contactId)
      const before = (await store.readMany([stream])).get(stream)?.length ?? 0
      const { outcome } = await store.append(stream, [sampleStart(contactId, n)], before, what)
      expect(outcome).toBe('appended')
    } else {
      const version = (versions.get(contactId) ?? firstEvent) + 1
      versions.set(contactId, version)
      await store.apply([{ contactId, version, derived: what }], n)
    }
  }
}

/** Thirty members of `red`, in an order that is no alphabet's. */
async function thirty(given: Given<Store>): Promise<ContactId[]> {
  const ids = upTo(30).map((i) => `c${(i * 11) % 30}`)
  const write = writer(given)
  for (const id of ids) await write(id, [add(id, red)], null)
  return ids
}

async function pagesOf(read: (page: Page) => Promise<Members>, limit: number): Promise<Members[]> {
  return await allPages(null, async (last: Members | null) => {
    const { next: after, nextKey } = last ?? { next: null }
    const members = await read(nextKey === undefined ? { after, limit } : { after, afterKey: nextKey, limit })
    return { items: [members], next: members.next === null ? null : members }
  })
}
