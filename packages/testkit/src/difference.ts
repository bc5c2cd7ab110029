/** Where two plain values differ, in a sentence that names the place. Needs no test runner, and runs in a browser. */

/**
 * The first difference, or `null`. 'part': of objects only the keys that are expected are looked at; lists are always
 * compared whole. A key whose value is `undefined` counts as absent.
 *
 * @example
 * differenceOf('answer', { run: 1, outcome: 'started' }, { run: 2 }, 'part') // 'answer.run is 1, not 2.'
 */
export function differenceOf(
  path: string,
  actual: unknown,
  expected: unknown,
  extent: 'part' | 'whole',
): string | null {
  if (Object.is(actual, expected)) return null
  if (!isObject(actual) || !isObject(expected) || Array.isArray(actual) !== Array.isArray(expected))
    return `${path} is ${show(actual)}, not ${show(expected)}.`
  if (Array.isArray(expected)) {
    const list = actual as unknown as readonly unknown[]
    for (let i = 0; i < Math.min(list.length, expected.length); i++) {
      const difference = differenceOf(`${path}[${i}]`, list[i], expected[i], extent)
      if (difference !== null) return difference
    }
    if (list.length < expected.length) return `${path}[${list.length}] is missing: ${show(expected[list.length])}.`
    if (list.length > expected.length) return `${path}[${expected.length}] is too many: ${show(list[expected.length])}.`
    return null
  }
  const keys = new Set([...Object.keys(expected), ...(extent === 'whole' ? Object.keys(actual) : [])])
  for (const key of keys) {
    const difference = differenceOf(`${path}.${key}`, own(actual, key), own(expected, key), extent)
    if (difference !== null) return difference
  }
  return null
}

function own(value: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** A value as JSON, as far as it goes; sets as lists. */
export function show(value: unknown): string {
  return JSON.stringify(value, (_, inner) => (inner instanceof Set ? [...inner] : inner)) ?? String(value)
}
