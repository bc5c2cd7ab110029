/**
 * The same JSON in other bytes: lines that any JSON parser reads as it reads the canonical one, or reads in two ways. None
 * may pass (AUDIT-5): a reader that looks at bytes and one that looks at what was parsed would see two logs.
 */

/** A part of a line: `from` and `to` as in `slice`. */
interface Span {
  readonly from: number
  readonly to: number
}
interface Member extends Span {
  readonly key: Span
  readonly value: Span
}
/** Where things stand in a line. */
interface Outline {
  /** Members of each object; those within a definition, a value, variables or a signal's data are the host's JSON, whose order is the host's. */
  readonly objects: readonly { readonly members: readonly Member[]; readonly isHosts: boolean }[]
  /** Keys and values. */
  readonly strings: readonly Span[]
  readonly numbers: readonly Span[]
  /** Between two tokens. */
  readonly gaps: readonly number[]
}

export type Spelling = 'key order' | 'escape' | 'white space' | 'key twice' | 'number form' | 'unicode form'
export const SPELLINGS: readonly Spelling[] = [
  'key order',
  'escape',
  'white space',
  'key twice',
  'number form',
  'unicode form',
]

/**
 * A line that is spelt otherwise; `null` where the line has no place for it.
 *
 * @param pick a whole number from 0 up to and without its argument
 */
export function respelt(line: string, spelling: Spelling, pick: (count: number) => number): string | null {
  const outline = outlineOf(line)
  const one = <T>(list: readonly T[]): T | undefined => list[pick(Math.max(1, list.length))]
  const put = ({ from, to }: Span, text: string) => line.slice(0, from) + text + line.slice(to)
  const text = ({ from, to }: Span) => line.slice(from, to)
  switch (spelling) {
    case 'white space': {
      const at = one(outline.gaps) ?? 0
      return put({ from: at, to: at }, one([' ', '\t', '\r', '  ']) ?? ' ')
    }
    case 'number form': {
      const number = one(outline.numbers.filter((span) => /^\d+$/.test(text(span))))
      if (number === undefined) return null
      const digits = text(number)
      return put(number, one([`${digits}.0`, `${digits}e0`, `${digits}E+0`, `${digits}.00e-0`]) ?? digits)
    }
    case 'key order': {
      const { members } = one(outline.objects.filter((object) => object.members.length > 1 && !object.isHosts)) ?? {}
      if (members === undefined) return null
      const first = pick(members.length - 1)
      const [a, b] = [members[first], members[first + 1 + pick(members.length - first - 1)]] as [Member, Member]
      return line.slice(0, a.from) + text(b) + line.slice(a.to, b.from) + text(a) + line.slice(b.to)
    }
    case 'key twice': {
      const members = outline.objects.flatMap((object) => object.members)
      const member = one(members) as Member
      const other = one(members) as Member
      // The same value again, or one that the last overrules, or one that overrules it.
      const value = one([text(member.value), text(other.value), '"bob"', 'null']) ?? 'null'
      const again = `${text(member.key)}:${value}`
      return pick(2) === 0
        ? put({ from: member.from, to: member.from }, `${again},`)
        : put({ from: member.to, to: member.to }, `,${again}`)
    }
    case 'escape':
      return escaped(
        line,
        one(outline.strings.filter((span) => /^"[\x20-\x7e]*[!-~][\x20-\x7e]*"$/.test(text(span)))),
        pick,
      )
    case 'unicode form':
      return escaped(line, one(outline.strings.filter((span) => /[\u00a0-\uffff]/.test(text(span)))), pick)
  }
}

/** One character of a string as an escape that need not be one. */
function escaped(line: string, span: Span | undefined, pick: (count: number) => number): string | null {
  if (span === undefined) return null
  const inner = line.slice(span.from + 1, span.to - 1)
  const isAscii = !/[\u00a0-\uffff]/.test(inner)
  // Within an escape that stands there already nothing is changed.
  const free = [...inner.matchAll(/\\u[0-9a-f]{4}|\\.|[^\\]/gs)].filter(
    ([found]) => found.length === 1 && (isAscii || found >= '\u00a0'),
  )
  const chosen = free[pick(Math.max(1, free.length))]
  if (chosen === undefined) return null
  const [character] = chosen
  const code = character.charCodeAt(0).toString(16).padStart(4, '0')
  const forms = [`\\u${code}`, `\\u${code.toUpperCase()}`, ...(character === '/' ? ['\\/'] : [])]
  const form = forms[pick(forms.length)] as string
  const at = span.from + 1 + chosen.index
  return line.slice(0, at) + form + line.slice(at + 1)
}

function outlineOf(line: string): Outline {
  const objects: { members: Member[]; isHosts: boolean }[] = []
  const [strings, numbers, gaps]: [Span[], Span[], number[]] = [[], [], []]
  let at = 0

  function token(end: number, into?: Span[]): Span {
    const span = { from: at, to: end }
    into?.push(span)
    gaps.push(at, end)
    at = end
    return span
  }
  function text(): Span {
    let end = at + 1
    while (line[end] !== '"') end += line[end] === '\\' ? 2 : 1
    return token(end + 1, strings)
  }
  function value(isHosts: boolean, depth: number): Span {
    const from = at
    const [first] = line.slice(at, at + 1)
    if (first === '"') return text()
    if (first === '{' || first === '[') {
      const members: Member[] = []
      if (first === '{') objects.push({ members, isHosts })
      token(at + 1)
      while (line[at] !== '}' && line[at] !== ']') {
        if (line[at] === ',') token(at + 1)
        const begin = at
        if (first === '[') {
          value(isHosts, depth + 1)
          continue
        }
        const key = text()
        token(at + 1)
        const name = line.slice(key.from, key.to)
        // The data of a signal lies within the data of its event.
        const beginsHosts = ['"definition"', '"value"', '"vars"'].includes(name) || (name === '"data"' && depth > 0)
        const inner = value(isHosts || beginsHosts, depth + 1)
        members.push({ from: begin, to: at, key, value: inner })
      }
      token(at + 1)
      return { from, to: at }
    }
    let end = at
    while (!',}]'.includes(line[end] ?? ',')) end++
    return token(end, /^-?\d/.test(line.slice(at, end)) ? numbers : undefined)
  }
  value(false, 0)
  return { objects, strings, numbers, gaps }
}
