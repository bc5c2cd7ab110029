/** The name that was probably meant, for messages about a name that is not known. */

/** The nearest of the known names, by letters changed, added, left out or swapped; `undefined`: none is near. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  // Of short names a third of the letters: "sms" is not "mms" with two letters changed.
  let most = Math.min(2, Math.ceil(name.length / 3)) + 1
  for (const one of known) {
    if (Math.abs(one.length - name.length) >= most) continue
    const changes = one.toLowerCase() === name.toLowerCase() ? 0 : distance(name, one)
    if (changes >= most) continue
    best = one
    most = changes
  }
  return best
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
