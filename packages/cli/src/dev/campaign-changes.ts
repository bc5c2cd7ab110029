/** What is different between two definitions of a campaign, for people: by the ids of goals, sequences and steps. */
import { type CampaignDefinition, canonicalJson, idInWords, type JsonValue } from '@enfold/core'

type Node = { readonly id: string } & object

/** A sentence each, in the order of the new definition; empty: they say the same. */
export function campaignChanges(before: CampaignDefinition, after: CampaignDefinition): readonly string[] {
  const top = changedProperties(without(before, 'goals', 'sequences'), without(after, 'goals', 'sequences'))
  return [
    ...top.map((name) => `The campaign’s ${name} changed.`),
    ...nodeChanges('Goal', before.goals, after.goals),
    ...nodeChanges('Sequence', before.sequences, after.sequences, ['steps']),
    ...after.sequences.flatMap((sequence) => {
      const old = before.sequences.find(({ id }) => id === sequence.id)
      const name = idInWords(sequence.id)
      return old === undefined ? [] : nodeChanges('Step', old.steps, sequence.steps, [], ` of ${name}`)
    }),
  ]
}

function nodeChanges(
  what: string,
  before: readonly Node[],
  after: readonly Node[],
  apart: readonly string[] = [],
  of = '',
): readonly string[] {
  const old = new Map(before.map((node) => [node.id, node]))
  const ids = new Set(after.map(({ id }) => id))
  const said = (id: string, words: string) => `${what} ${idInWords(id)}${of} ${words}`
  const kept = before.filter(({ id }) => ids.has(id)).map(({ id }) => id)
  const order = after.filter(({ id }) => old.has(id)).map(({ id }) => id)
  return [
    ...after.flatMap((node) => {
      const earlier = old.get(node.id)
      if (earlier === undefined) return [said(node.id, 'is new.')]
      const names = changedProperties(without(earlier, ...apart), without(node, ...apart))
      return names.length === 0 ? [] : [said(node.id, `changed: ${names.join(', ')}.`)]
    }),
    ...before.filter(({ id }) => !ids.has(id)).map(({ id }) => said(id, 'is gone.')),
    ...(kept.every((id, i) => id === order[i]) ? [] : [`${what}s${of} stand in another order.`]),
  ]
}

function changedProperties(before: object, after: object): readonly string[] {
  const [old, young] = [new Map(Object.entries(before)), new Map(Object.entries(after))]
  const names = [...new Set([...old.keys(), ...young.keys()])]
  return names.filter((name) => asText(old.get(name)) !== asText(young.get(name)))
}

const asText = (value: JsonValue | undefined) => (value === undefined ? '' : canonicalJson(value))

function without(node: object, ...names: readonly string[]): object {
  return Object.fromEntries(Object.entries(node).filter(([name]) => !names.includes(name)))
}
