/**
 * What keeps others out: who may order something through a browser, what a page may load, how much a body may hold.
 * Who may do what is said by the host's `authorize`, and judged in `call.ts`.
 */
import { piecesOf } from '@enfold/http'
import { Failure } from './failure.ts'

/**
 * Headers of every answer. `nonce`: of the page's own script and stylesheet. `frames`: the page shows others of this
 * address in frames.
 */
export function safeHeaders(nonce: string, { frames = false } = {}): Record<string, string> {
  return {
    'content-security-policy': [
      `default-src 'none'`,
      `script-src 'nonce-${nonce}'`,
      `style-src 'nonce-${nonce}'`,
      `img-src 'self'`,
      `connect-src 'self'`,
      ...(frames ? [`frame-src 'self'`] : []),
      `form-action 'self'`,
      `base-uri 'none'`,
      `frame-ancestors 'none'`,
    ].join('; '),
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    // Not "no-referrer": with that, browsers send forms of our own pages with `Origin: null`.
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    // What is known of people belongs in no cache.
    'cache-control': 'no-store',
  }
}

/**
 * Somebody else's HTML, to be shown in a sandboxed frame of a page with `frames`: no script runs in it, nothing is loaded
 * from anywhere, no form is sent.
 */
export function framedResponse(text: string): Response {
  const policy = [
    `default-src 'none'`,
    `style-src 'unsafe-inline'`,
    `img-src data:`,
    `form-action 'none'`,
    `base-uri 'none'`,
    `frame-ancestors 'self'`,
    'sandbox',
  ]
  const {
    'x-frame-options': _denied,
    'cross-origin-opener-policy': _opener,
    ...headers
  } = {
    ...safeHeaders(secret()),
    'content-security-policy': policy.join('; '),
    'content-type': 'text/html; charset=utf-8',
  } as Record<string, string>
  return new Response(text, { headers })
}

/** 128 bits that nobody can guess. */
export const secret = (): string => base64Url(crypto.getRandomValues(new Uint8Array(16)))

/**
 * The token of all forms of a browser: an HMAC of its cookie and of who uses it, so that no state is kept here. A cookie
 * that somebody else planted is of no use without the key.
 */
export function tokenOf(key: string, cookie: string, actor: string): Promise<string> {
  return hmacOf(key, ['enfold-console', cookie, actor])
}

/**
 * Goes with what a page is to say was done. Without it a link from elsewhere could say "Stopped" of what goes on.
 *
 * @param token of the forms of this browser: the proof is of use in no other
 */
export function proofOf(token: string, contactId: string, outcome: string): Promise<string> {
  return hmacOf(token, ['enfold-did', contactId, outcome])
}

export async function isProof(proof: string, token: string, contactId: string, outcome: string): Promise<boolean> {
  return isEqual(proof, await proofOf(token, contactId, outcome))
}

async function hmacOf(key: string, said: readonly string[]): Promise<string> {
  const encoder = new TextEncoder()
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const imported = await crypto.subtle.importKey('raw', encoder.encode(key), algorithm, false, ['sign'])
  return base64Url(new Uint8Array(await crypto.subtle.sign('HMAC', imported, encoder.encode(JSON.stringify(said)))))
}

/** Whether the browser came by TLS: by the address, or by what a proxy that ended it says. */
export function isSecure({ headers, url }: Request): boolean {
  const forwarded = /(?:^|[;,\s])proto="?(\w+)/i.exec(headers.get('forwarded')?.split(',')[0] ?? '')?.[1]
  const proto = forwarded ?? headers.get('x-forwarded-proto')?.split(',')[0]?.trim()
  return (proto ?? new URL(url).protocol.slice(0, -1)).toLowerCase() === 'https'
}

/** Path and query of a page of the console; `null`: it leads anywhere else, in whatever way that is written. */
export function ownPath(text: string, basePath: string, url: URL): string | null {
  if (!URL.canParse(text, url.href)) return null
  // As a browser reads it: "/.//elsewhere" and a tab between two slashes are other hosts.
  const { host, pathname, search } = new URL(text, url.href)
  const isOurs = pathname === basePath || pathname.startsWith(`${basePath}/`)
  return host === url.host && isOurs && !pathname.startsWith('//') ? pathname + search : null
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')
}

/**
 * Throws unless the order comes from a form of the console: by what the browser says of the sender, and by the token.
 * Both are needed: the first does not depend on cookies, the second not on the browser's age.
 */
export function checkSender(request: Request, form: URLSearchParams, token: string): void {
  if (!isSameSite(request))
    throw new Failure(403, 'This order did not come from the console. Open the page again, and order it there.')
  if (!isEqual(form.get('token') ?? '', token))
    throw new Failure(403, 'This page has expired. Reload it and try again.')
}

function isSameSite({ headers, url }: Request): boolean {
  const site = headers.get('sec-fetch-site')
  if (site !== null) return site === 'same-origin'
  const origin = headers.get('origin')
  if (origin === null || !URL.canParse(origin)) return false
  // By host: the scheme is another behind a proxy that ends TLS.
  return new URL(origin).host === (headers.get('host') ?? new URL(url).host)
}

/** In a time that does not tell how much was right. */
function isEqual(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  let different = 0
  for (let i = 0; i < a.length; i++) different |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return different === 0
}

/** The fields of a form. Nothing else is read, and no more than this many bytes. */
export async function formOf(request: Request, maxBytes: number): Promise<URLSearchParams> {
  const type = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded')
    throw new Failure(415, 'Unsupported media type. Only forms of the console are accepted.')
  const tooLarge = new Failure(
    413,
    `The form holds more than ${maxBytes.toLocaleString('en')} bytes: choose fewer contacts.`,
  )
  const decoder = new TextDecoder()
  let text = ''
  for await (const piece of piecesOf(request, maxBytes, () => tooLarge)) text += decoder.decode(piece, { stream: true })
  return new URLSearchParams(text + decoder.decode())
}
