/** Makes the text of a file out of its template: what differs is replaced, imports say what the project's say. */
import { posix } from 'node:path'

export interface Style {
  readonly extension: '.ts' | '.js' | ''
  readonly modules: 'esm' | 'cjs'
}

/** A text that stands in the template exactly once, and what stands there instead. */
export type Replacement = readonly [from: string, to: string]

/** Throws if a template does not hold what is replaced: then the two have parted, and the tests find it. */
export function replaceAll(template: string, replacements: readonly Replacement[]): string {
  return replacements.reduce((text, [from, to]) => {
    if (text.split(from).length < 2) throw new Error(`The template does not hold ${JSON.stringify(from)}.`)
    return text.replaceAll(from, to)
  }, template)
}

/**
 * @param target where the file will be
 * @param targetOf where the file of a template will be, by the template's path
 */
export function render(
  text: string,
  { template, target, style, targetOf }: Placed & { readonly style: Style; targetOf(template: string): string },
): string {
  const placed = text.replaceAll(
    /( from |\bimport\(|^import )'(\.[^']+)\.ts'/gm,
    (_, before: string, specifier: string) => {
      const other = targetOf(`${posix.join(posix.dirname(template), specifier)}.ts`)
      const path = posix.relative(posix.dirname(target), other).replace(/\.[cm]?[jt]s$/, '')
      return `${before}'${path.startsWith('.') ? path : `./${path}`}${style.extension}'`
    },
  )
  return style.modules === 'cjs' ? toCommonJs(placed) : placed
}

export interface Placed {
  readonly template: string
  readonly target: string
}

/** Of what templates have: named imports, and exported declarations. Exports stand at the end, by name. */
export function toCommonJs(text: string): string {
  const names: string[] = []
  const body = text
    .replaceAll(/^import (\{[^}]*\}|\w+) from ('[^']+')$/gm, (_, named: string, from: string) => {
      return `const ${named.replaceAll(' as ', ': ')} = require(${from})`
    })
    .replaceAll(/^import ('[^']+')$/gm, 'require($1)')
    .replaceAll(/^export ((?:async )?function|const|class) (\w+)/gm, (_, kind: string, name: string) => {
      names.push(name)
      return `${kind} ${name}`
    })
  return names.length === 0 ? body : `${body}\nmodule.exports = { ${names.join(', ')} }\n`
}
