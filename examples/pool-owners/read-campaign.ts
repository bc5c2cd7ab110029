/** Reads a campaign file. What is wrong in it is named by its line, though the engine's core names it by its path. */
import { readFileSync } from 'node:fs'
import { type CampaignDefinition, defineCampaign, isLeft } from 'enfold'
import type { Read, WrongLine } from './wrong-line.ts'

/** `value` is `null` if anything is wrong. */
export function readCampaign(file: string): Read<CampaignDefinition | null> {
  const text = readFileSync(file, 'utf8')
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (error) {
    return { value: null, wrong: [{ file, ...syntaxError(text, error as SyntaxError) }] }
  }
  const campaign = defineCampaign(document)
  if (!isLeft(campaign)) return { value: campaign.right.definition, wrong: [] }
  const lines = lineByPointer(text)
  const wrong = campaign.left.problems.map(
    ({ path, message }): WrongLine => ({ file, line: lineOf(lines, path), reason: `${path || '/'} ${message}` }),
  )
  return { value: null, wrong }
}

function syntaxError(text: string, { message }: SyntaxError) {
  const at = /\s*\(line (\d+) column \d+\)/.exec(message)
  // Without a place, the text ended too soon.
  const line = at === null ? text.trimEnd().split('\n').length : Number(at[1])
  return { line, reason: `is not JSON: ${at === null ? message : message.replace(at[0], '')}` }
}

/** Of what is missing, the line of what it is missing in. */
function lineOf(lines: ReadonlyMap<string, number>, pointer: string): number {
  return lines.get(pointer) ?? lineOf(lines, pointer.slice(0, Math.max(0, pointer.lastIndexOf('/'))))
}

/** The line on which each value of a JSON text begins, by its JSON Pointer (RFC 6901). The text must be valid. */
export function lineByPointer(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>()
  const open: { readonly pointer: string; readonly isArray: boolean; key: string; index: number }[] = []
  let line = 1
  let keyIsNext = false
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:\n]|[^\s{}[\],:"]+/g)) {
    const inside = open.at(-1)
    if (token === '\n') line += 1
    else if (token === '}' || token === ']') open.pop()
    else if (token === ':') keyIsNext = false
    else if (token === ',' && inside !== undefined) {
      inside.index += 1
      keyIsNext = !inside.isArray
    } else if (keyIsNext && inside !== undefined) {
      inside.key = (JSON.parse(token) as string).replaceAll('~', '~0').replaceAll('/', '~1')
    } else {
      const pointer = inside === undefined ? '' : `${inside.pointer}/${inside.isArray ? inside.index : inside.key}`
      lines.set(pointer, line)
      if (token === '{' || token === '[') open.push({ pointer, isArray: token === '[', key: '', index: 0 })
      keyIsNext = token === '{'
    }
  }
  return lines.set('', lines.get('') ?? 1)
}
