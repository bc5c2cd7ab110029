/** Who may do what. The host says it for each request; everything that it does not say is denied. */
import { type CampaignId, EnfoldFault, isLegalId, PERMISSIONS, type Permission } from '@enfold/core'

/** What can be allowed one by one: a permission of core, where each verb says which it needs. */
export type Verb = Permission

/** The authenticated caller, as returned by `authorize`. */
export interface Principal {
  /** Your id of the caller; recorded as the actor of every order. */
  readonly id: string
  /** "read": looks only. "write": everything. Or exactly these; a restart needs `start` and `stop`. */
  readonly may: 'read' | 'write' | readonly Verb[]
  /**
   * Only these campaigns. What concerns all campaigns of a contact (stop all, suppress, erase, refresh, signals) is then denied,
   * and responses about a contact are filtered to these campaigns. Default: all.
   */
  readonly campaigns?: readonly CampaignId[]
}

/** Says who sends a request; `null`: nobody that you know. */
export type Authorize = (request: Request) => Principal | null | Promise<Principal | null>

/** What a request is about to do. */
export interface Scope {
  readonly verbs: readonly Verb[]
  /** "any": the answer is cut to what the actor may see. "all": nobody with limits may. Or these, each of them. */
  readonly campaigns: 'any' | 'all' | readonly CampaignId[]
}

/** Why the actor may not, as a sentence; `null` if they may. */
export function denial({ may, campaigns }: Principal, scope: Scope): string | null {
  const verbs: readonly Verb[] = may === 'write' ? PERMISSIONS : may === 'read' ? ['read'] : may
  const missing = scope.verbs.find((verb) => !verbs.includes(verb))
  if (missing !== undefined) return `You may not do this: it needs the permission "${missing}".`
  if (campaigns === undefined || scope.campaigns === 'any') return null
  if (scope.campaigns === 'all')
    return 'You may not do this: it concerns all campaigns, and you have access to some only.'
  const other = scope.campaigns.find((campaignId) => !campaigns.includes(campaignId))
  return other === undefined ? null : `You may not do this: the campaign ${JSON.stringify(other)} is not one of yours.`
}

/** @param campaignId `null`: what concerns all campaigns */
export function canSee({ campaigns }: Principal, campaignId: CampaignId | null): boolean {
  return campaigns === undefined || (campaignId !== null && campaigns.includes(campaignId))
}

/** Those of the actor's campaigns. */
export function visibleTo<T extends { readonly campaignId: CampaignId | null }>(
  principal: Principal,
  things: readonly T[],
): readonly T[] {
  return things.filter(({ campaignId }) => canSee(principal, campaignId))
}

/** Throws for an answer of `authorize` that is neither a principal nor `null`: a slip there must open nothing. */
export function checkedPrincipal(answer: unknown): Principal | null {
  if (answer === null || answer === undefined) return null
  const { id, may, campaigns } = (typeof answer === 'object' ? answer : {}) as Partial<Record<keyof Principal, unknown>>
  if (!isLegalId(id)) throw EnfoldFault.invalidInput('authorize().id', id, 'your id of who sends the request')
  const isMay =
    may === 'read' || may === 'write' || (Array.isArray(may) && may.every((verb) => PERMISSIONS.includes(verb)))
  if (!isMay)
    throw EnfoldFault.invalidInput('authorize().may', may, `"read", "write" or a list of ${PERMISSIONS.join(', ')}`)
  if (campaigns !== undefined && !(Array.isArray(campaigns) && campaigns.every(isLegalId)))
    throw EnfoldFault.invalidInput('authorize().campaigns', campaigns, 'a list of campaign ids, or nothing')
  return answer as Principal
}
