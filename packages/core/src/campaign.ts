/**
 * A campaign: the checked definition and the graph of its goals and sequences. Rules VERSION-2, GOAL-4, ROUTE-5.
 * The shape is in `definition.ts`, its schema in `campaign-schema.ts`; which version is published is in `catalog.ts`.
 */

import { lineProblems, problem, shapeProblems, sizeProblems } from './campaign-schema.ts'
import type { CampaignDefinition, GoalDefinition, Route, SequenceDefinition, StepDefinition } from './definition.ts'
import { type Either, left, right } from './either.ts'
import { EnfoldFault } from './fault.ts'
import type { GoalId, SequenceId, StepId } from './ids.ts'
import { canonicalJson, type JsonValue, jsonPointer } from './json.ts'
import { notJsonIn } from './not-json.ts'
import { connectedParts, type NextOf, Reach, reachedFrom } from './reach.ts'
import type { CampaignInvalid, CampaignProblem } from './rejection.ts'
import { mixedTypes, unsafeIntegers } from './value-warnings.ts'
import { variableProblems, variableWarnings } from './variable-problems.ts'

/** A definition that passed every check, with its graph. Immutable; made only by `defineCampaign`. */
export interface Campaign {
  readonly id: string
  readonly definition: CampaignDefinition
  /** Legal but suspicious (VERSION-2). */
  readonly warnings: readonly CampaignProblem[]
  readonly goals: ReadonlyMap<GoalId, GoalDefinition>
  readonly sequences: ReadonlyMap<SequenceId, SequenceDefinition>
  /**
   * The sequence that a run of this version is of.
   *
   * @throws EnfoldFault `STORE_CORRUPT` if the version has no such sequence
   */
  sequence(sequenceId: SequenceId): SequenceDefinition
  /** Whether the goal can be reached from the sequence, directly or through others. Computed for all at the first question. */
  isUpstream(sequenceId: SequenceId, goalId: GoalId): boolean
  /** The sequences from which some goal can be reached. */
  readonly beforeGoals: ReadonlySet<SequenceId>
}

/**
 * Checks a definition: its shape, then its graph. Every problem is named with its path, in one answer.
 * The value is copied, so that later changes to it do no harm.
 *
 * @returns Left: `CampaignInvalid` with all problems. Right: the campaign, with warnings. Never throws.
 * @example
 * const made = defineCampaign({ id: 'c', goals: [], sequences: [{ id: 's', steps: [] }] })
 * // left: /sequences/0/steps …
 */
export function defineCampaign(input: unknown): Either<CampaignInvalid, Campaign> {
  const odd = input === undefined ? [] : unsayable(input)
  if (odd.length > 0) return left({ type: 'CampaignInvalid', problems: odd })
  const json = JSON.stringify(input) ?? 'null'
  const copy: unknown = JSON.parse(json)
  const tooLarge = [...lineProblems(copy, json), ...sizeProblems(copy)]
  const shape = tooLarge.length > 0 ? tooLarge : shapeProblems(copy)
  const graph = tooLarge.length > 0 ? [] : graphProblems(wellFormedPart(copy))
  const ofVariables = shape.length > 0 ? [] : variableProblems(copy as CampaignDefinition)
  const problems = [...shape, ...graph, ...ofVariables]
  if (problems.length > 0) return left({ type: 'CampaignInvalid', problems })
  return right(build(deepFreeze(copy as CampaignDefinition)))
}

const MOST_UNSAYABLE = 20

/** What would be published as something else than was written, a Map as `{}`. */
function unsayable(input: unknown): CampaignProblem[] {
  const problems: CampaignProblem[] = []
  for (const { keys, what, expected } of notJsonIn(input)) {
    if (problems.length === MOST_UNSAYABLE) break
    problems.push({ path: jsonPointer(keys), message: `${what}; expected ${expected}` })
  }
  return problems
}

/**
 * The campaign of a definition that was checked when it was published. It is not checked again: what a newer release is
 * stricter about, or a time zone that this machine does not know, must not unmake the past (LOG-5).
 *
 * @throws what is no definition at all
 */
export function publishedCampaign(definition: CampaignDefinition): Campaign {
  return build(deepFreeze(structuredClone(definition)))
}

/** `NoInfer` came with TypeScript 5.4. Hosts may have 5.0: this says the same to it. */
type NotInferred<Id extends string> = [Id][Id extends unknown ? 0 : never]

/**
 * A definition written in TypeScript, with its ids checked by the compiler: a route to a node that the campaign does not
 * have is a type error. The value is given back as it is, and its type keeps all ids and kinds, so that an engine can know
 * them (`createEngine({ campaigns })`); before TypeScript 5.3 only of what is written `as const`. `defineCampaign` or
 * `engine.publish` checks the rest.
 *
 * @example
 * campaign({ id: 'c', goals: [{ id: 'asked', when: { kind: 'form-submitted' }, next: ['nurture'] }],
 *   sequences: [{ id: 'nurture', steps: [{ id: 'one', kind: 'email' }] }] })
 */
export function campaign<
  const Definition extends CampaignDefinition,
  const Goal extends string = never,
  const Sequence extends string = never,
>(
  definition: Definition &
    Omit<CampaignDefinition, 'goals' | 'sequences'> & {
      readonly goals: readonly (GoalDefinition<NotInferred<Goal | Sequence>> & { readonly id: Goal })[]
      readonly sequences: readonly (SequenceDefinition<NotInferred<Goal | Sequence>> & { readonly id: Sequence })[]
    } & { readonly [Unknown in Exclude<keyof Definition, keyof CampaignDefinition>]: never },
): Definition {
  return definition
}

/** True if both say the same, whatever the order of their keys. */
export function sameDefinition(a: CampaignDefinition, b: CampaignDefinition): boolean {
  return canonicalJson(a as unknown as JsonValue) === canonicalJson(b as unknown as JsonValue)
}

export function stepOf(sequence: SequenceDefinition, stepId: StepId): StepDefinition | undefined {
  return sequence.steps.find((step) => step.id === stepId)
}

/** The step that a run has a record of: its version has it. */
export function requireStep(sequence: SequenceDefinition, stepId: StepId): StepDefinition {
  const step = stepOf(sequence, stepId)
  if (step === undefined) throw lacks(`the sequence ${JSON.stringify(sequence.id)}`, 'step', stepId)
  return step
}

function lacks(whole: string, part: 'sequence' | 'step', id: string): EnfoldFault {
  const message = `The log has a run with the ${part} ${JSON.stringify(id)}, which its version of ${whole} lacks.`
  return new EnfoldFault('STORE_CORRUPT', `${message} Ask \`enfold verify\` what else is wrong.`, { [`${part}Id`]: id })
}

export function targetOf(route: Route): string {
  return typeof route === 'string' ? route : route.to
}

/** Whether the contact's field was declared `private`: then only outcomes of tests are recorded (LOG-4). */
export function isPrivateField(definition: CampaignDefinition, field: string): boolean {
  const fields = definition.fields
  return fields !== undefined && Object.hasOwn(fields, field) && fields[field]?.private === true
}

// --- The graph ------------------------------------------------------------------------------------------------------

interface Node {
  readonly path: string
  readonly id: string
  /** `null` instead of what is no route at all; problems of shape name it. */
  readonly next: readonly (Route | null)[]
}

function nodesOf({ goals, sequences }: CampaignDefinition): Node[] {
  return [
    ...goals.map((goal, i) => ({ path: `/goals/${i}`, id: goal.id, next: goal.next ?? [] })),
    ...sequences.map((sequence, i) => ({ path: `/sequences/${i}`, id: sequence.id, next: sequence.next ?? [] })),
  ]
}

/** What of a document the graph's checks can read, so that they speak even where the shape is wrong elsewhere. */
function wellFormedPart(document: unknown): CampaignDefinition {
  const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
  const routesOf = (next: unknown) =>
    listOf(next).map((route) => {
      const target = typeof route === 'string' ? route : (route as { to?: unknown } | null)?.to
      return typeof target === 'string' ? route : null
    })
  // An entry without an id keeps its place, under a name that no route and no other entry has.
  const idOf = (value: { id?: unknown } | null, path: string) =>
    typeof value?.id === 'string' ? value.id : `(no id at ${path})`
  const { goals, sequences } = (document ?? {}) as { goals?: unknown; sequences?: unknown }
  return {
    goals: listOf(goals).map((goal, i) => ({
      id: idOf(goal as { id?: unknown } | null, `/goals/${i}`),
      next: routesOf((goal as { next?: unknown } | null)?.next),
    })),
    sequences: listOf(sequences).map((sequence, i) => ({
      id: idOf(sequence as { id?: unknown } | null, `/sequences/${i}`),
      next: routesOf((sequence as { next?: unknown } | null)?.next),
      steps: listOf((sequence as { steps?: unknown } | null)?.steps).map((step, j) => ({
        id: idOf(step as { id?: unknown } | null, `/sequences/${i}/steps/${j}`),
      })),
    })),
  } as unknown as CampaignDefinition
}

function graphProblems(definition: CampaignDefinition): CampaignProblem[] {
  const problems: CampaignProblem[] = []
  const nodes = nodesOf(definition)
  const firstPath = new Map<string, string>()
  for (const { id, path } of nodes) {
    const first = firstPath.get(id)
    if (first === undefined) firstPath.set(id, path)
    else problems.push(problem(`${path}/id`, id, `an id that no other node has; ${first} has it`))
  }
  for (const { path, next } of nodes) {
    let otherwise: number | undefined
    const plain = new Map<string, number>()
    next.forEach((route, i) => {
      if (route === null) return
      const at = `${path}/next/${i}`
      const target = targetOf(route)
      if (!firstPath.has(target))
        problems.push(
          problem(typeof route === 'string' ? at : `${at}/to`, target, 'the id of a goal or sequence of this campaign'),
        )
      if (typeof route === 'string') {
        const first = plain.get(route)
        if (first === undefined) plain.set(route, i)
        else problems.push(problem(at, route, `each node once; next/${first} leads there already`))
      } else if ('otherwise' in route) {
        if (otherwise === undefined) otherwise = i
        else problems.push(problem(`${at}/otherwise`, true, `one "otherwise" at most; next/${otherwise} is it already`))
      }
    })
  }
  definition.sequences.forEach((sequence, s) => {
    const first = new Map<string, number>()
    sequence.steps.forEach((step, i) => {
      const at = first.get(step.id)
      const path = `/sequences/${s}/steps/${i}`
      if (at === undefined) first.set(step.id, i)
      else
        problems.push(
          problem(`${path}/id`, step.id, `an id that no other step of the sequence has; steps/${at} has it`),
        )
    })
  })
  return problems
}

function build(definition: CampaignDefinition): Campaign {
  const goals = new Map(definition.goals.map((goal) => [goal.id, goal] as const))
  const sequences = new Map(definition.sequences.map((sequence) => [sequence.id, sequence] as const))
  const next = new Map<string, readonly string[]>()
  const before = new Map<string, string[]>()
  for (const node of nodesOf(definition)) {
    const targets = node.next.map((route) => targetOf(route as Route))
    next.set(node.id, targets)
    for (const target of targets) {
      const sources = before.get(target)
      if (sources === undefined) before.set(target, [node.id])
      else sources.push(node.id)
    }
  }
  const nextOf = (id: string) => next.get(id) ?? []
  const sourcesOf = (id: string) => before.get(id) ?? []
  const beforeGoals = new Set([...reachedFrom(goals.keys(), sourcesOf)].filter((id) => sequences.has(id)))
  let reach: Reach | undefined
  const isUpstream = (sequenceId: SequenceId, goalId: GoalId): boolean => {
    reach ??= new Reach(next.keys(), nextOf, goals.keys())
    return sequences.has(sequenceId) && reach.has(sequenceId, goalId)
  }
  const sequence = (id: SequenceId): SequenceDefinition => {
    const found = sequences.get(id)
    if (found === undefined) throw lacks(`the campaign ${JSON.stringify(definition.id)}`, 'sequence', id)
    return found
  }
  const made = { id: definition.id, definition, goals, sequences, sequence, isUpstream, beforeGoals }
  return { ...made, warnings: warningsOf(made, nextOf, sourcesOf) }
}

function warningsOf(made: Omit<Campaign, 'warnings'>, nextOf: NextOf, sourcesOf: NextOf): CampaignProblem[] {
  const { definition } = made
  const warnings: CampaignProblem[] = []
  const hasEntry = definition.goals.some((goal) => goal.achievableBy !== 'members' && (goal.next ?? []).length > 0)
  // Not by what leads to each goal: that is a product of goals and sequences.
  const afterSequences = reachedFrom(made.sequences.keys(), nextOf)
  definition.goals.forEach((goal, i) => {
    const members = goal.achievableBy === 'members'
    if (members && (goal.next ?? []).length === 0 && !afterSequences.has(goal.id))
      warnings.push({ path: `/goals/${i}`, value: goal.id, message: 'stops nothing and starts nothing' })
    if (members && !hasEntry)
      warnings.push({
        path: `/goals/${i}/achievableBy`,
        value: 'members',
        message:
          'can be satisfied by members only, and no goal of the campaign makes a member: only a start by hand does',
      })
  })
  const loops = waitlessLoops(made)
  definition.sequences.forEach((sequence, i) => {
    const path = `/sequences/${i}`
    if (sourcesOf(sequence.id).every((id) => id === sequence.id))
      warnings.push({ path, value: sequence.id, message: 'has no route to it: it can only be started manually' })
    if (loops.has(sequence.id))
      warnings.push({
        path,
        value: sequence.id,
        message: 'leads back to itself without a wait: its steps would be sent over and over',
      })
    if (sequence.steps.every((step) => step.draft === true))
      warnings.push({ path: `${path}/steps`, message: 'are all drafts: nothing is sent' })
  })
  const ofVariables = variableWarnings(definition, made.isUpstream)
  return [...warnings, ...ofVariables, ...unsafeIntegers(definition), ...mixedTypes(definition)]
}

/** The sequences that lead back to themselves through sequences without any wait. */
function waitlessLoops({ sequences, sequence }: Pick<Campaign, 'sequences' | 'sequence'>): ReadonlySet<SequenceId> {
  const nextOf = (id: SequenceId): readonly SequenceId[] => {
    const { steps, next = [] } = sequence(id)
    const waits = steps.some((step) => step.timer !== undefined)
    return waits ? [] : next.map(targetOf).filter((target) => sequences.has(target))
  }
  const parts = connectedParts(sequences.keys(), nextOf)
  // A part is a loop if it has several, or one that leads to itself.
  return new Set(parts.flatMap((part) => (part.length > 1 || part.some((id) => nextOf(id).includes(id)) ? part : [])))
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
