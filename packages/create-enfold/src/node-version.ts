/** Refuses a Node that Enfold does not run on, before anything is written for it. Imported first. */
import { InitError } from './errors.ts'

const REQUIRED = [22, 15] as const

const { node } = process.versions
const [major = 0, minor = 0] = node.split('.').map(Number)
if (major < REQUIRED[0] || (major === REQUIRED[0] && minor < REQUIRED[1])) {
  const refusal = new InitError(`Enfold needs Node ${REQUIRED.join('.')} or newer, and this is Node ${node}.`)
  throw Object.assign(refusal, { code: 'NODE_TOO_OLD' })
}
