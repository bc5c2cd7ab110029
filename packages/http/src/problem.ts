/** What went wrong, as problem details (RFC 9457). Each kind has a type that stays the same: programs may rely on it. */
import { describeRejection, type EnfoldFault, type FaultCode, isEnfoldFault, type Rejection } from '@enfold/core'
import type { Principal } from './permissions.ts'

/** `type`s are `urn:enfold:problem:` and the type of a rejection, the code of a fault, or one of the API's own. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  /** For people. */
  readonly detail: string
  /** Where the input is wrong: a place in the request, and what was expected there. */
  readonly problems?: readonly { readonly path: string; readonly message: string }[]
  /** What a rule refused, with its ids and values. */
  readonly rejection?: Rejection
}

export const PROBLEM_PREFIX = 'urn:enfold:problem:'

/** Thrown by whatever handles a request, to be answered. */
export class Refused extends Error {
  readonly problem: Problem
  readonly headers: Readonly<Record<string, string>>

  constructor(problem: Problem, headers: Readonly<Record<string, string>> = {}) {
    super(problem.detail)
    this.problem = problem
    this.headers = headers
  }
}

/** The API's own kinds. */
const OWN = {
  Unauthenticated: [401, 'Authentication required'],
  Forbidden: [403, 'Not allowed'],
  NotFound: [404, 'Not found'],
  MethodNotAllowed: [405, 'Method not allowed'],
  InputInvalid: [400, 'Invalid request'],
  BodyTooLarge: [413, 'The body is too large'],
  MediaTypeUnsupported: [415, 'Unsupported media type'],
  Unavailable: [503, 'Service unavailable'],
  Fault: [500, 'Internal error'],
} as const

export function problem(type: keyof typeof OWN, detail: string, problems?: Problem['problems']): Problem {
  const [status, title] = OWN[type]
  return { type: PROBLEM_PREFIX + type, title, status, detail, ...(problems === undefined ? {} : { problems }) }
}

const REJECTIONS: { readonly [Type in Rejection['type']]: readonly [status: number, title: string] } = {
  CampaignInvalid: [422, 'The definition is not valid'],
  CampaignUnknown: [404, 'There is no such campaign'],
  CampaignNotPublished: [409, 'The campaign is not published'],
  CampaignPaused: [409, 'The campaign is paused and closed to entries'],
  SequenceUnknown: [404, 'There is no such sequence'],
  StepUnknown: [404, 'There is no such step'],
  ContactUnknown: [404, 'There is no such contact'],
  ContactSuppressed: [409, 'The contact is suppressed'],
  ContactErased: [409, 'The contact was erased'],
  InstantPast: [422, 'The instant is in the past'],
  EnrollmentNotActive: [409, 'The contact is not in the sequence'],
  TooManyStarts: [409, 'The sequence was started too often'],
  KeyMissing: [422, 'The sequence needs a key'],
  KeyUnexpected: [422, 'The run cannot have that key'],
  VariableUnknown: [422, 'There is no such variable'],
  TooManyRuns: [409, 'Too many runs are open'],
  RunUnknown: [404, 'There is no such run'],
  EnrollmentActive: [409, 'The sequence is in progress already'],
  NoStepLeft: [409, 'No step is left to send'],
  StepNotReached: [409, 'The step was not dispatched'],
  StepInFlight: [409, 'The step is being dispatched'],
  StepAlreadySent: [409, 'The step was sent already'],
  StepAlreadyResolved: [409, 'The step is over'],
  SignalUnknown: [404, 'There is no such signal'],
  OrderUnknown: [404, 'There is no such order'],
  NotUndoable: [409, 'The order cannot be undone'],
  ActionUnknown: [404, 'There is no such action'],
  ActionRunning: [409, 'The action is not over'],
  ActionIncomplete: [409, 'The action does not know all its contacts'],
  CommandIdReused: [422, 'The id was used for another command'],
}

export function rejectionProblem(rejection: Rejection): Problem {
  const [status, title] = REJECTIONS[rejection.type]
  const problems =
    rejection.type === 'CampaignInvalid'
      ? { problems: rejection.problems.map(({ path, message }) => ({ path, message })) }
      : {}
  const detail = describeRejection(rejection)
  return { type: PROBLEM_PREFIX + rejection.type, title, status, detail, ...problems, rejection }
}

/** For an actor who sees some campaigns only: neither what an id was used for nor which other campaigns there are. */
export function problemFor({ campaigns }: Principal, one: Problem): Problem {
  const { rejection } = one
  if (campaigns === undefined || rejection === undefined) return one
  if (rejection.type === 'CommandIdReused') return rejectionProblem({ ...rejection, usedFor: 'another command' })
  if (rejection.type !== 'CampaignUnknown') return one
  return rejectionProblem({ type: rejection.type, campaignId: rejection.campaignId })
}

/** Nothing is broken; the same request may do later. */
const TRANSIENT: ReadonlySet<FaultCode> = new Set<FaultCode>([
  'STORE_BUSY',
  'STORE_UNAVAILABLE',
  'CONTENTION',
  'CONTACT_LOCKED',
  'DIRECTORY_SILENT',
  'DIRECTORY_FAILED',
  'CLOSED',
])

/** Of anything thrown. What is not the sender's affair says nothing about the inside. */
export function thrownProblem(error: unknown): Problem {
  if (error instanceof Refused) return error.problem
  if (!isEnfoldFault(error)) return problem('Fault', 'Internal error. The error has been reported.')
  if (isSendersFault(error)) {
    const { path, expected } = error.details as { path: string; expected: string }
    return problem('InputInvalid', error.message, [{ path, message: `expected ${expected}` }])
  }
  if (TRANSIENT.has(error.code))
    return { ...problem('Unavailable', `${error.code}: try again.`), type: PROBLEM_PREFIX + error.code }
  // It says where, and never what stands there.
  if (error.code === 'FACTS_UNREADABLE')
    return { ...problem('Fault', error.message), type: PROBLEM_PREFIX + error.code }
  return {
    ...problem('Fault', 'Internal error. The error has been reported.'),
    type: PROBLEM_PREFIX + error.code,
  }
}

function isSendersFault({ code, details }: EnfoldFault): boolean {
  return code === 'INVALID_INPUT' && typeof details.path === 'string'
}

export function problemResponse(one: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(one), {
    status: one.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(one.status === 503 ? { 'retry-after': '1' } : {}),
      ...headers,
    },
  })
}
