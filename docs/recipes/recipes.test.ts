/**
 * Each recipe is a page and a program with its campaign, its host code and a story. The story is played here, on a store in
 * memory and a simulated clock, and what it prints is what the page shows. That the page's code is the program's is
 * checked with all pages (`snippets.test.ts`). `ENFOLD_WRITE_SNIPPETS=1` writes what was printed into the page.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineCampaign } from 'enfold'
import { describe, expect, it } from 'vitest'
import { play, type Recipe } from './stage.ts'

const HERE = import.meta.dirname
const read = (name: string) => readFileSync(join(HERE, name), 'utf8')
const SHARED = ['stage.ts', 'carry-on.ts']
const names = readdirSync(HERE)
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !SHARED.includes(name))
  .map((name) => name.slice(0, -3))

const SCHEDULE = /(?<=^## What happens when\n[\s\S]*?```text\n)[\s\S]*?(?=\n```$)/m

describe.each(names)('the recipe %s', (name) => {
  it('the recipe prints the schedule of its page', async () => {
    const { default: recipe, ...exported } = (await import(join(HERE, `${name}.ts`))) as { readonly default: Recipe }
    // Its only one, so that `enfold dev` can show it.
    const campaigns = Object.values<unknown>(exported).filter((one) => defineCampaign(one)._tag === 'Right')
    expect(campaigns).toEqual(recipe.campaigns)
    expect(campaigns).toHaveLength(1)
    const printed = await play(recipe)
    if (process.env.ENFOLD_WRITE_SNIPPETS !== undefined && existsSync(join(HERE, `${name}.md`)))
      writeFileSync(
        join(HERE, `${name}.md`),
        read(`${name}.md`).replace(SCHEDULE, () => printed),
      )
    expect(SCHEDULE.exec(read(`${name}.md`))?.[0]).toBe(printed)
  })

  it('the page is short, and the index names it', () => {
    const page = read(`${name}.md`)
    const parts = [...page.matchAll(/^## (.+)$/gm)].map(([, title]) => title)
    expect(parts).toEqual(['The campaign', 'Your code', 'What happens when', 'Watch out'])
    expect(page).toContain(`<!-- docs/recipes/${name}.ts#campaign -->`)
    expect(page).toContain(`<!-- docs/recipes/${name}.ts#host -->`)
    const words = page
      .replace(/```[\s\S]*?```|<!--.*-->/g, '')
      .split(/\s+/)
      .filter((word) => word !== '')
    expect(words.length).toBeGreaterThan(120)
    expect(words.length).toBeLessThan(350)
    expect((page.split('## Watch out')[1] ?? '').match(/^- /gm)?.length).toBeLessThanOrEqual(3)
    expect(read('index.md')).toContain(`(${name}.md)`)
  })
})

it('every page of a recipe has its program', () => {
  const pages = readdirSync(HERE).filter((name) => name.endsWith('.md') && name !== 'index.md')
  expect(pages.map((name) => name.slice(0, -3))).toEqual([...names].sort())
  expect(names.length).toBeGreaterThanOrEqual(20)
})

it.each(names.filter((name) => name.startsWith('from-')))('%s: nobody gets a step twice or loses one', (name) => {
  const schedule = SCHEDULE.exec(read(`${name}.md`))?.[0] ?? ''
  const steps = ['mistake-1', 'mistake-2', 'mistake-3']
  const got = new Map<string, string[]>()
  for (const [, contact = '', had, sent] of schedule.matchAll(/(\w+) (?:had (.+)|→ email (.+))$/gm))
    got.set(contact, [...(got.get(contact) ?? []), ...(steps.filter((step) => (had ?? sent)?.includes(step)) ?? [])])
  const left = [...schedule.matchAll(/^(\w+) had .*(?:unsubscribed|removed|opted out)/gm)].map(([, contact]) => contact)
  expect(got.size).toBeGreaterThanOrEqual(4)
  for (const [contact, had] of got) expect(had, contact).toEqual(left.includes(contact) ? ['mistake-1'] : steps)
})
