/** What an error of a client means. By its `type` or its code, never by its class: raw gRPC errors come through too. */
import { EnfoldFault, show, typeName } from '@enfold/core'

/**
 * `transient`: try again, and what was asked for may have been done all the same. `refused`: the stream has not the
 * version that was expected. `missing`: there is no such stream. `no-tls`: the server does not speak TLS. `certificate`: it
 * does, and its certificate does not verify. The others stay as they are however often one tries.
 */
export type Failure =
  | 'transient'
  | 'refused'
  | 'missing'
  | 'deleted'
  | 'denied'
  | 'too-big'
  | 'invalid'
  | 'no-tls'
  | 'certificate'

const BY_TYPE: ReadonlyMap<unknown, Failure> = new Map([
  ['wrong-expected-version', 'refused'],
  ['stream-not-found', 'missing'],
  ['no-stream', 'missing'],
  ['stream-deleted', 'deleted'],
  ['access-denied', 'denied'],
  ['maximum-append-size-exceeded', 'too-big'],
  ['invalid-argument', 'invalid'],
])

/** By gRPC status: invalid argument, permission denied, unauthenticated. */
const BY_CODE: ReadonlyMap<unknown, Failure> = new Map([
  [3, 'invalid'],
  [7, 'denied'],
  [16, 'denied'],
])

/** What OpenSSL says of a connection that no trying again brings about. The clients call it unavailable. */
const NO_TLS = /SSL routines.*wrong version number/s
const CERTIFICATE =
  /self[- ]signed certificate|unable to verify the first certificate|unable to get (local )?issuer certificate|certificate has expired|does not match certificate's altnames/i

/** The server said nothing for so long. Whether it did what was asked for is not known. */
export class ServerSilent extends Error {
  constructor(ms: number) {
    super(`The server said nothing for ${ms} ms`)
  }
}

/** A follower answered that it knows no leader, in words that stand for something else too. */
export class NoLeader extends Error {
  constructor() {
    super('The cluster has no leader')
  }
}

export function failureOf(error: unknown): Failure {
  const { type, code } = (typeof error === 'object' && error !== null ? error : {}) as {
    type?: unknown
    code?: unknown
  }
  const known = BY_TYPE.get(type) ?? BY_CODE.get(code)
  if (known !== undefined) return known
  const said = error instanceof Error ? error.message : ''
  if (NO_TLS.test(said)) return 'no-tls'
  return CERTIFICATE.test(said) ? 'certificate' : 'transient'
}

/** gRPC's names of what a call came to, by number. */
const STATUS = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

/** What a network says in one word, with the address of the server that it said it of. */
const NETWORK = /\b(?:ECONN[A-Z]+|ENOTFOUND|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EPIPE)\b(?: [0-9a-f.:[\]]+)?/

/**
 * An error of the client in words that hold no value: its type, the status of the call, the code of the network. Its
 * message may quote events, users and connection strings; the error itself is the fault's cause.
 */
function saidBy(error: unknown): string {
  if (error instanceof ServerSilent || error instanceof NoLeader) return error.message
  if (typeof error !== 'object' || error === null) return `${typeName(error)} was thrown`
  const { type, code, message } = error as { type?: unknown; code?: unknown; message?: unknown }
  const network = typeof message === 'string' ? NETWORK.exec(message) : null
  const words = [
    typeof type === 'string' && /^[a-z-]{1,60}$/.test(type) ? type : null,
    typeof code === 'number' ? (STATUS[code] ?? null) : null,
    network === null ? null : network[0],
  ].filter((word) => word !== null)
  return words.length === 0 ? `${typeName(error)} was thrown` : words.join(', ')
}

/** Of what the client said only the words that are the same for every server. */
function certificateWords(error: unknown): string {
  return CERTIFICATE.exec(error instanceof Error ? error.message : '')?.[0] ?? ''
}

/** @param doing what was tried, as in "reading the stream x" */
export function faultOf(error: unknown, doing: string): EnfoldFault {
  const said = saidBy(error)
  const details = { doing, said }
  switch (failureOf(error)) {
    case 'denied':
      return new EnfoldFault(
        'STORE_UNAVAILABLE',
        `The server refused ${doing}: ${said}. Check the user and the access rights of the streams; over TLS, pass the user as \`credentials\` too.`,
        details,
        error,
      )
    case 'no-tls':
      return new EnfoldFault(
        'STORE_UNAVAILABLE',
        `${doing} failed: the client speaks TLS, and what listens there does not. Add tls=false to the connection string if the server has none, or see whether the port is the right one.`,
        details,
        error,
      )
    case 'certificate':
      return new EnfoldFault(
        'STORE_UNAVAILABLE',
        `${doing} failed: the certificate of the server does not verify: ${certificateWords(error)}. Name the authority that signed it, tlsCAFile=/path/to/ca.crt in the connection string, and the server as its certificate does.`,
        details,
        error,
      )
    case 'deleted':
      return new EnfoldFault(
        'STORE_CORRUPT',
        `${doing} failed: the stream was deleted for good (a tombstone). Nothing can be recorded under this id any more; use another.`,
        details,
        error,
      )
    case 'too-big':
      return new EnfoldFault(
        'INVALID_INPUT',
        `${doing} is more than the server takes at once (${show((error as { maxAppendSize?: unknown }).maxAppendSize)} bytes); nothing was written. Raise MaxAppendSize on the server, or make the events smaller.`,
        details,
        error,
      )
    case 'invalid':
      return new EnfoldFault(
        'INVALID_INPUT',
        `The server did not understand ${doing}: ${said}. Nothing was written.`,
        details,
        error,
      )
    default:
      return new EnfoldFault(
        'STORE_UNAVAILABLE',
        `${doing} had no answer that counts: ${said}. See whether the server is up and reachable, and try again.`,
        details,
        error,
      )
  }
}
