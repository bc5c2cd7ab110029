/**
 * Events to lines of a log and back: JSON lines in CloudEvents 1.0 form. Rules AUDIT-1, AUDIT-5, LOG-3.
 * What a line must look like is in `event-schema.ts`; reading and writing whole logs is left to others.
 */

import { MAX_JSON_DEPTH, tooDeepIn } from './depth.ts'
import { type Either, isLeft, left, right } from './either.ts'
import {
  ATTRIBUTES,
  EVENT_SOURCES,
  EVENT_TYPE_PREFIX,
  type LineKind,
  type LogLine,
  lineKindOf,
  OPTIONAL_ATTRIBUTES,
} from './event-schema.ts'
import {
  type Cause,
  type EventType,
  isContactEvent,
  type NewEvent,
  type RecordedEvent,
  SCHEMA_VERSION,
} from './events.ts'
import { type Extensions, extensionProblem, extensionsOf } from './extensions.ts'
import { EnfoldFault, show } from './fault.ts'
import { campaignOf, contactOf, type StreamId } from './ids.ts'
import { canonicalJson, isObject, type JsonObject, type JsonValue, jsonPointer } from './json.ts'
import { scanLine } from './line-scanner.ts'
import { utcOf } from './utc.ts'

/** Why a line is no event. `message` is a sentence without a subject, for people. Rule AUDIT-5. */
export type DecodeProblem =
  /** Cut, or never JSON. */
  | { readonly reason: 'not-json'; readonly message: string }
  /** `attribute` is wrong, missing, or not known; `null`: the line is no JSON object. */
  | { readonly reason: 'not-an-event'; readonly attribute: string | null; readonly message: string }
  | { readonly reason: 'unknown-event'; readonly type: string; readonly message: string }
  /** Written by a later release. */
  | { readonly reason: 'newer-schema'; readonly schemaVersion: number; readonly message: string }
  /** Written by an earlier release, and no step is known that brings it to the next version. */
  | { readonly reason: 'older-schema'; readonly schemaVersion: number; readonly message: string }
  /**
   * `path`: JSON Pointer into the line, such as "/data/run". After upcasting: into what the steps made of it. Also a line
   * that is too long (`path` is "") or nested too deep, whatever it holds.
   */
  | { readonly reason: 'wrong-data'; readonly path: string; readonly message: string }
  /** It would be an event, and is spelt otherwise than Enfold spells it: see `encodeEvent`. */
  | { readonly reason: 'not-canonical'; readonly message: string }

/**
 * For an event type and a schema version, the step to the next version. A step is pure, and gets and gives the `data` of
 * the line, with the cause in it. An event that a version left as it was needs a step too: `(data) => data`.
 *
 * @example
 * const upcasters: Upcasters = { SequenceStarted: { 0: (data) => ({ ...data, campaignVersion: 1 }) } }
 */
export type Upcasters = {
  readonly [Type in EventType]?: { readonly [fromVersion: number]: (data: JsonObject) => JsonObject }
}

/** Schema version 1 is the first: there is nothing to bring up to date yet. */
const UPCASTERS: Upcasters = {}

/**
 * One line of a log: a CloudEvents 1.0 object as JSON, without white space and without the line's end.
 *
 * | attribute | what |
 * |---|---|
 * | `type` | `EVENT_TYPE_PREFIX` and the event's type |
 * | `source`, `subject` | `/enfold/contacts` and the contact's id, or `/enfold/campaigns` and the campaign's |
 * | `id`, `time` | of the event |
 * | `schemaversion`, `streamversion` | numbers |
 * | `position` | a text of digits: CloudEvents integers have 32 bits, and a log may be longer |
 * | `commandid`, `correlationid`, `causationid` | as in the event |
 * | `actor` | absent if it is `null`: CloudEvents knows no null |
 * | `traceparent` | the event's `trace`, where it has one; the name is that of the Distributed Tracing extension |
 * | `orderdigest` | the event's `order`, where it has one |
 * | `hash` | of the chain (`chain.ts`), where the log has one |
 * | others | extension attributes (`extensions.ts`), by name |
 * | `data` | the event's data with `cause` added: an object, which attributes cannot hold. So queries read `.data.sequenceId` and `.data.cause.by`; no event's data has a `cause` |
 *
 * The line is *canonical*: attributes and the members of the data stand in the order of the schema, `cause` last; what is
 * JSON of the host (a definition, the value of a field) keeps the order that the host gave it; all is written as
 * `JSON.stringify` writes it. So an event has one line, and any other spelling of it is refused: `decodeEvent` and then
 * `encodeEvent` give the same bytes for every line that is read at all (AUDIT-1). Data of an older schema version keep the
 * order in which they were recorded. Ids stand as they are; one with a control character in it
 * is legal here (LOG-6) though CloudEvents would rather have none. A lone surrogate in a free text survives, escaped.
 *
 * @throws EnfoldFault `INVALID_INPUT` if the event stands in a stream of the other kind.
 * @example
 * encodeEvent(event) // {"specversion":"1.0","type":"dev.enfold.SequenceStarted","source":"/enfold/contacts",…
 */
export function encodeEvent(event: RecordedEvent): string {
  const kind = isContactEvent(event) ? 'contact' : 'campaign'
  const { schema, data } = recordedData(event)
  const { actor, trace, order, hash, extensions } = event
  const line = {
    specversion: '1.0',
    type: EVENT_TYPE_PREFIX + event.type,
    source: EVENT_SOURCES[kind],
    id: event.id,
    time: event.at,
    subject: subjectOf(event),
    datacontenttype: 'application/json',
    schemaversion: schema,
    streamversion: event.version,
    position: String(event.position),
    commandid: event.commandId,
    correlationid: event.correlationId,
    causationid: event.causationId,
    ...(actor === null ? {} : { actor }),
    ...(trace === undefined ? {} : { traceparent: trace }),
    ...(order === undefined ? {} : { orderdigest: order }),
    ...(hash === undefined ? {} : { hash }),
    ...(extensions === undefined ? {} : extensionsOf(Object.entries(extensions))),
    data: event.recordedAs === undefined ? lineKindOf(EVENT_TYPE_PREFIX + event.type)?.ordered(data) : data,
  } satisfies Omit<LogLine, 'data'> & { data: unknown }
  return JSON.stringify(line)
}

/**
 * The bytes of an event that its digest covers: its line without `streamversion`, `position` and `hash`, as canonical
 * JSON (RFC 8785). Written out by hand, because the order of the attributes is known: 2.6 µs for 690 bytes, where sorting them takes 4.4.
 */
export function canonicalLine(event: NewEvent & { readonly stream: StreamId }): string {
  const text = JSON.stringify
  const { schema, data } = recordedData(event)
  const actor = event.actor === null ? '' : `"actor":${text(event.actor)},`
  const source = isContactEvent(event) ? EVENT_SOURCES.contact : EVENT_SOURCES.campaign
  const trace = event.trace === undefined ? '' : `"traceparent":${text(event.trace)},`
  const order = event.order === undefined ? '' : `"orderdigest":${text(event.order)},`
  return `{${actor}"causationid":${text(event.causationId)},"commandid":${text(event.commandId)},"correlationid":${text(event.correlationId)},"data":${canonicalJson(data as unknown as JsonValue)},"datacontenttype":"application/json","id":${text(event.id)},${order}"schemaversion":${schema},"source":"${source}","specversion":"1.0","subject":${text(subjectOf(event))},"time":"${event.at}",${trace}"type":"${EVENT_TYPE_PREFIX}${event.type}"}`
}

/** The data of the line, cause included, and its schema version: as recorded, whatever was made of them since. */
function recordedData(event: NewEvent & { readonly recordedAs?: RecordedEvent['recordedAs'] }): {
  readonly schema: number
  readonly data: LogLine['data']
} {
  if (event.recordedAs !== undefined) return event.recordedAs as unknown as { schema: number; data: LogLine['data'] }
  return { schema: event.schema, data: { ...event.data, cause: event.cause } }
}

function subjectOf(event: NewEvent & { readonly stream: StreamId }): string {
  const subject = isContactEvent(event) ? contactOf(event.stream) : campaignOf(event.stream)
  if (subject !== null) return subject
  throw EnfoldFault.invalidInput('stream', event.stream, `a stream that holds ${event.type} events`)
}

/**
 * The event of one line, checked against its schema whole: also a property that is not known is refused, for a misspelled one
 * must not pass as left out. So is a line that is spelt otherwise than `encodeEvent` spells its event (a key twice, white
 * space, an escape, another order): two programs that read the same bytes must never read two events. Lines of older schema
 * versions are brought up to date; the event then has the current `schema`, and what it was in `recordedAs`.
 *
 * @returns Left: what is wrong first. Right: the event. Never throws, whatever the line (AUDIT-5).
 * @example
 * const decoded = decodeEvent(line)
 * if (isLeft(decoded)) console.error(`line ${n}: ${decoded.left.reason}: ${decoded.left.message}`)
 */
export function decodeEvent(line: string, upcasters: Upcasters = UPCASTERS): Either<DecodeProblem, RecordedEvent> {
  const event = scannedText(line)
  return event === null ? judgeLine(line, upcasters) : right(event)
}

/** As `decodeEvent`, whatever the line looks like: what the scanner is held against. */
export function judgeLine(line: string, upcasters: Upcasters = UPCASTERS): Either<DecodeProblem, RecordedEvent> {
  return decoded(line, upcasters, false)
}

const LONGEST_SCANNED = 16 * 1024
const bytesOfText = new Uint8Array(LONGEST_SCANNED)
const encoder = new TextEncoder()

function scannedText(line: string): RecordedEvent | null {
  if (line.length >= LONGEST_SCANNED) return null
  const { read, written } = encoder.encodeInto(line, bytesOfText)
  // As many bytes as characters: all of it is ASCII.
  return read === written ? scanEvent(bytesOfText, 0, written) : null
}

/**
 * As `decodeEvent`, for lines that other programs have had in hand: their extension attributes may stand anywhere, and
 * `time` may be any RFC 3339 form of an instant in whole milliseconds. All else must be as Enfold writes it, so such a line
 * too means one thing only; `encodeEvent` gives its canonical form.
 */
export function decodeForeignEvent(
  line: string,
  upcasters: Upcasters = UPCASTERS,
): Either<DecodeProblem, RecordedEvent> {
  return decoded(line, upcasters, true)
}

/** The longest line that is read, in characters here and in bytes where a file is cut into lines. */
export const MAX_LINE_LENGTH = 16 * 1024 * 1024

function decoded(line: string, upcasters: Upcasters, foreign: boolean): Either<DecodeProblem, RecordedEvent> {
  if (line.length > MAX_LINE_LENGTH)
    return left(wrongData([], `has ${line.length} characters; lines of up to ${MAX_LINE_LENGTH} are read`))
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch (error) {
    return left({ reason: 'not-json', message: noJson(error) })
  }
  // First of all: whatever walks it further down would end in a RangeError.
  const deep = tooDeepIn(parsed, MAX_JSON_DEPTH)
  if (deep !== null) {
    const path = deep.slice(0, 2)
    return left(wrongData(path, `${jsonPointer(path)} is nested more than ${MAX_JSON_DEPTH} deep`))
  }
  if (!isObject(parsed)) return left(notAnEvent(null, 'is no JSON object'))
  const attributes = attributesOf(parsed, foreign)
  if (isLeft(attributes)) return attributes
  const { known, extensions } = attributes.right
  const read = eventIn(known, upcasters)
  if (isLeft(read)) return read
  const event = extensions === undefined ? read.right : { ...read.right, extensions }
  const other = otherSpelling(line, parsed, known, event, foreign)
  return other === null ? right(event) : left(other)
}

type ParsedObject = Readonly<Record<string, unknown>>

/** Of each attribute that Enfold writes; `data` is the last. */
const PLACES: ReadonlyMap<string, number> = new Map(ATTRIBUTES.map((name, place) => [name, place]))
const DATA_PLACE = ATTRIBUTES.length - 1

/** The attributes that an event is made of, and those that are carried along. */
function attributesOf(
  parsed: ParsedObject,
  foreign: boolean,
): Either<DecodeProblem, { readonly known: ParsedObject; readonly extensions: Extensions | undefined }> {
  const names = Object.keys(parsed)
  const others = names.filter((name) => !PLACES.has(name))
  const time = foreign ? utcOf(parsed.time) : null
  if (others.length === 0 && (time === null || time === parsed.time))
    return right({ known: parsed, extensions: undefined })
  const known: Record<string, unknown> = {}
  for (const name of names) if (PLACES.has(name)) known[name] = parsed[name]
  if (time !== null) known.time = time
  if (others.length === 0) return right({ known, extensions: undefined })
  // Of an event that is none of ours, that is said first.
  if (lineKindOf(parsed.type as string) === undefined) return right({ known: parsed, extensions: undefined })
  for (const name of others) {
    const problem = extensionProblem(name, parsed[name], OPTIONAL_ATTRIBUTES)
    if (problem !== null) return left(notAnEvent(name, `${name} ${problem}`))
  }
  const extensions = extensionsOf(others.map((name) => [name, parsed[name]]))
  if (extensions === null) return left(notAnEvent(others[0] ?? null, 'has more extension attributes than are carried'))
  return right({ known, extensions })
}

function eventIn(line: ParsedObject, upcasters: Upcasters): Either<DecodeProblem, RecordedEvent> {
  const event = eventOf(line)
  if (event !== null) return right(event)
  const current = upToDate(line, upcasters)
  if (isLeft(current)) return current
  const upcast = eventOf(current.right)
  if (upcast === null) return left(problemOf(current.right))
  const recordedAs = { schema: line.schemaversion as number, data: line.data as JsonObject }
  return right({ ...upcast, recordedAs })
}

/**
 * Whether the line is another spelling of its event than the canonical one. Asked of what was parsed, which takes half the
 * time of writing the event again: `JSON.stringify` gives the line again only if no key stands twice in it, nothing is
 * escaped that need not be, and numbers and white space are as it writes them; the rest is the order of the keys.
 */
function otherSpelling(
  line: string,
  parsed: ParsedObject,
  known: ParsedObject,
  event: RecordedEvent,
  foreign: boolean,
): DecodeProblem | null {
  const expected = JSON.stringify(parsed)
  if (expected !== line) return notCanonical(firstDifference(line, expected))
  let place = -1
  let extension = ''
  for (const name of Object.keys(foreign ? known : parsed)) {
    const at = PLACES.get(name)
    const misplaced =
      at === undefined
        ? name < extension || place === DATA_PLACE
        : at < place || (extension !== '' && at !== DATA_PLACE)
    if (misplaced) return notCanonical(line.indexOf(JSON.stringify(name)))
    if (at === undefined) extension = name
    else place = at
  }
  const isOrdered =
    event.recordedAs !== undefined || lineKindOf(known.type as string)?.ordered(known.data) === known.data
  return isOrdered ? null : notCanonical(line.indexOf('"data":'))
}

function notCanonical(index: number): DecodeProblem {
  const message = `is not in the canonical form, from character ${index + 1} on: a key stands twice or in another place, or there is white space, an escape or a number in another form`
  return { reason: 'not-canonical', message }
}

function firstDifference(a: string, b: string): number {
  let index = 0
  while (index < a.length && a[index] === b[index]) index++
  return index
}

/** `null` if the line is not right in every respect. */
function eventOf(line: ParsedObject): RecordedEvent | null {
  const kind = lineKindOf(line.type as string)
  if (kind === undefined || !kind.matches(line)) return null
  const { cause, ...data } = line.data
  return eventFrom(kind, line, data, cause)
}

/** Of a line that was checked, with its data and their cause apart. */
function eventFrom(kind: LineKind, line: LogLine, data: object, cause: Cause): RecordedEvent {
  const event: Record<string, unknown> = {
    type: kind.type,
    data,
    id: line.id,
    schema: line.schemaversion,
    at: line.time,
    commandId: line.commandid,
    correlationId: line.correlationid,
    causationId: line.causationid,
    actor: line.actor ?? null,
    cause,
  }
  if (line.traceparent !== undefined) event.trace = line.traceparent
  if (line.orderdigest !== undefined) event.order = line.orderdigest
  if (line.hash !== undefined) event.hash = line.hash
  event.stream = kind.streamOf(line.subject)
  event.version = line.streamversion
  event.position = Number(line.position)
  // The schema says that type and data belong together; the compiler cannot see through it.
  return event as unknown as RecordedEvent
}

/** The event of a line whose bytes are those that Enfold writes, and nothing unusual is in them; `null`: ask `decodeEvent`. */
export function scanEvent(bytes: Uint8Array, from: number, to: number): RecordedEvent | null {
  const scanned = scanLine(bytes, from, to)
  return scanned && eventFrom(scanned.kind, scanned.line, scanned.line.data, scanned.cause)
}

/** The line as the current schema version has it, if it is an older one's; else the line itself. */
function upToDate(line: ParsedObject, upcasters: Upcasters): Either<DecodeProblem, ParsedObject> {
  const { schemaversion } = line
  const kind = lineKindOf(line.type as string)
  if (!isWhole(schemaversion) || schemaversion >= SCHEMA_VERSION || kind === undefined) return right(line)
  let { data } = line
  for (let version = schemaversion; version < SCHEMA_VERSION && isObject(data); version++) {
    const step = upcasters[kind.type]?.[version]
    if (step === undefined)
      return left({
        reason: 'older-schema',
        schemaVersion: schemaversion,
        message: `has schema version ${schemaversion}, and no step is known from version ${version} of ${kind.type} to the next`,
      })
    try {
      data = step(data as JsonObject)
    } catch (error) {
      const message = `cannot be brought from schema version ${version} to the next: ${messageOf(error)}`
      return left({ reason: 'wrong-data', path: '/data', message })
    }
  }
  return right({ ...line, schemaversion: SCHEMA_VERSION, data })
}

function problemOf(line: ParsedObject): DecodeProblem {
  const { specversion, type, schemaversion } = line
  if (specversion !== '1.0') return notAnEvent('specversion', 'is not "1.0"')
  if (typeof type !== 'string') return notAnEvent('type', `is no text; expected "${EVENT_TYPE_PREFIX}…"`)
  if (isWhole(schemaversion) && schemaversion > SCHEMA_VERSION) {
    const message = `has schema version ${schemaversion}; this release knows up to ${SCHEMA_VERSION}. Read it with a newer one`
    return { reason: 'newer-schema', schemaVersion: schemaversion, message }
  }
  const kind = lineKindOf(type)
  if (kind === undefined)
    return { reason: 'unknown-event', type, message: `is an event that is not known here: ${show(type)}` }
  const { path, message } = kind.problemIn(line)
  return problemAt(path, message)
}

function problemAt(path: readonly string[], message: string): DecodeProblem {
  const [attribute = null] = path
  if (attribute === 'data' && path.length > 1) return wrongData(path, `${jsonPointer(path)} ${message}`)
  return notAnEvent(attribute, `${attribute ?? 'the line'} ${message}`)
}

function wrongData(path: readonly string[], message: string): DecodeProblem {
  return { reason: 'wrong-data', path: jsonPointer(path), message }
}

function notAnEvent(attribute: string | null, message: string): DecodeProblem {
  return { reason: 'not-an-event', attribute, message }
}

/** Of a step that the caller gave: its own words, for the caller. */
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : 'an error of its own kind')

/** Why a text is no JSON, and where. What the parser says quotes the text, which may hold anything. */
function noJson(error: unknown): string {
  const at = error instanceof SyntaxError ? /at position (\d+)/.exec(error.message) : null
  return at === null ? 'is no JSON' : `is no JSON (at character ${Number(at[1]) + 1})`
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
