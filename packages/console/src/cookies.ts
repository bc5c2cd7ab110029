/** The two cookies of a browser: which browser it is, and in which zone it shows times. */
import { isSecure } from './guard.ts'

export const SESSION = 'enfold-console'
export const ZONE = 'enfold-zone'
export const YEAR_S = 31_536_000

/** The value of a cookie of ours; `null` where it is none that we would have set. */
export function cookieOf(request: Request, name: string): string | null {
  for (const part of (request.headers.get('cookie') ?? '').split(';')) {
    const [key, value] = part.split('=', 2)
    if (key?.trim() === name && value !== undefined && /^[\w%+.~-]{1,200}$/.test(value.trim())) return value.trim()
  }
  return null
}

/** A cookie, for the console's path alone. */
// Not "Strict": anyone who comes by a link in a mail would get another cookie, and their open pages were void.
export function cookieText(name: string, value: string, basePath: string, request: Request, more: string): string {
  return `${name}=${value}; Path=${basePath === '' ? '/' : basePath}; SameSite=Lax${isSecure(request) ? '; Secure' : ''}${more}`
}
