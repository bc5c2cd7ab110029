/** What pages load: one stylesheet, one script, one icon. Served out of these texts, so that no host has to build or copy. */
import { SCRIPT } from './script.ts'
import { STYLE } from './style.ts'

export interface Asset {
  /** Another one with each change, so that browsers may keep it without end. */
  readonly name: string
  readonly type: string
  readonly text: string
}

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#1d6f5c"/><path d="M4 5h8M4 8h5M4 11h8" stroke="#fff" stroke-width="1.6" stroke-linecap="round"/></svg>`

export const ASSETS = {
  style: asset('style', 'css', 'text/css; charset=utf-8', STYLE),
  script: asset('script', 'js', 'text/javascript; charset=utf-8', SCRIPT),
  icon: asset('icon', 'svg', 'image/svg+xml', ICON),
} as const

function asset(name: string, ending: string, type: string, text: string): Asset {
  // FNV-1a: it tells texts apart, and guards nothing.
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0
  return { name: `${name}.${hash.toString(36)}.${ending}`, type, text }
}
