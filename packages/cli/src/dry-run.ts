/** `--dry-run`: what an order would change of the schedules of contacts, printed instead of done. */
import {
  type ContactId,
  describeRejection,
  describeScheduleChange,
  type Either,
  isEnfoldFault,
  isLeft,
  type Rejection,
  type VerbName,
} from '@enfold/core'
import type { EffectOf, Engine } from '@enfold/engine'
import { finalInWords } from './bulk.ts'
import type { ContactSelector } from './contact-selector.ts'
import { messageOf } from './errors.ts'
import type { Operation } from './operations.ts'
import { withContacts } from './run-order.ts'
import { type Streams, writeLine } from './streams.ts'
import { jsonText, named, paintFor, plain } from './text.ts'
import type { OrderOptions } from './with-engine.ts'

/** @returns false if it would be refused for any contact, or cannot be told */
export function dryRun(
  io: Streams,
  url: string,
  selector: ContactSelector,
  operation: Operation,
  options: OrderOptions,
): Promise<boolean> {
  return withContacts(url, 'read', selector, operation, options, async (engine, contacts) => {
    let fine = true
    for (const contactId of contacts) fine = (await foretell(io, operation, engine, contactId, options)) && fine
    return fine
  })
}

async function foretell(
  { stdout, stderr }: Streams,
  operation: Operation,
  engine: Engine,
  contactId: ContactId,
  { json = false }: OrderOptions,
): Promise<boolean> {
  const told = await operation.foresee(engine, contactId).then(
    (effect) => inWords(operation, contactId, effect),
    (error) => failure(contactId, error),
  )
  if (json) await writeLine(stdout, jsonText({ contactId, dryRun: true, ...told.json }))
  else
    for (const line of told.lines)
      await (told.fine ? writeLine(stdout, line) : writeLine(stderr, paintFor(stderr)('red', line)))
  return told.fine
}

function inWords(operation: Operation, contactId: ContactId, effect: Either<Rejection, EffectOf<VerbName>>) {
  const name = named(contactId)
  if (isLeft(effect)) {
    const message = describeRejection(effect.left)
    return { fine: false, lines: [`${name}: ${plain(message)}`], json: { rejection: effect.left, message } }
  }
  const { changes, factsFault } = effect.right
  const sentences = changes.map((change) => plain(describeScheduleChange(change)))
  const found =
    sentences.length === 0 ? ['  Nothing of the schedule would change.'] : sentences.map((one) => `  ${one}`)
  const fault =
    factsFault === undefined ? [] : [`  Told without what the host knows of ${name}: ${plain(factsFault.message)}`]
  const final = finalInWords(operation.final, changes)
  const lines = [
    `This would ${operation.describe(name)}:`,
    ...found,
    ...(final === null ? [] : [`  ${final}`]),
    ...fault,
  ]
  return { fine: true, lines, json: { effect: effect.right, sentences } }
}

function failure(contactId: ContactId, error: unknown) {
  const code = isEnfoldFault(error) ? error.code : null
  const message = messageOf(error)
  const text = `${named(contactId)}: ${code === null ? '' : `${code}: `}${plain(message)}`
  return { fine: false, lines: [text], json: { fault: { code, message } } }
}
