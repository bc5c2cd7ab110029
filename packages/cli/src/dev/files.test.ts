/** What `enfold dev` reads: campaigns, contacts, and what it makes up. */
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CampaignDefinition, campaign, type StepCall } from '@enfold/core'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../cli.fixture.ts'
import { campaignChanges } from './campaign-changes.ts'
import { readCampaign } from './campaign-file.ts'
import { contactsIn } from './contacts-csv.ts'
import { poolOwners } from './example.ts'
import { openJournal } from './journal.ts'
import { madeUp } from './made-up.ts'
import { mailOf, recipientOf } from './mail.ts'
import { createOutbox } from './outbox.ts'

const folder = temporaryDirectory()
const EXAMPLE = join(import.meta.dirname, '../../../../examples/pool-owners')

describe('the campaign', () => {
  it('the packaged example is that of examples/pool-owners, with its templates as texts', () => {
    const bare = ({ sequences, ...rest }: CampaignDefinition) => ({
      ...rest,
      sequences: sequences.map(({ steps, ...sequence }) => ({
        ...sequence,
        steps: steps.map(({ params = {}, ...step }) => ({
          ...step,
          params: 'template' in params ? { template: params.template } : params,
        })),
      })),
    })
    expect(bare(poolOwners)).toEqual(bare(JSON.parse(readFileSync(join(EXAMPLE, 'campaign.json'), 'utf8'))))
    const mails = poolOwners.sequences.flatMap(({ steps }) =>
      steps.flatMap(({ params }) => ('template' in params ? [params] : [])),
    )
    expect(mails).toHaveLength(13)
    for (const { template, subject, text } of mails)
      expect(`Subject: ${subject}\n\n${text}\n`).toBe(readFileSync(join(EXAMPLE, `templates/${template}.txt`), 'utf8'))
  })

  const module = async (name: string, code: string) => {
    const path = join(folder, name)
    writeFileSync(path, code)
    return readCampaign(path)
  }

  it('a module of TypeScript gives its default export, or the one campaign that it exports, new each time', async () => {
    writeFileSync(join(folder, 'text.ts'), `export const subject: string = 'one'`)
    const code = `import { subject } from './text.ts'\nexport default { id: subject, goals: [], sequences: [] } satisfies object`
    expect(await module('campaign.ts', code)).toEqual({ definition: { id: 'one', goals: [], sequences: [] } })
    writeFileSync(join(folder, 'text.ts'), `export const subject: string = 'two'`)
    expect(await readCampaign(join(folder, 'campaign.ts'))).toMatchObject({ definition: { id: 'two' } })
    const named = await module(
      'named.mjs',
      `console.log('loaded')\nsetInterval(() => {}, 1000)\nexport const a = 1\nexport const pool = { id: 'pool', goals: [] }`,
    )
    expect(named).toEqual({ definition: { id: 'pool', goals: [] } })
  })

  it('the problem says that a module cannot be loaded, or exports none or several', async () => {
    expect(await module('broken.ts', `export default {\n  id: \n`)).toEqual({
      problem: { path: '', message: expect.stringMatching(/^cannot be loaded: SyntaxError.*\(broken\.ts:\d+\)$/) },
    })
    expect(await module('throws.ts', `throw new TypeError('no \\u0007 pool')`)).toEqual({
      problem: { path: '', message: expect.stringContaining('cannot be loaded: TypeError: no') },
    })
    writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }')
    expect(await module('commonjs.ts', `export const pool: object = { goals: [] }`)).toEqual({
      problem: {
        path: '',
        message: expect.stringMatching(/commonjs\.ts:1\)\. It is read as CommonJS: .* "type": "module"/),
      },
    })
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    expect(await module('none.ts', `export const pump = 1`)).toEqual({
      problem: {
        path: '',
        message: 'exports no campaign; expected a default export such as { id, goals, sequences }, and found pump.',
      },
    })
    expect(await module('two.ts', `export const a = { goals: [] }\nexport const b = { goals: [] }`)).toEqual({
      problem: { path: '', message: 'exports several campaigns; expected one of them as its default export.' },
    })
    expect(await module('ends.mjs', `process.exit(0)`)).toEqual({
      problem: { path: '', message: 'ended its process while it was loaded.' },
    })
  })

  it('what changed is told by ids: what is new, gone, changed or in another place', () => {
    const of = (steps: readonly { id: string; kind: string; params?: { a: number } }[], more = {}) =>
      campaign({ id: 'pool', goals: [], sequences: [{ id: 's', steps }], ...more } as CampaignDefinition)
    const before = of([
      { id: 'a', kind: 'email' },
      { id: '__proto__', kind: 'email' },
      { id: 'c', kind: 'email' },
    ])
    expect(campaignChanges(before, before)).toEqual([])
    const after = of(
      [
        { id: 'c', kind: 'email' },
        { id: 'a', kind: 'email', params: { a: 1 } },
        { id: 'd', kind: 'sms' },
      ],
      { name: 'Pool' },
    )
    expect(campaignChanges(before, after)).toEqual([
      'The campaign’s name changed.',
      'Step a of s changed: params.',
      'Step d of s is new.',
      'Step __proto__ of s is gone.',
      'Steps of s stand in another order.',
    ])
  })
})

describe('contacts', () => {
  it('a CSV gives ids, zones, tags and fields of any name, as numbers and flags where they read as such', () => {
    const text =
      '\uFEFFid;timeZone;tags;name;spend;vip;__proto__\r\n"__proto__";Europe/Berlin;a|b;"Ann ""A"" <b>";1200;true;007\r\nbob;;;;;;\r\n'
    const { people, wrong } = contactsIn(text)
    expect(wrong).toEqual([])
    const [ann, bob] = [people.get('__proto__'), people.get('bob')]
    expect([ann?.timeZone, ann?.tags]).toEqual(['Europe/Berlin', ['a', 'b']])
    expect(Object.entries(ann?.fields ?? {})).toEqual([
      ['name', 'Ann "A" <b>'],
      ['spend', 1200],
      ['vip', true],
      ['__proto__', '007'],
    ])
    expect(bob).toEqual({ fields: {} })
  })

  it('whatever is wrong in a CSV is told by its line, all of it at once', () => {
    const text = `id,timeZone,spend\nann,Mars/Olympus,1\nann,UTC,1\n,UTC,1\nbob,UTC\n${'x'.repeat(201)},UTC,1\ncleo,UTC,1e999\n`
    expect(contactsIn(text).wrong.map(({ line, reason }) => `${line}: ${reason.slice(0, 41)}`)).toEqual([
      '2: has the time zone "Mars/Olympus"; expecte',
      '3: has the id "ann", which line 2 has alread',
      '4: has the id ""; expected 1 to 200 characte',
      '5: has 2 cells; expected 3, as many as the f',
      expect.stringMatching(/^6: has the id "x+/),
      '7: has "1e999" as spend; expected a text, a ',
    ])
    expect(contactsIn('').wrong).toEqual([{ line: 1, reason: 'has no first line that names columns' }])
    expect(contactsIn('name,name,\n').wrong.map(({ reason }) => reason)).toEqual([
      'names no column id; expected a first line such as id,timeZone,tags,name,email',
      'names the column "name" twice',
      'has a column without a name',
    ])
    expect(contactsIn('id,name\n"ann,Ann\n').wrong).toEqual([
      { line: expect.any(Number), reason: expect.stringContaining('Quote') },
    ])
  })

  it('made up contacts are the same for the same seed, and others for another', () => {
    const [one, again, other] = [madeUp(50, 1), madeUp(50, 1), madeUp(50, 2)]
    expect(again).toEqual(one)
    expect(other).not.toEqual(one)
    expect([one.size, one.get('c-050')?.fields?.email]).toEqual([
      50,
      expect.stringMatching(/^[a-z]+\.[a-z]+\.50@example\.com$/),
    ])
  })
})

describe('the outbox', () => {
  const step = (idempotencyKey: string) =>
    ({
      contactId: '__proto__',
      campaignId: 'pool',
      sequenceId: 's',
      run: 1,
      facts: {},
      resend: 0,
      idempotencyKey,
      step: { id: 'a', kind: 'email' },
    }) as unknown as StepCall
  const NOW = '2026-03-02T09:00:00.000Z'

  it('the same sending is caught once, also by a process that went on after another, and a line that was cut is dropped', async () => {
    const store = join(folder, 'store.db')
    const outbox = createOutbox(
      () => NOW,
      openJournal(store),
      () => {},
    )
    for (const key of ['one', 'one', 'two']) await outbox.catch(step(key))
    expect(outbox.count()).toBe(2)
    writeFileSync(store, '')
    openJournal(store).write({ now: NOW })
    appendFileSync(`${store}.dev.jsonl`, '{"caught":{"num')
    const journal = openJournal(store)
    expect([journal.now, journal.caught.map(({ idempotencyKey }) => idempotencyKey)]).toEqual([NOW, ['one', 'two']])
    const again = createOutbox(
      () => NOW,
      journal,
      () => {},
    )
    await again.catch(step('two'))
    await again.catch(step('three'))
    expect(openJournal(store).caught).toHaveLength(3)
    expect(again.list({ limit: 2, contactId: '__proto__' }).map(({ number }) => number)).toEqual([3, 2])
    expect(again.list({ limit: 2, before: 2 }).map(({ number }) => number)).toEqual([1])
    // The store was deleted: what was caught of it is forgotten, too.
    rmSync(store)
    expect(openJournal(store).caught).toEqual([])
  })
})

describe('the mail of a step', () => {
  const call = (params: StepCall['step']['params'], more: Partial<StepCall> = {}) =>
    ({
      contactId: 'a&b',
      facts: { fields: { name: '<Ann>', email: 'ann@example.com' } },
      step: { id: 's', kind: 'email', params },
      ...more,
    }) as StepCall

  it('the mail of a step is what the params carry, filled in from variables, fields and the id; HTML is escaped', () => {
    const params = { subject: '{{ name }} {{cart}}', html: '<p>{{name}} {{id}}</p>', body: '{{name}} {{toString}}' }
    expect(mailOf(call(params, { vars: { cart: 7 } }))).toEqual({
      subject: '<Ann> 7',
      html: '<p>&lt;Ann&gt; a&amp;b</p>',
      text: '<Ann> {{toString}}',
      unfilled: ['toString'],
    })
    expect(mailOf(call({ template: 'mistake-1' }))).toBeNull()
  })

  it('the recipient is the one of the params, else the address of the contact', () => {
    expect(recipientOf(call({ to: 'olga@example.com' }))).toBe('olga@example.com')
    expect(recipientOf(call({}))).toBe('ann@example.com')
    expect(recipientOf(call({}, { facts: {} }))).toBeNull()
  })
})
