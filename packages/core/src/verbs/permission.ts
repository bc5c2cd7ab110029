/** What the host can allow. Each verb says which of these it needs. */

/** What can be allowed one by one. `pause` is also resume, `cancel` also skip, `reschedule` also shift, `publish` also unpublish, `suppress` also lifting it. */
export const PERMISSIONS = [
  'read',
  'start',
  'stop',
  'pause',
  'signal',
  'resend',
  'cancel',
  'reschedule',
  'suppress',
  'erase',
  'refresh',
  'publish',
] as const

export type Permission = (typeof PERMISSIONS)[number]
