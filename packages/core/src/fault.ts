/**
 * Faults: failures that no order is to blame for (the database cannot be reached, the disk is full), and wrong use of the
 * interface. Faults are thrown. An order that a rule refuses is no fault: its rejection is returned, see `rejection.ts`.
 */

export type FaultCode =
  /** The caller passed something of the wrong shape; `path`, `value` and `expected` say what. The caller's fault. */
  | 'INVALID_INPUT'
  /** This Node is too old for Enfold; thrown when a package is imported. */
  | 'NODE_TOO_OLD'
  /** A package that the host installs, such as a driver, is not there; the message says how to install it. */
  | 'DRIVER_MISSING'
  /** The store or engine was closed. */
  | 'CLOSED'
  /** The store cannot be reached or broke down; nothing is known to be written. Try again. */
  | 'STORE_UNAVAILABLE'
  /** Another process held the store for longer than the configured wait. Try again. */
  | 'STORE_BUSY'
  /** No room left; nothing was written. */
  | 'STORE_FULL'
  /** The store can be read, not written. */
  | 'STORE_READ_ONLY'
  /** The file or schema was made by a newer version of Enfold, or is none of Enfold's. */
  | 'STORE_INCOMPATIBLE'
  /** What is stored contradicts itself. */
  | 'STORE_CORRUPT'
  /** An event id stands in the log already, with another stream or in other company. */
  | 'EVENT_ID_REUSED'
  /** Other writers won every one of the bounded number of attempts. Try again. */
  | 'CONTENTION'
  /** A transaction that is still open kept the contact for longer than the store waits; nothing was written. Try again. */
  | 'CONTACT_LOCKED'
  /** The host's directory of contacts did not answer in time; nothing was written. Try again. */
  | 'DIRECTORY_SILENT'
  /** The host's directory of contacts threw, or its answer has no form that can be read. Try again. */
  | 'DIRECTORY_FAILED'
  /** What the host's directory says of this one contact cannot be read; `details` name the place and what stands there. */
  | 'FACTS_UNREADABLE'
  /** The log mentions a campaign version that it does not hold. */
  | 'CAMPAIGN_VERSION_MISSING'
  /** A separate read model does not show the position yet; the wait for it was too short, or nothing feeds it. */
  | 'PROJECTION_BEHIND'
  /** One contact's event could not be projected, again and again; `details` name the event. */
  | 'PROJECTION_STOPPED'
  /** The log gave a contact's events with a gap, or a version twice; `details` name the event. */
  | 'PROJECTION_OUT_OF_ORDER'

/**
 * The one error class of all Enfold packages. `code` is for programs, `message` ends with what to do next. `cause`, where
 * there is one, is the error of a driver or of the host, as it was thrown: it may hold the values of a statement, so log
 * `code` and `message`, and not the whole fault. Enfold itself prints no cause.
 *
 * @example
 * try { await engine.runDue() } catch (error) { if (isEnfoldFault(error) && error.code === 'STORE_BUSY') retryLater() }
 */
export class EnfoldFault extends Error {
  override readonly name = 'EnfoldFault'
  readonly code: FaultCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: FaultCode, message: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.details = details
  }

  static invalidInput(path: string, value: unknown, expected: string): EnfoldFault {
    return new EnfoldFault('INVALID_INPUT', `${path} is ${show(value)}; expected ${expected}.`, {
      path,
      value,
      expected,
    })
  }

  /** As `invalidInput`, for values that may hold addresses, passwords or personal data: says what is wrong in words. */
  static unshownInput(path: string, what: string, expected: string): EnfoldFault {
    return new EnfoldFault('INVALID_INPUT', `${path} ${what}; expected ${expected}.`, { path, expected })
  }
}

/**
 * The kind of a value, for a message that must not contain the value itself: "a text", "a list", "a Date".
 *
 * @example
 * typeName(new Date()) // 'a Date'
 * typeName('ann@example.com') // 'a text'
 */
export function typeName(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return 'a text'
    case 'number':
      return Number.isFinite(value) ? 'a number' : 'a number that is not finite'
    case 'undefined':
      return 'nothing'
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'a list' : objectName(value)
    default:
      return `a ${typeof value}`
  }
}

function objectName(value: object): string {
  try {
    const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
    // A name of a class, and nothing in which a host could have put an address or a text.
    if (typeof name === 'string' && name !== 'Object' && /^[A-Za-z_]\w{0,39}$/.test(name))
      return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`
  } catch {
    // A proxy that throws.
  }
  return 'an object'
}

/** Tells an Enfold fault from any other error, also across two copies of the package. */
export function isEnfoldFault(error: unknown): error is EnfoldFault {
  return error instanceof Error && error.name === 'EnfoldFault' && 'code' in error
}

/** A short, safe picture of any value for an error message: at most about 80 characters, never throws. */
export function show(value: unknown): string {
  let text: string | undefined
  try {
    text = typeof value === 'bigint' ? `${value}n` : JSON.stringify(value)
    text ??= typeof value === 'function' ? 'a function' : String(value)
  } catch {
    // A cycle, a hostile toString, or nested deeper than the stack.
    text = Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`
  }
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}
