/**
 * What a definition says of variables and keys: each that is read must be one that the sequence has. And what is legal
 * there, and can hardly be meant. Rules VAR-1, VAR-2, KEY-1, KEY-3, VERSION-2.
 */
import { problem } from './campaign-schema.ts'
import type { CampaignDefinition, Condition, GoalDefinition, Route, SequenceDefinition } from './definition.ts'
import { jsonPointerSegment } from './json.ts'
import { nearest } from './nearest.ts'
import type { CampaignProblem } from './rejection.ts'
import { isTest } from './signal-match.ts'
import { MAX_VARIABLES } from './variables.ts'

/** A variable that something reads, and where. */
interface Read {
  readonly path: string
  readonly name: string
}

/** Of a definition whose shape is right: what names a variable that there is not. */
export function variableProblems(definition: CampaignDefinition): CampaignProblem[] {
  const { goals, sequences } = definition
  const anywhere = new Set(sequences.flatMap(({ vars }) => Object.keys(vars ?? {})))
  return [
    ...goals.flatMap((goal, g) => [
      ...readsOfPatterns(goal, `/goals/${g}`)
        .filter(({ name }) => !anywhere.has(name))
        .map((read) => unknown(read, [...anywhere], 'a variable of a sequence of this campaign')),
      ...readsOfRoutes(goal.next, `/goals/${g}`).map(({ path, name }) =>
        problem(path, name, 'a tag or a field: a goal has no variables. What its signal says is tested by "match"'),
      ),
    ]),
    ...sequences.flatMap((sequence, s) => problemsOf(sequence, `/sequences/${s}`)),
  ]
}

function problemsOf(sequence: SequenceDefinition, path: string): CampaignProblem[] {
  const own = Object.keys(sequence.vars ?? {})
  const reads = [
    ...(sequence.per === undefined ? [] : [{ path: `${path}/per`, name: sequence.per }]),
    ...sequence.steps.flatMap(({ timer, if: condition }, i) => [
      ...(timer !== undefined && 'var' in timer ? [{ path: `${path}/steps/${i}/timer/var`, name: timer.var }] : []),
      ...(condition === undefined ? [] : readsOf(condition, `${path}/steps/${i}/if`)),
    ]),
    ...readsOfRoutes(sequence.next, path),
  ]
  const problems = reads
    .filter(({ name }) => !own.includes(name))
    .map((read) => unknown(read, own, 'a variable of the sequence'))
  if (own.length <= MAX_VARIABLES) return problems
  return [
    { path: `${path}/vars`, message: `has ${own.length} variables; a run has at most ${MAX_VARIABLES}` },
    ...problems,
  ]
}

function unknown({ path, name }: Read, known: readonly string[], expected: string): CampaignProblem {
  const near = nearest(name, known)
  const declared = `"vars": { ${JSON.stringify(name)}: { "data": ${JSON.stringify(name)} } }`
  const fix = near === undefined ? `; declare it, ${declared}` : `; did you mean ${JSON.stringify(near)}?`
  return problem(path, name, `${expected}${fix}`)
}

function readsOfPatterns({ when }: GoalDefinition, path: string): Read[] {
  return [when].flat().flatMap(({ match }, i) =>
    Object.entries(match ?? {}).flatMap(([key, test]) => {
      const at = `${path}/when${Array.isArray(when) ? `/${i}` : ''}/match/${jsonPointerSegment(key)}/var`
      return isTest(test) && 'var' in test ? [{ path: at, name: test.var }] : []
    }),
  )
}

function readsOfRoutes(next: readonly Route[] | undefined, path: string): Read[] {
  return (next ?? []).flatMap((route, i) =>
    typeof route === 'object' && 'if' in route ? readsOf(route.if, `${path}/next/${i}/if`) : [],
  )
}

function readsOf(condition: Condition, path: string): Read[] {
  if ('var' in condition) return [{ path: `${path}/var`, name: condition.var }]
  const nested = (key: string, ones: readonly Condition[]) =>
    ones.flatMap((one, i) => readsOf(one, `${path}/${key}/${i}`))
  if ('all' in condition) return nested('all', condition.all)
  if ('any' in condition) return nested('any', condition.any)
  return 'none' in condition ? nested('none', condition.none) : []
}

/** What is legal and can hardly be meant: keys that nothing says, and values that are not recorded. */
export function variableWarnings(
  definition: CampaignDefinition,
  isUpstream: (sequenceId: string, goalId: string) => boolean,
): CampaignProblem[] {
  const { goals, sequences } = definition
  const byId = new Map(sequences.map((sequence) => [sequence.id, sequence] as const))
  const isPrivate = (kind: string, name: string) => {
    const { signals = {} } = definition
    return Object.hasOwn(signals, kind) && signals[kind]?.private?.includes(name) === true
  }
  return [
    ...goals.flatMap((goal, g) => {
      const { same } = goal
      const kinds = [goal.when].flat().map(({ kind }) => kind)
      const leadsTo = (goal.next ?? []).flatMap((route) => byId.get(typeof route === 'string' ? route : route.to) ?? [])
      return [
        ...(same === undefined ? [] : sameWarnings(goal, same, `/goals/${g}/same`)),
        ...leadsTo.flatMap((sequence) => privateWarnings(sequence, kinds)),
      ]
    }),
    ...sequences.flatMap((sequence, s) => keyWarnings(sequence, `/sequences/${s}`)),
  ]

  function sameWarnings(goal: GoalDefinition, same: string, path: string): CampaignProblem[] {
    const isKeyed = sequences.some(({ id, per }) => per !== undefined && isUpstream(id, goal.id))
    const kind = [goal.when].flat().find((pattern) => isPrivate(pattern.kind, same))?.kind
    const hidden = `is private in signals of the kind ${JSON.stringify(kind)}: it is compared with no key, and nothing is stopped`
    return [
      ...(isKeyed ? [] : [{ path, value: same, message: 'no sequence before the goal has a "per": it stops nothing' }]),
      ...(kind === undefined ? [] : [{ path, value: same, message: hidden }]),
    ]
  }

  function privateWarnings(sequence: SequenceDefinition, kinds: readonly string[]): CampaignProblem[] {
    const s = sequences.indexOf(sequence)
    return Object.entries(sequence.vars ?? {}).flatMap(([name, { data }]) => {
      const kind = kinds.find((one) => isPrivate(one, data))
      if (kind === undefined) return []
      const message = `is private in signals of the kind ${JSON.stringify(kind)}: the variable is empty in runs that they start`
      return [{ path: `/sequences/${s}/vars/${jsonPointerSegment(name)}/data`, value: data, message }]
    })
  }

  /** A run that leads to a keyed sequence hands its key on by a variable of the same name. */
  function keyWarnings({ vars = {}, next = [] }: SequenceDefinition, path: string): CampaignProblem[] {
    return next.flatMap((route, i) => {
      const to = typeof route === 'string' ? route : route.to
      const per = byId.get(to)?.per
      if (per === undefined || Object.hasOwn(vars, per)) return []
      const message = `runs once for each ${JSON.stringify(per)}, and this sequence has no variable of that name: it will not be started`
      return [{ path: `${path}/next/${i}${typeof route === 'string' ? '' : '/to'}`, value: to, message }]
    })
  }
}
