/** One number scales every property, in the gate, in a suite that runs again and in the soak: all ask `runs(n)` how often. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..')

it('every property reads how often it is tried from runs(n)', () => {
  const found = globSync('{packages,docs,examples}/**/*.{test,fixture}.ts', {
    cwd: ROOT,
    exclude: ['**/node_modules/**'],
  }).map((file) => ({ file, ...propertiesIn(readFileSync(join(ROOT, file), 'utf8')) }))
  // Or none was looked at.
  expect(found.reduce((count, { all }) => count + all, 0)).toBeGreaterThan(40)
  expect(found.flatMap(({ file, unscaled }) => unscaled.map((line) => `${file}:${line}`))).toEqual([])
})

/** How many properties a file has, and the lines of those whose options name neither `runs` nor a constant made with it. */
function propertiesIn(text: string): { readonly all: number; readonly unscaled: readonly number[] } {
  if (!text.includes('fc.assert')) return { all: 0, unscaled: [] }
  const source = ts.createSourceFile('a.ts', text, ts.ScriptTarget.Latest)
  const name = /import \{[^}]*\bruns(?: as (\w+))?[^}]*\} from '[^']*\/runs(?:\.ts)?'/.exec(text)
  const call = name === null ? null : new RegExp(`\\b${name[1] ?? 'runs'}\\(`)
  const constants = new Set<string>()
  const unscaled: number[] = []
  let all = 0
  const isScaled = (options: ts.Expression | undefined) => {
    if (options === undefined || call === null) return false
    const given = options.getText(source)
    return call.test(given) || [...given.matchAll(/\w+/g)].some(([word]) => constants.has(word))
  }
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && node.initializer !== undefined && ts.isIdentifier(node.name))
      if (call?.test(node.initializer.getText(source)) && !ts.isArrowFunction(node.initializer))
        constants.add(node.name.text)
    if (ts.isCallExpression(node) && node.expression.getText(source) === 'fc.assert') {
      all += 1
      if (!isScaled(node.arguments[1]))
        unscaled.push(source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return { all, unscaled }
}
