/**
 * A template without its types, laid out as it would be written by hand. Done when the package is built: not every Node
 * can take types out.
 */
import { stripTypeScriptTypes } from 'node:module'

/** One-line types and imports of types go with the comment above them. */
const WHOLE_LINES = /^(?:\/\*\* [^\n]* \*\/\n)?(?:export )?type [^\n]*\n\n?/gm
const IMPORTS_OF_TYPES = /^import type \{[^}]*\} from [^\n]*\n/gm

export function toJavaScript(typescript: string): string {
  const text = typescript
    .replaceAll(IMPORTS_OF_TYPES, '')
    .replaceAll(WHOLE_LINES, '')
    .replaceAll(/^( +)readonly (?=#)/gm, '$1')
    .replaceAll(/\btype (?=\w+[,} ])/g, '')
  return stripTypeScriptTypes(text)
    .split('\n')
    .map((line) => (/^ *\*/.test(line) ? line : withoutGaps(line)))
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
}

/** Where a type stood there are spaces now. */
function withoutGaps(line: string): string {
  return line
    .replaceAll(/(?<=\S) +(?=[,);])/g, '')
    .replaceAll(/(?<=\w) {2,}(?=\()/g, '')
    .replaceAll(/(?<=\S) {2,}(?=\S)/g, ' ')
    .trimEnd()
}
