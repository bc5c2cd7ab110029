/** Says on the error output how far a long command has come: on a terminal, from the first second on. */

export interface Progress {
  /** @param share how much of the whole is done, 0 to 1; `null` if the whole is not known */
  show(count: number, share: number | null): void
  /** Wipes the line. */
  done(): void
}

const FIRST_MS = 1000
const NEXT_MS = 100
const WIDTH = 30

/**
 * @param nowMs of a clock that only goes forward
 * @param what is counted, in the plural
 */
export function createProgress(
  to: NodeJS.WriteStream,
  nowMs: () => number = () => performance.now(),
  what = 'events',
): Progress {
  let nextAt = nowMs() + FIRST_MS
  let shown = false
  return {
    show(count, share) {
      if (!to.isTTY || nowMs() < nextAt) return
      nextAt = nowMs() + NEXT_MS
      shown = true
      const filled = Math.round(WIDTH * (share ?? 0))
      const bar = share === null ? '' : `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} `
      to.write(`\r\x1b[K${bar}${count.toLocaleString('en')} ${what}`)
    },
    done() {
      if (shown) to.write('\r\x1b[K')
      shown = false
    },
  }
}
