/** Variables of a run, in the form of an order that begins one: an input for each that the sequence names (VAR-1). */
import { A_VARIABLE, isVariableValue, type JsonScalar, typedVariable, type Vars } from '@enfold/core'
import { html } from 'hono/html'
import type { Html } from './call.ts'
import { Failure } from './failure.ts'

/** Before the name of a variable, so that none is taken for another field of the form. */
const FIELD = 'var:'

/** @param before what the inputs begin with */
export function variableFields(names: readonly string[], before: Vars): Html | '' {
  if (names.length === 0) return ''
  const field = (name: string) =>
    html`<label><bdi>${name}</bdi> <input name="${FIELD}${name}" value="${Object.hasOwn(before, name) ? asTyped(before[name]) : ''}"></label>`
  return html`<fieldset><legend>Variables of the run</legend>${names.map(field)}
<p class="hint">20, true and false are kept as a number and as flags, "20" in quotes as text. Empty: the run has no such variable.</p></fieldset>`
}

/** As hidden fields of a form that is about something else. */
export function hiddenVariables(vars: Vars): Html {
  return html`${Object.keys(vars).map((name) => html`<input type="hidden" name="${FIELD}${name}" value="${asTyped(vars[name])}">`)}`
}

/** What `typedVariable` reads as this value. */
function asTyped(value: JsonScalar | undefined): string {
  if (typeof value !== 'string') return JSON.stringify(value ?? null)
  // A browser drops the ends of lines from an input of one line.
  const isItself = value !== '' && typedVariable(value) === value && !/[\r\n]/.test(value)
  return isItself ? value : JSON.stringify(value)
}

/** What was typed; `undefined`: the form has no such inputs. */
export function varsTyped(form: URLSearchParams): Vars | undefined {
  const typed = [...form].filter(([name]) => name.startsWith(FIELD))
  if (typed.length === 0) return undefined
  return Object.fromEntries(
    typed.flatMap(([field, text]) => {
      if (text === '') return []
      const name = field.slice(FIELD.length)
      const value = typedVariable(text)
      if (isVariableValue(value)) return [[name, value] as const]
      throw new Failure(422, `The variable ${JSON.stringify(name)} cannot be kept; expected ${A_VARIABLE}.`)
    }),
  )
}
