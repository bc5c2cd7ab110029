/** One call of a tool: its arguments are checked, it is done, and its answer is said in words and kept to a size. */
import { visibleText } from '@enfold/core'
import type { Problem } from '@enfold/http'
import { problemOf } from '@enfold/http/routes'
import type { CallToolResult } from '@modelcontextprotocol/server'
import type { TSchema } from 'typebox'
import * as Type from 'typebox'
import { type Cut, fitted, sizeOf } from './fit.ts'
import { type InputProblem, inputProblems } from './input-problems.ts'
import { closed, type Input, type Tool, type ToolCall } from './tool.ts'
import { said } from './words.ts'

const LINES = 60
/** Of one line: a reason may have 10,000 characters. */
const LINE_LENGTH = 500

export interface Limits {
  /** Of an answer as JSON, in characters. */
  readonly maxAnswerLength: number
  /** Told of what is nobody's fault outside. */
  onError(error: unknown): void
}

/** The shape of `structuredContent`: the answer of the API, and what was left out of it. */
export function outputSchema(answer: TSchema): TSchema {
  return closed({
    answer,
    /** Lists that were cut at their ends. */
    cut: Type.Optional(
      Type.Array(
        closed({ path: Type.String(), shown: Type.Integer({ minimum: 0 }), of: Type.Integer({ minimum: 0 }) }),
      ),
    ),
    /** The page is as long as this, and not as was asked for. */
    limit: Type.Optional(Type.Integer({ minimum: 1 })),
  })
}

/** Never rejects: what goes wrong is an answer with `isError`. */
export async function callTool(tool: Tool, input: Input, call: ToolCall, limits: Limits): Promise<CallToolResult> {
  try {
    const problems = problemsIn(tool, input)
    if (problems.length > 0) return invalid(tool, problems)
    const { answer, limit } = await answered(tool, input, call, limits)
    const fit = fitted(answer, limits.maxAnswerLength)
    if (fit === null) return tooLong(answer, limits)
    const { cuts } = fit
    return {
      content: [text([...wordsOf(tool, answer, input), ...cutsInWords(cuts, limit)])],
      structuredContent: {
        answer: fit.answer,
        ...(cuts.length === 0 ? {} : { cut: cuts }),
        ...(limit === null ? {} : { limit }),
      },
    }
  } catch (error) {
    const problem = problemOf(call.principal, error)
    // What was given up by the client is nobody's fault, and nobody reads the answer.
    if (problem.status >= 500 && !call.signal.aborted) limits.onError(error)
    return refused(problem)
  }
}

function problemsIn(tool: Tool, input: Input): readonly InputProblem[] {
  const problems = inputProblems(tool.input, input)
  if (problems.length > 0) return problems
  const more = tool.inputFor?.(input)
  return more?.schema === undefined ? [] : inputProblems(more.schema, more.input)
}

/** A page that is too long is asked for again, with fewer in it: cut at its end, what follows would be missed. */
async function answered(
  tool: Tool,
  input: Input,
  call: ToolCall,
  { maxAnswerLength }: Limits,
): Promise<{ readonly answer: unknown; readonly limit: number | null }> {
  let answer = await tool.run(input, call)
  const { limit: asked = usualLimit(tool) } = input
  if (typeof asked !== 'number') return { answer, limit: null }
  let limit = asked
  while (sizeOf(answer) > maxAnswerLength && limit > 1) {
    call.signal.throwIfAborted()
    limit = Math.max(1, Math.floor(limit / 4))
    answer = await tool.run({ ...input, limit }, call)
  }
  return { answer, limit: limit === asked ? null : limit }
}

function usualLimit({ input }: Tool): number | undefined {
  const { properties = {} } = input as {
    readonly properties?: Readonly<Record<string, { readonly default?: unknown }>>
  }
  const usual = properties.limit?.default
  return typeof usual === 'number' ? usual : undefined
}

// --- In words -------------------------------------------------------------------------------------------------------

const text = (lines: readonly string[]) => ({ type: 'text' as const, text: lines.join('\n') })

function wordsOf(tool: Tool, answer: unknown, input: Input): readonly string[] {
  const lines = tool.words(answer, input).map(shortened)
  const more = lines.length - LINES
  return more <= 0 ? lines : [...lines.slice(0, LINES), `… and ${said(more)} lines more, in the structured content.`]
}

const shortened = (line: string) =>
  line.length <= LINE_LENGTH
    ? line
    : `${line.slice(0, LINE_LENGTH).toWellFormed()}… (the rest is in the structured content)`

function cutsInWords(cuts: readonly Cut[], limit: number | null): readonly string[] {
  return [
    ...(limit === null ? [] : [`The page has at most ${said(limit)}, because more would be too long.`]),
    ...cuts.map(
      ({ path, shown, of }) =>
        `Cut: of ${visibleText(path)} the first ${said(shown)} of ${said(of)} are here. Ask for less to see the rest.`,
    ),
  ]
}

// --- Refusals -------------------------------------------------------------------------------------------------------

function failure(sentence: string, more: object): CallToolResult {
  return { isError: true, content: [text([sentence]), text([JSON.stringify(more)])] }
}

function invalid(tool: Tool, problems: readonly InputProblem[]): CallToolResult {
  const lines = problems.map(({ path, problem, value, expected, hint }) =>
    [
      `${path}${value === undefined ? (problem === undefined ? '' : ` ${problem}`) : ` is ${value}`}: expected ${expected}.`,
      ...(hint === undefined ? [] : [hint]),
    ].join(' '),
  )
  return failure([`${tool.name} was not called: its arguments are wrong.`, ...lines].join('\n'), {
    type: 'InputInvalid',
    problems,
  })
}

function refused(problem: Problem): CallToolResult {
  const { detail, problems = [] } = problem
  const lines = problems.map(({ path, message }) => `${visibleText(path)}: ${visibleText(message)}`)
  return failure([visibleText(detail), ...lines].join('\n'), problem)
}

function tooLong(answer: unknown, { maxAnswerLength }: Limits): CallToolResult {
  const [length, most] = [sizeOf(answer), maxAnswerLength]
  return failure(
    `The answer has ${said(length)} characters, and one value alone is longer than the ${said(most)} that are sent. Ask for less.`,
    { type: 'AnswerTooLong', length, most },
  )
}
