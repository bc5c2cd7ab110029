/**
 * Extension attributes of CloudEvents: what other programs add to a line. Enfold carries them and ignores
 * them: no rule reads one, and no hash covers one, so that any program that passes an event on may add its own.
 */

/** By name. Values are what CloudEvents knows as Boolean, Integer, String and what is written as one. */
export type Extensions = Readonly<Record<string, string | number | boolean>>

/** Of one event, and characters of one value. */
const MAX_EXTENSIONS = 20
const MAX_CHARACTERS = 4096

const NAME = /^[a-z][a-z0-9]{0,39}$/

/** Why an attribute is none; `null`: it may stand in a line. @param known names that an event itself may have */
export function extensionProblem(name: string, value: unknown, known: readonly string[]): string | null {
  if (!NAME.test(name)) return 'is not known here (misspelled?)'
  const meant = known.find((one) => isNearly(name, one))
  if (meant !== undefined) return `is nothing that is known here (did you mean ${meant}?)`
  if (typeof value === 'boolean') return null
  if (typeof value === 'number')
    return Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31 ? null : NO_SCALAR
  if (typeof value !== 'string' || !value.isWellFormed()) return NO_SCALAR
  return value.length <= MAX_CHARACTERS ? null : `has more than ${MAX_CHARACTERS} characters`
}

const NO_SCALAR = 'is no value of an extension attribute; expected a text, true, false or a whole number of 32 bits'

/** As they stand in a line: by name. @returns `null`: there are more than an event may have */
export function extensionsOf(found: readonly (readonly [string, unknown])[]): Extensions | null {
  if (found.length > MAX_EXTENSIONS) return null
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1))) as Extensions
}

/** A letter too many, too few, another or changed for its neighbour; or up to two more at the end. */
function isNearly(name: string, known: string): boolean {
  if (name.startsWith(known)) return name.length <= known.length + 2
  let from = 0
  while (from < name.length && name[from] === known[from]) from++
  const [a, b] = [name.slice(from), known.slice(from)]
  return (
    a.slice(1) === b.slice(1) ||
    a.slice(1) === b ||
    a === b.slice(1) ||
    (a[0] === b[1] && a[1] === b[0] && a.slice(2) === b.slice(2))
  )
}
