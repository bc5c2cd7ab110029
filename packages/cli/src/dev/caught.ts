/** A step that was caught, as the pages show it and the journal keeps it. */
import type { Instant, JsonObject, Vars } from '@enfold/core'
import type { Mail } from './mail.ts'

/** What a handler was called with, and the mail that it would have been. */
export interface Caught {
  /** 1 for the first. */
  readonly number: number
  readonly at: Instant
  readonly contactId: string
  readonly campaignId: string
  readonly sequenceId: string
  readonly key?: string
  readonly run: number
  readonly vars?: Vars
  readonly stepId: string
  readonly kind: string
  readonly params: JsonObject
  readonly resend: number
  readonly occurrence?: number
  readonly idempotencyKey: string
  readonly to: string | null
  readonly mail: Mail | null
}
