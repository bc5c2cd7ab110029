/** The mail or message that the params of a step carry, with the contact's values filled in. */
import type { Facts, JsonObject, JsonValue, StepCall } from '@enfold/core'
import { textField } from './people.ts'

export interface Mail {
  readonly subject: string | null
  readonly text: string | null
  readonly html: string | null
  /** Names of values that nothing is known of; they stand in the mail as they were written. */
  readonly unfilled: readonly string[]
}

/** `{{name}}` in a text of a step: a field of the contact, a variable of the run, or the contact's id. */
const PLACEHOLDER = /\{\{\s*([\p{L}\p{N}_.-]{1,100})\s*\}\}/gu

/** `null`: the params carry neither `subject` nor `text`, `body` or `html`. */
export function mailOf({ contactId, facts, step, vars }: StepCall): Mail | null {
  const params: JsonObject = step.params ?? {}
  const [subject, text, html] = [textIn(params, 'subject'), textIn(params, 'text', 'body'), textIn(params, 'html')]
  if (subject === null && text === null && html === null) return null
  const unfilled = new Set<string>()
  const filled = (template: string | null, shown: (value: string) => string) =>
    template?.replaceAll(PLACEHOLDER, (whole, name: string) => {
      const value = filling(name, contactId, facts, vars)
      if (value === undefined) unfilled.add(name)
      return value === undefined ? whole : shown(typeof value === 'string' ? value : JSON.stringify(value))
    }) ?? null
  return {
    subject: filled(subject, (value) => value),
    text: filled(text, (value) => value),
    html: filled(html, escaped),
    unfilled: [...unfilled],
  }
}

/** Where the mail would go: to what the params say, else to the contact's address. */
export function recipientOf({ facts, step }: StepCall): string | null {
  return textIn(step.params ?? {}, 'to') ?? textField(facts, 'email')
}

function textIn(params: JsonObject, ...names: readonly string[]): string | null {
  for (const name of names) {
    const value = Object.hasOwn(params, name) ? params[name] : undefined
    if (typeof value === 'string' && value !== '') return value
  }
  return null
}

function filling(
  name: string,
  contactId: string,
  { fields = {} }: Facts,
  vars: StepCall['vars'],
): JsonValue | undefined {
  if (vars !== undefined && Object.hasOwn(vars, name)) return vars[name]
  if (Object.hasOwn(fields, name)) return fields[name]
  return name === 'id' || name === 'contactId' ? contactId : undefined
}

const escaped = (text: string) =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
