/** The instant that a CloudEvents `time` names, in the one form that a log has. */
import { type Instant, instantOf, isInstant } from './ids.ts'

/** https://www.rfc-editor.org/rfc/rfc3339#section-5.6 */
const RFC_3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,3})0*)?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/

/** `null` for what is no real instant, or lies between two milliseconds: nothing is rounded. */
export function utcOf(time: unknown): Instant | null {
  if (isInstant(time)) return time
  const found = typeof time === 'string' ? RFC_3339.exec(time) : null
  if (found === null) return null
  const [, seconds = '', fraction = '', sign, hours, minutes] = found
  const local = `${seconds}.${fraction.padEnd(3, '0')}Z`
  if (!isInstant(local)) return null
  const offsetMs = sign === undefined ? 0 : (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -60_000 : 60_000)
  const epochMs = Date.parse(local) - offsetMs
  const instant = instantOf(epochMs)
  return Date.parse(instant) === epochMs ? instant : null
}
