/** The navigation. */

/** An entry of the navigation. */
export interface Part {
  /** By which a page says that it belongs there. */
  readonly name: string
  /** Of its path. */
  readonly segments: readonly string[]
  readonly label: string
}

export const PARTS: readonly Part[] = [
  { name: 'search', segments: [''], label: 'Search' },
  { name: 'campaigns', segments: ['campaigns'], label: 'Campaigns' },
  { name: 'now', segments: ['now'], label: 'Now' },
  { name: 'audit', segments: ['audit'], label: 'Audit' },
]
