/** No example and no page drops the answer of a verb: a rejection would pass unnoticed, as a misspelt campaign would. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { VERB_NAMES } from 'enfold/core'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const VERBS = [...VERB_NAMES, 'publish', 'unpublish', 'previewAction', 'processAction', 'resumeAction', 'cancelAction']
const CALL = new RegExp(String.raw`await (?:\w+\.)+(?:${VERBS.join('|')})\(`, 'g')

/** Lines of the calls that are a statement by themselves. Anywhere else something takes the answer. */
function droppedIn(text: string): number[] {
  return [...text.matchAll(CALL)]
    .filter(({ index }) => !/(?:[(,=:?[]|=>|\breturn)$/.test(text.slice(0, index).trimEnd()))
    .map(({ index }) => text.slice(0, index).split('\n').length)
}

const files = [
  'README.md',
  ...globSync('{docs,examples}/**/*.{md,ts,mjs}', {
    cwd: ROOT,
    exclude: (path) => ['node_modules', '.vitepress', 'decisions', 'api', 'out'].includes(path.split('/').at(-1) ?? ''),
  }),
  ...globSync('packages/*/README.md', { cwd: ROOT }),
].filter((file) => !file.endsWith('answers.test.ts'))

describe('answers of verbs', () => {
  it('a dropped answer is found, and one that is used is not', () => {
    expect(droppedIn('const engine = x\nawait engine.publish(campaign)\n')).toEqual([2])
    expect(droppedIn("console.log('a')\n  await crm.engine.startSequence(order)")).toEqual([2])
    expect(droppedIn('const desk = x\nawait desk.publish(campaign)\n')).toEqual([2])
    expect(droppedIn('orThrow(\n  await engine.publish({}))\nconst a = await engine.stopAll(b)')).toEqual([])
  })

  it('no answer is dropped in the README, the documentation and the examples', () => {
    expect(files.length).toBeGreaterThan(80)
    const dropped = files.flatMap((file) =>
      droppedIn(readFileSync(join(ROOT, file), 'utf8')).map((at) => `${file}:${at}`),
    )
    expect(dropped).toEqual([])
  })
})
