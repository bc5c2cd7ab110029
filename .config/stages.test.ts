import { expect, it } from 'vitest'
import { runStages, type Stage } from './stages.ts'

async function told(stages: readonly Stage[]) {
  let text = ''
  const write = (more: string | Buffer) => {
    text += more
  }
  return { hasPassed: await runStages(stages, { room: 2, cwd: import.meta.dirname, write }), text }
}

it('all stages run, one that must wait for another runs after it, and what each said stands under its name', async () => {
  const { hasPassed, text } = await told([
    { name: 'one', command: 'echo first' },
    { name: 'three', command: 'echo third', after: 'two' },
    { name: 'two', command: 'echo second >&2' },
    { name: 'four', command: 'echo fourth', after: 'not wanted today' },
  ])
  expect(hasPassed).toBe(true)
  for (const [name, said] of Object.entries({ one: 'first', two: 'second', three: 'third', four: 'fourth' }))
    expect(text).toMatch(new RegExp(`--- ${name} \\(\\d+ s\\)\n${said}\n`))
  expect(text.indexOf('--- three')).toBeGreaterThan(text.indexOf('--- two'))
})

it('the first stage that fails is named, what runs is ended, and nothing else begins', async () => {
  const { hasPassed, text } = await told([
    { name: 'endless', command: 'while true; do sleep 1; done' },
    { name: 'bad', command: 'echo reason; exit 3' },
    { name: 'later', command: 'echo too late' },
  ])
  expect(hasPassed).toBe(false)
  expect(text).toMatch(/--- bad .*\nreason\n\nThe stage "bad" failed with exit status 3: echo reason; exit 3\n$/)
})

it('a stage of two workers begins when there is room for both, none overtakes it, and what it says is shown at once', async () => {
  const { text } = await told([
    { name: 'one', command: 'sleep 0.2; echo over' },
    { name: 'alone', command: 'echo heard', workers: 2 },
    { name: 'last', command: 'true' },
  ])
  expect([...text.matchAll(/--- (\w+)/g)].map(([, name]) => name)).toEqual(['one', 'alone', 'last'])
  expect(text.indexOf('heard')).toBeLessThan(text.indexOf('--- alone'))
})
