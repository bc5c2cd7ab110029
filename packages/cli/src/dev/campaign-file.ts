/** Reads a campaign out of a file: JSON, or a module of JavaScript or TypeScript that exports one. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { messageOf, UsageError } from '../errors.ts'
import { placeText, withPlaceShown } from '../places.ts'

/** Of the file as a whole, where `path` is empty. */
export interface FileProblem {
  /** A JSON pointer into the campaign. */
  readonly path: string
  readonly message: string
}

export type ReadCampaign = { readonly definition: unknown } | { readonly problem: FileProblem }

const MODULES = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs']
const LONGEST_MS = 20_000

/** @throws UsageError if no campaign can be read from a file of this name, or there is none */
export function requireCampaignFile(path: string): void {
  if (extname(path) !== '.json' && !MODULES.includes(extname(path)))
    throw new UsageError(
      `${placeText(path)} is no campaign file; expected a name that ends with .json, ${MODULES.join(', ')}.`,
    )
  const stat = existsSync(path) ? statSync(path) : undefined
  if (stat === undefined || stat.isDirectory())
    throw new UsageError(
      `${stat === undefined ? 'There is no file' : 'It is a folder:'} ${placeText(path)}. "enfold dev" without a name shows an example.`,
    )
}

/** Never rejects: what is wrong is the answer. */
export async function readCampaign(path: string): Promise<ReadCampaign> {
  try {
    if (extname(path) === '.json') return { definition: JSON.parse(readFileSync(path, 'utf8')) }
    return { definition: await exportedFrom(path) }
  } catch (error) {
    const message = withPlaceShown(messageOf(error), path)
    return { problem: { path: '', message: error instanceof SyntaxError ? `is not JSON: ${message}` : message } }
  }
}

/**
 * In a process of its own: each time the module is new, with all that it imports, and what it does in between ends with it.
 * What it exports follows a mark that nothing else can print; whatever else it writes is dropped.
 */
const PROGRAM = `
const exported = await import(process.argv[1])
const isCampaign = (value) => typeof value === 'object' && value !== null && ('sequences' in value || 'goals' in value)
const found = [...new Set(Object.values(exported).filter(isCampaign))]
const chosen = isCampaign(exported.default) ? exported.default : found.length === 1 ? found[0] : undefined
const names = Object.keys(exported)
const answer = chosen === undefined ? { names, count: found.length } : { definition: chosen }
process.stdout.write('\\n' + process.argv[2] + JSON.stringify(answer), () => process.exit())
`

interface Exported {
  readonly definition?: unknown
  readonly names?: readonly string[]
  readonly count?: number
}

async function exportedFrom(path: string): Promise<unknown> {
  const mark = crypto.randomUUID()
  const strip = process.features.typescript === false ? ['--experimental-strip-types'] : []
  const args = [
    ...strip,
    '--no-warnings',
    '--input-type=module',
    '--eval',
    PROGRAM,
    pathToFileURL(resolve(path)).href,
    mark,
  ]
  const options = { encoding: 'utf8', timeout: LONGEST_MS, maxBuffer: 64 * 1024 * 1024 } as const
  const printed = await new Promise<string>((done, failed) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      if (error === null) done(stdout)
      else if (error.killed === true) failed(new Error(`did not end its loading within ${LONGEST_MS / 1000} seconds.`))
      else failed(new Error(`cannot be loaded: ${causeIn(stderr)}`))
    })
  })
  const at = printed.lastIndexOf(`\n${mark}`)
  if (at < 0) throw new Error('ended its process while it was loaded.')
  const { definition, names = [], count = 0 } = JSON.parse(printed.slice(at + 1 + mark.length)) as Exported
  if (definition !== undefined) return definition
  if (count > 1) throw new Error('exports several campaigns; expected one of them as its default export.')
  throw new Error(
    `exports no campaign; expected a default export such as { id, goals, sequences }${names.length === 0 ? '' : `, and found ${names.join(', ')}`}.`,
  )
}

/** Of what Node prints of an error, the place and the error itself, without the frames of the stack. */
function causeIn(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trimEnd())
  const at = lines.findIndex((line) => /^(?:\w*Error|EnfoldFault|RejectionError)\b/.test(line))
  const error = lines[at] ?? lines.find((line) => line !== '') ?? 'it ended with an error'
  const place = lines.slice(0, Math.max(at, 0)).find((line) => /^(?!node:).*[\\/][^\\/]+:\d+$/.test(line))
  return error + (place === undefined ? '' : ` (${place.replace(/^.*[\\/]/, '')})`) + hintFor(error)
}

/** The usual mistake: `npm init` makes a package of CommonJS, and campaigns are written with `import`. */
function hintFor(error: string): string {
  if (!/outside a module|Unexpected token 'export'/.test(error)) return ''
  return '. It is read as CommonJS: give it a name that ends with .mts or .mjs, or write "type": "module" into package.json'
}
