/** Says on the error output how far the days have come: a bar on a terminal, else a plain line each thirty days. */
import { epochMsOf, type Instant } from 'enfold'

const DAY_MS = 86_400_000
const WIDTH = 40

export interface Progress {
  /** @param sent how many mails and tasks so far */
  show(now: Instant, sent: number): void
  done(): void
}

export function createProgress(from: Instant, until: Instant, to: NodeJS.WriteStream = process.stderr): Progress {
  const days = (instant: Instant) => Math.floor((epochMsOf(instant) - epochMsOf(from)) / DAY_MS)
  const total = Math.max(1, days(until))
  let last = 0
  return {
    show(now, sent) {
      const day = Math.min(days(now), total)
      if (day === last || (!to.isTTY && Math.floor(day / 30) === Math.floor(last / 30))) return
      last = day
      const filled = Math.round((WIDTH * day) / total)
      const text = `day ${day} of ${total}, ${sent} sent`
      to.write(to.isTTY ? `\r\x1b[K${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${text}` : `${text}\n`)
    },
    done() {
      if (to.isTTY) to.write('\r\x1b[K')
    },
  }
}
