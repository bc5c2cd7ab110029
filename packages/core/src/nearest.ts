/** The name that was probably meant, for messages about a name that is not known. */

/**
 * The nearest of the known names, by letters changed, added, left out or swapped; `undefined`: none is near.
 *
 * @example
 * nearest('nurtrue', ['welcome', 'nurture']) // 'nurture'
 */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const [first] = nearestFirst(name, known, 1)
  return first === undefined || changesFor(name, first) === Number.POSITIVE_INFINITY ? undefined : first
}

/**
 * Some of the known names: those near first, the nearest of them before, then the others in their order.
 *
 * @example
 * nearestFirst('nurtrue', ['welcome', 'nurture']) // ['nurture', 'welcome']
 */
export function nearestFirst(name: string, known: Iterable<string>, most = MOST_NAMED): readonly string[] {
  const measured = Array.from(known, (one) => ({ one, changes: changesFor(name, one) }))
  // Not by their difference: infinity less infinity is no number.
  measured.sort((a, b) => (a.changes === b.changes ? 0 : a.changes < b.changes ? -1 : 1))
  return measured.slice(0, most).map(({ one }) => one)
}

/** How many known names a message says. */
export const MOST_NAMED = 5

/** Infinite where they are not near. */
function changesFor(name: string, one: string): number {
  // Of short names a third of the letters: "sms" is not "mms" with two letters changed.
  const most = Math.min(2, Math.ceil(name.length / 3))
  if (Math.abs(one.length - name.length) > most) return Number.POSITIVE_INFINITY
  const changes = one.toLowerCase() === name.toLowerCase() ? 0 : distance(name, one)
  return changes > most ? Number.POSITIVE_INFINITY : changes
}

/** How many single changes make one text of the other; a swap of neighbours is one. */
function distance(a: string, b: string): number {
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1)
      row.push(least)
    }
    ;[before, last] = [last, row]
  }
  return last[b.length] ?? 0
}
