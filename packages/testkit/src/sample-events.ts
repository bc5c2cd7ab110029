/** Small valid events for tests that care where events go, not what they say. */
import {
  type CampaignEvent,
  type CampaignId,
  type ContactEvent,
  type ContactId,
  campaignStream,
  contactStream,
  eventIdOf,
  type JsonValue,
  SCHEMA_VERSION,
  type StreamId,
} from '@enfold/core'

/**
 * A contact's start of a sequence. `n` tells the events of one contact apart: the same `n`, the same event id.
 *
 * @example
 * await store.append('contact-ann', [sampleStart('ann', 1)], 'no-stream')
 */
export function sampleStart(contactId: ContactId, n: number): ContactEvent {
  return {
    ...metaOf(contactStream(contactId), n),
    type: 'SequenceStarted',
    data: { campaignId: 'pool-owners', sequenceId: 'nurture', run: n, campaignVersion: 1 },
  }
}

/** As `sampleStart`, with a value of your own within its data. */
export function sampleCompletion(contactId: ContactId, n: number, value: JsonValue): ContactEvent {
  return {
    ...metaOf(contactStream(contactId), n),
    type: 'SequenceCompleted',
    data: {
      campaignId: 'pool-owners',
      sequenceId: 'nurture',
      run: n,
      waiting: false,
      routes: [],
      saw: [{ field: 'field', value }],
    },
  }
}

/** A publication of a small campaign, its `n`-th version. */
export function samplePublication(campaignId: CampaignId, n: number): CampaignEvent {
  return {
    ...metaOf(campaignStream(campaignId), n),
    type: 'CampaignPublished',
    data: {
      campaignId,
      campaignVersion: n,
      definition: {
        id: campaignId,
        goals: [],
        sequences: [{ id: 'nurture', steps: [{ id: 'hello', kind: 'email' }] }],
      },
    },
  }
}

function metaOf(stream: StreamId, n: number) {
  const commandId = `command-${n}`
  return {
    id: eventIdOf(stream, commandId, 0),
    schema: SCHEMA_VERSION,
    at: '2026-03-01T09:00:00.000Z',
    commandId,
    correlationId: commandId,
    causationId: commandId,
    actor: 'tester',
    cause: { by: 'operator' },
    order: '00112233445566ff-89ab',
  } as const
}

/** Legal ids that have broken maps, queries, URLs, files and screens (LOG-6). */
export const HOSTILE_IDS: readonly string[] = [
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'a/b',
  'ünï',
  '-x',
  '🏊‍♀️',
  '\u{1F3CA}\uFFFD',
  'مرحبا \u202E txet',
  `'"\``,
  'x'.repeat(200),
  '🏊'.repeat(200),
  'back\\slash',
  '%2F',
  'two\nlines',
  'nul\u0000inside',
  '\u0000',
  '\u0001',
  '\u0001\u0001',
  '\u0001\u0002',
  "'; DROP TABLE events; --",
  ' ',
  'a',
  'A',
  // The same on a screen, and not the same id: one character, or two.
  'é',
  'e\u0301',
]
