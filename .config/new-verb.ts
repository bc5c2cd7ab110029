/**
 * What a new verb costs: adds one to the sources in memory, as its file and a row in the table, and asks the compiler
 * which files are missing its sentences. Then adds those and asks again. Nothing is written.
 *
 *     node .config/new-verb.ts
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

const say = (line: string) => process.stdout.write(`${line}\n`)
const ROOT = join(import.meta.dirname, '..')
/** Not what looks at other sources when it is run, nor what is written for hosts. */
const PRODUCT = /\/packages\/(?!templates\/|bench\/)[^/]+\/src\//
const NOT_PRODUCT = /\.test\.ts$/
const at = (path: string) => join(ROOT, path)

/** A verb of the simplest kind, about a step; any other verb costs the same files. */
const VERB = {
  'packages/core/src/verbs/hurry-step.ts': `
import type { OfStep } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { runAndStep } from '../decision/finding.ts'
import { isLeft, right } from '../either.ts'
import { refOf } from '../enrollment.ts'
import { defineVerb, firstOf } from './verb.ts'

export interface HurryStep extends OfStep {
  readonly type: 'HurryStep'
}

export const hurryStep = defineVerb<HurryStep>()({
  command: 'HurryStep',
  word: 'hurry',
  summary: 'Sends a step before it is due',
  about: 'step',
  permission: ['resend'],
  readsFacts: false,
  outcomes: ['hurried', 'already_hurried'],
  unchanged: ['already_hurried'],
  answers: { run: 'count' },
  recordedBy: 'StepResent',
  decide(command, decision) {
    const found = runAndStep(command, decision)
    if (isLeft(found)) return found
    const { run, record } = found.right
    if (record?.status === 'sent') return right({ outcome: 'already_hurried', run: run.run })
    const ref = { ...refOf(command), run: run.run, stepId: command.stepId }
    decision.add('StepResent', { ...ref, resend: 1 }, byOperator(command))
    return right(null)
  },
  answerFrom: (added) => ({ outcome: 'hurried', run: firstOf(added, 'StepResent').run }),
})
`,
}

const ROW: readonly Insertion[] = [
  ['packages/core/src/verbs/index.ts', `import { pauseSequence }`, `import { hurryStep } from './hurry-step.ts'\n`],
  ['packages/core/src/verbs/index.ts', `  stopAll,\n`, `  hurryStep,\n`],
]

const SENTENCES: readonly Insertion[] = [
  [
    'packages/cli/src/order-sentences.ts',
    `  stopAll: {\n`,
    `  hurryStep: { help: 'h', options: {}, would: () => 'w', did: { hurried: () => 'h', already_hurried: () => 'a' } },\n`,
  ],
  [
    'packages/console/src/order-sentences.ts',
    `  stopAll: {\n`,
    `  hurryStep: { title: 'Hurry', says: 'It goes out now.', offered: () => true },\n`,
  ],
  ['packages/console/src/order-sentences.ts', `  stopped: '`, `  hurried: 'h',\n  already_hurried: 'a',\n`],
]

type Insertion = readonly [file: string, before: string, text: string]

/** The sources with some files written and some lines inserted. */
function overlay(...insertions: readonly Insertion[]): ReadonlyMap<string, string> {
  const files = new Map(Object.entries(VERB).map(([file, text]) => [at(file), text]))
  for (const [file, before, text] of insertions) {
    const source = files.get(at(file)) ?? readFileSync(at(file), 'utf8')
    if (!source.includes(before)) throw new Error(`${file} has no line that begins with ${JSON.stringify(before)}`)
    files.set(at(file), source.replace(before, text + before))
  }
  return files
}

/** Files with errors, each with its first. */
function errorsWith(changed: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const path = at('.config/tsconfig.json')
  const config = ts.parseJsonConfigFileContent(
    ts.readConfigFile(path, ts.sys.readFile).config,
    ts.sys,
    join(path, '..'),
  )
  const sources = config.fileNames.filter((file) => PRODUCT.test(file) && !NOT_PRODUCT.test(file))
  const host = ts.createCompilerHost(config.options)
  const { readFile, fileExists } = host
  host.readFile = (file) => changed.get(file) ?? readFile(file)
  host.fileExists = (file) => changed.has(file) || fileExists(file)
  const program = ts.createProgram([...sources, ...changed.keys()], config.options, host)
  const errors = new Map<string, string>()
  for (const { file, messageText } of ts.getPreEmitDiagnostics(program)) {
    const name = file?.fileName.slice(ROOT.length + 1) ?? 'none'
    if (!errors.has(name)) errors.set(name, ts.flattenDiagnosticMessageText(messageText, ' ').slice(0, 120))
  }
  return errors
}

const missing = errorsWith(overlay(...ROW))
say('With its file and its row in the table, the compiler asks for sentences in:')
for (const [file, message] of missing) say(`  ${file}: ${message}`)
const left = errorsWith(overlay(...ROW, ...SENTENCES))
say(left.size === 0 ? 'With these sentences, everything compiles.' : 'Still missing:')
for (const [file, message] of left) say(`  ${file}: ${message}`)

const expected = [...new Set(SENTENCES.map(([file]) => file))].sort()
const isAsSaid = left.size === 0 && JSON.stringify([...missing.keys()].sort()) === JSON.stringify(expected)
if (!isAsSaid) say(`Expected: the compiler asks for sentences in ${expected.join(' and ')}, and for nothing else.`)
process.exitCode = isAsSaid ? 0 : 1
