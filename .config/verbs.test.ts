/**
 * A verb is written once: in its file and in the table. What else names it is a text of a screen or of the command line,
 * and the list does not grow. `.config/new-verb.ts` shows the same by adding one.
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, expectTypeOf, it } from 'vitest'
import type { routes } from '../packages/console/src/routes.ts'
import { CAMPAIGN_VERBS, VERB_NAMES, VERBS } from '../packages/core/src/index.ts'
import type { Route } from '../packages/http/src/route.ts'

const PACKAGES = join(import.meta.dirname, '../packages')
const NOT_PRODUCT = /(\.test|\.fixture)\.ts$|^(bench|driver-tests|templates|test-servers)\//

/** `enfold dev` gives orders to its engine as a host does. */
const HOST = /^cli\/src\/dev\//

const sources = globSync('*/src/**/*.ts', { cwd: PACKAGES })
  .filter((file) => !NOT_PRODUCT.test(file))
  .map((file) => ({ file, text: codeOf(readFileSync(join(PACKAGES, file), 'utf8')) }))

/** Without comments: an example in a docstring may use any verb. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')
}

const naming = (pattern: RegExp) => sources.filter(({ text }) => pattern.test(text)).map(({ file }) => file)

/** As a method, as a row or as a declaration: these names are words of other things as well, such as an abort's `signal`. */
const asVerb = (name: string) =>
  new RegExp(`\\b(engine|verbs|VERBS|SENTENCES)\\.${name}\\b|^ {2}${name}(,$|: \\{$)|\\b${name} = defineVerb`, 'm')
const isWord: ReadonlySet<string> = new Set(['signal', 'suppress', 'unsuppress', 'erase'])

describe('a verb is written once', () => {
  it.each(VERB_NAMES)('the verb %s and its command are named by at most five files each', (name) => {
    const patterns = [
      isWord.has(name) ? asVerb(name) : new RegExp(`\\b${name}\\b`),
      commandPattern(VERBS[name].command),
    ]
    for (const pattern of patterns) {
      const files = naming(pattern).filter((file) => !HOST.test(file))
      expect(files.length).toBeGreaterThan(0)
      expect(files.slice(5), `${pattern} matches ${files.join(', ')}`).toEqual([])
    }
  })
})

const commandPattern = (command: string) => new RegExp(`\\b${command}\\b`)

describe('permissions', () => {
  it('a route without a scope does not compile, in HTTP API and console', () => {
    expectTypeOf<Omit<Route, 'scope'>>().not.toExtend<Route>()
    type Page = (typeof routes)[number]
    expectTypeOf<Omit<Page, 'scope'>>().not.toExtend<Page>()
  })

  it('a permission of an order is named in the file of its verb, and nowhere on a surface', () => {
    const permissions = [...Object.values(VERBS), ...Object.values(CAMPAIGN_VERBS)].flatMap(
      ({ permission }) => permission,
    )
    const one = `'(${[...new Set(permissions)].join('|')})'`
    const some = `\\[[^\\]]*${one}`
    const literals = [
      `(verbs|permission): ${some}`,
      `\\bmay\\(\\w+, (${one}|${some})`,
      `\\bon(Campaign|AllCampaigns)\\(${one}`,
      `\\b(Verb|Permission)(\\[\\]|>) = ${some}`,
      // An entry of a table by the type of an event.
      `\\['[A-Z]\\w*', (${one}|${some})`,
    ]
    for (const literal of literals) {
      const found = naming(new RegExp(literal)).filter((file) => !file.startsWith('core/src/verbs/'))
      expect(found, literal).toEqual([])
    }
  })
})
