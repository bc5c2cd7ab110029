/**
 * Refuses a Node that is too old. This is the first module of core that is evaluated, and every package imports core, so
 * a host is told before anything is done. Without it an old Node fails late and wrongly: Node 20 lacks
 * `Promise.withResolvers`, so a step was dispatched twice and its outcome was never recorded.
 */
import { EnfoldFault } from './fault.ts'

/** The oldest Node that Enfold runs on: the first with all of `node:sqlite`, `require` of ES modules and zstd. */
export const REQUIRED_NODE = '22.15'

/** What `process.versions` says. Bun and Deno name a version of Node too, which tells nothing about them. */
export interface RuntimeVersions {
  readonly node?: string
  readonly bun?: string
  readonly deno?: string
}

/** The sentence for a Node that is too old; `null` for one that will do, and for every other runtime. */
export function nodeTooOld({ node, bun, deno }: RuntimeVersions): string | null {
  if (node === undefined || bun !== undefined || deno !== undefined) return null
  const [major = 0, minor = 0] = node.split('.').map(Number)
  const [neededMajor = 0, neededMinor = 0] = REQUIRED_NODE.split('.').map(Number)
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return null
  return `Enfold needs Node ${REQUIRED_NODE} or newer, and this is Node ${node}.`
}

declare const process: { readonly versions?: RuntimeVersions } | undefined

const refusal = nodeTooOld((typeof process === 'undefined' ? undefined : process.versions) ?? {})
if (refusal !== null) throw new EnfoldFault('NODE_TOO_OLD', refusal)
