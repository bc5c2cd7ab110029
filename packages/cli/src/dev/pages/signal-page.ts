/** Sends any signal for any contact, and says what it did. */

import {
  answerOf,
  Failure,
  type Html,
  hidden,
  html,
  link,
  needed,
  type Page,
  redirect,
  textOf,
} from '@enfold/console/pages'
import { type JsonObject, type JsonValue, type SignalPattern, typedVariable, unsafeIntegerIn } from '@enfold/core'
import { textField } from '../people.ts'
import { type DevCall, personLink } from './parts.ts'

/** A signal that a goal waits for. */
interface Known {
  readonly campaignId: string
  readonly goal: string
  readonly pattern: SignalPattern
}

/** What the signals that were sent here came to, by the command that sent them. */
export type SentSignals = Map<string, Sent>

interface Sent {
  readonly contactId: string
  readonly kind: string
  readonly goals: Awaited<ReturnType<typeof sendTo>>['goals']
}

const MOST_OFFERED = 500
const KEPT = 100

export function createSignalPages(sent: SentSignals = new Map()) {
  return {
    signalPage: (call: DevCall) => signalPage(call, sent),
    sendSignal: (call: DevCall) => sendSignal(call, sent),
  }
}

async function signalPage(call: DevCall, sent: SentSignals): Promise<Page> {
  const { url, world } = call
  const params = url.searchParams
  const known = await knownSignals(call)
  const [first] = known
  const kind = params.get('kind') ?? first?.pattern.kind ?? ''
  const values: Readonly<Record<string, string>> =
    params.has('kind') || first === undefined ? Object.fromEntries(params) : valuesOf(first.pattern)
  const done = sent.get(params.get('done') ?? '')
  const names = namesFor(kind, known)
  const offered = [...world.people.keys()].slice(0, MOST_OFFERED)
  const contactId = params.get('contact') ?? offered[0] ?? ''
  const body = html`<h1>Send a signal</h1>
${done === undefined ? '' : told(call, done)}
<p>A signal says that something happened to a contact. A goal that waits for it is satisfied, and what follows the goal starts.</p>
<section><h2>What the goals wait for</h2>
<p class="buttons">${known.map((one) => html`<a class="button" href="${link(call, ['dev', 'signal'], { ...valuesOf(one.pattern), kind: one.pattern.kind, contact: contactId })}"><bdi>${one.goal}</bdi> <small><bdi>${one.pattern.kind}</bdi></small></a>`)}${known.length === 0 ? html`<span class="empty">No goal of a published campaign waits for a signal.</span>` : ''}</p></section>
<form method="post" autocomplete="off" action="${link(call, ['dev', 'signal'])}" class="fields">
${hidden(call, { signalId: crypto.randomUUID() })}
<label>Contact <input name="contact" value="${contactId}" list="contacts" required maxlength="200"></label>
<datalist id="contacts">${offered.map((id) => html`<option value="${id}">${textField(world.people.get(id) ?? {}, 'name') ?? id}</option>`)}</datalist>
<label>Kind <input name="kind" value="${kind}" list="kinds" required maxlength="200"></label>
<datalist id="kinds">${[...new Set(known.map(({ pattern }) => pattern.kind))].map((one) => html`<option value="${one}"></option>`)}</datalist>
${names.map((name) => html`<label><span>Data: <bdi>${name}</bdi></span> <input name="data ${name}" value="${values[`data ${name}`] ?? ''}" maxlength="1000"></label>`)}
<label>${names.length === 0 ? 'Data' : 'More data'}, as a JSON object <textarea name="json" rows="3" maxlength="100000" placeholder="{ &quot;product&quot;: &quot;robot&quot;, &quot;total&quot;: 20 }"></textarea></label>
<p class="hint">20 and true are a number and a flag, &quot;20&quot; in quotes is a text. An empty field is left out. Any id may be a contact, also one that is not in the list.</p>
<p class="buttons"><button class="primary">Send the signal</button></p>
</form>
<p class="hint">Sequences are also started, stopped, paused and moved by hand: open the contact in <a href="${link(call, ['search'])}">the console</a>.</p>`
  return { title: 'Send a signal', part: 'signal', body }
}

async function knownSignals({ world: { engine } }: DevCall): Promise<readonly Known[]> {
  const known: Known[] = []
  for (const { campaignId, published } of await engine.inspect.campaigns()) {
    const view = published ? await engine.inspect.campaign(campaignId) : null
    for (const { id, name = id, when } of view?.definition.goals ?? [])
      for (const pattern of Array.isArray(when) ? (when as readonly SignalPattern[]) : [when as SignalPattern])
        known.push({ campaignId, goal: name, pattern })
  }
  return known
}

/** Of the data of a kind, what goals look at. */
function namesFor(kind: string, known: readonly Known[]): readonly string[] {
  const patterns = known.map(({ pattern }) => pattern).filter((pattern) => pattern.kind === kind)
  return [...new Set(patterns.flatMap(({ match = {} }) => Object.keys(match)))]
}

/** Fields that the form is filled with, so that the pattern is met. A test other than of equality is left to the user. */
function valuesOf({ match = {} }: SignalPattern): Readonly<Record<string, string>> {
  const values = Object.entries(match).flatMap(([name, test]): [string, string][] =>
    test === null || typeof test === 'object' ? [] : [[`data ${name}`, typedAs(test)]],
  )
  return Object.fromEntries(values)
}

/** As it has to be typed: a text that reads as something else stands in quotes. */
const typedAs = (value: string | number | boolean) =>
  typeof value === 'string' && typedVariable(value) !== value ? JSON.stringify(value) : String(value)

async function sendSignal(call: DevCall, sent: SentSignals): Promise<Response> {
  const { form, world } = call
  const [contactId, kind, signalId] = [needed(form, 'contact'), needed(form, 'kind'), needed(form, 'signalId')]
  const data = dataIn(form)
  const { goals } = await world.exclusive(() => sendTo(call, { contactId, kind, signalId, data }))
  sent.set(signalId, { contactId, kind, goals })
  for (const oldest of [...sent.keys()].slice(0, -KEPT)) sent.delete(oldest)
  await world.settled()
  return redirect(link(call, ['dev', 'signal'], { done: signalId, contact: contactId, kind }))
}

async function sendTo(
  { principal, world: { engine } }: DevCall,
  signal: { readonly contactId: string; readonly kind: string; readonly signalId: string; readonly data: JsonObject },
) {
  return answerOf(await engine.signal({ ...signal, actor: principal.id }))
}

function dataIn(form: URLSearchParams): JsonObject {
  const data: [string, JsonValue][] = []
  for (const [field, typed] of form) {
    if (!field.startsWith('data ') || typed === '') continue
    const value = typedVariable(typed)
    if (value === null) throw new Failure(422, `The data ${field.slice(5)} is no number, and no text in quotes.`)
    data.push([field.slice(5), value])
  }
  const text = textOf(form, 'json')
  return Object.fromEntries([...data, ...(text === null ? [] : Object.entries(objectIn(text)))])
}

function objectIn(text: string): JsonObject {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new Failure(422, `The data is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new Failure(422, 'The data is no JSON object. Expected one such as { "product": "robot" }.')
  const unsafe = unsafeIntegerIn(parsed)
  if (unsafe !== null) throw new Failure(422, `The integer at ${unsafe} cannot be kept exactly; use a string.`)
  return parsed as JsonObject
}

const OUTCOMES = {
  satisfied: 'satisfied',
  not_member: 'not satisfied: the contact is in no sequence that leads to it',
  suppressed: 'not satisfied: the contact is suppressed',
  automated: 'not satisfied: the signal is automated',
} as const

function told(call: DevCall, { contactId, kind, goals }: Sent): Html {
  const names = (sequences: readonly { readonly sequenceId: string }[]) =>
    sequences.map(({ sequenceId }, i) => html`${i === 0 ? '' : ', '}<bdi>${sequenceId}</bdi>`)
  return html`<div class="notice ${goals.some(({ outcome }) => outcome === 'satisfied') ? 'good' : 'warm'}" role="status">
<p>Sent <bdi>${kind}</bdi> for ${personLink(call, call.world, contactId)}. ${goals.length === 0 ? 'No goal waits for it.' : ''}</p>
<ul>${goals.map(({ goalId, outcome, started, stopped }) => html`<li><bdi>${goalId}</bdi>: ${OUTCOMES[outcome]}${stopped.length === 0 ? '' : html`; stopped ${names(stopped)}`}${started.length === 0 ? '' : html`; started ${names(started)}`}</li>`)}</ul>
<p><a href="${link(call, ['dev', 'outbox'], { contact: contactId })}">What was caught for this contact</a> · <a href="${link(call, ['dev', 'clock'])}">What comes next</a></p>
</div>`
}
