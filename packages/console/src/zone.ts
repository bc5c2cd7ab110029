/** The zone in which an operator reads times. */
import { isTimeZone } from '@enfold/core'
import { idOfSegment } from '@enfold/http'
import { type Call, redirect } from './call.ts'
import { cookieOf, cookieText, YEAR_S, ZONE } from './cookies.ts'
import { Failure } from './failure.ts'
import { ownPath } from './guard.ts'

/** The zone that the browser said last; `null`: none, or none that this machine knows. */
export function chosenZoneOf(request: Request): string | null {
  const cookie = cookieOf(request, ZONE)
  const zone = cookie === null ? null : idOfSegment(cookie)
  return isTimeZone(zone) ? zone : null
}

/** Remembers in which zone the operator reads times. */
export async function chooseZone(call: Call): Promise<Response> {
  const { basePath, form, request, url } = call
  const zone = form.get('zone')?.trim()
  if (!isTimeZone(zone)) throw new Failure(422, 'Unknown time zone. Expected a name such as Europe/Berlin.')
  const back = form.get('back') ?? ''
  const response = redirect((back === '' ? null : ownPath(back, basePath, url)) ?? `${basePath}/`)
  response.headers.append(
    'set-cookie',
    cookieText(ZONE, encodeURIComponent(zone), basePath, request, `; Max-Age=${YEAR_S}`),
  )
  return response
}
