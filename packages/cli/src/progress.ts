/** Says on the error output how far a long command has come: on a terminal, from the first second on. */

export interface Progress {
  /** @param share how much of the whole was read, 0 to 1; `null` if the whole is not known */
  show(events: number, share: number | null): void
  /** Wipes the line. */
  done(): void
}

const FIRST_MS = 1000
const NEXT_MS = 100
const WIDTH = 30

/** @param nowMs of a clock that only goes forward */
export function createProgress(to: NodeJS.WriteStream, nowMs: () => number = () => performance.now()): Progress {
  let nextAt = nowMs() + FIRST_MS
  let shown = false
  return {
    show(events, share) {
      if (!to.isTTY || nowMs() < nextAt) return
      nextAt = nowMs() + NEXT_MS
      shown = true
      const filled = Math.round(WIDTH * (share ?? 0))
      const bar = share === null ? '' : `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} `
      to.write(`\r\x1b[K${bar}${events.toLocaleString('en')} events`)
    },
    done() {
      if (shown) to.write('\r\x1b[K')
      shown = false
    },
  }
}
