/** A verb is written once. What names it elsewhere is a text of a screen or a command line, and the list does not grow. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { VERBS } from '../packages/core/src/index.ts'

const PACKAGES = join(import.meta.dirname, '../packages')
const NOT_PRODUCT = /(\.test|\.fixture)\.ts$|(^|\/)given-[^/]+\.ts$|^(bench|driver-tests)\//

const sources = globSync('*/src/**/*.ts', { cwd: PACKAGES })
  .filter((file) => !NOT_PRODUCT.test(file))
  .map((file) => ({ file, text: readFileSync(join(PACKAGES, file), 'utf8') }))
const naming = (word: string) => sources.filter(({ text }) => new RegExp(`\\b${word}\\b`).test(text))

// Verbs whose names are no words of stories and screens as well, and that the engine gives no order of itself.
it.each(['restartSequence', 'pauseSequence', 'resumeSequence', 'resendStep', 'cancelStep'] as const)(
  'the verb %s and its command are named by at most five files each',
  (name) => {
    expect(naming(name).length).toBeGreaterThan(0)
    for (const word of [name, VERBS[name].command]) {
      const files = naming(word).map(({ file }) => file)
      expect(files.slice(5), `${word} stands in ${files.join(', ')}`).toEqual([])
    }
  },
)
