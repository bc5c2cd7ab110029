/** Paths and URLs as messages name them: nothing of them that may be a password. */
import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { UsageError } from './errors.ts'
import { named, plain } from './text.ts'

/** `read`: nothing is written. `write`: it must be there. `create`: it is made if there is none. */
export type Access = 'read' | 'write' | 'create'

/** What a URL of a server begins with, also where its slashes were forgotten, or its scheme. */
const SERVER = String.raw`(?:\b(?:postgres(?:ql)?|pg|esdb|kurrentdb|eventstore)(?:\+discover)?:\/{0,3}|\b[a-z][a-z\d+.-]*:\/{1,3}|(?<![:/\w])\/\/)[^:/?#@\s]*`
const BEFORE_HOST = new RegExp(`(${SERVER}):[\\s\\S]*@`, 'gi')
/** Without a host: what follows the user and is no port. */
const WITHOUT_HOST = new RegExp(`(${SERVER}):(?!\\d{1,5}(?:[/?#,\\s'".);]|$))[^\\s'"/?#@]+`, 'gi')
const PARAMETER = /((?:^|[?&;\s'"/=])\w*(?:pas+w|pwd|\bpw\b|secret|token)\w* ?= ?)(?:'[^']*'|[^&#\s'"]*)/gi
/** Of a URL whose beginning is misspelled or was forgotten: a user, a password, a host. */
const USER_AND_HOST = /((?:^|[\s'"=/])[^\s:/'"@]*(?:\/\/[^\s:/'"@]*)?):[^\s/'"@]+@(?=[^\s'"@])/g
const OPTION = /(--?[\w-]*(?:pas+w|pwd|secret)[\w-]*[= ])[^\s'"]+/gi

/** The text with every password taken out, of URLs and of options, and rather too much than too little: for every output. */
export function withoutPasswords(text: string): string {
  return text
    .replace(BEFORE_HOST, '$1@')
    .replace(WITHOUT_HOST, '$1:…')
    .replace(PARAMETER, '$1…')
    .replace(OPTION, '$1…')
    .replace(USER_AND_HOST, '$1:…@')
}

/**
 * A path or URL that somebody typed, as every message and result shows it: whole if it is plainly a path, and otherwise
 * only what can be no password wherever a sign was mistyped or forgotten: the kind of a store, its hosts, database and
 * schema. So a path with a colon, an @ or another sign of URLs is not shown either.
 */
export function placeText(place: string): string {
  if (isPlainPath(place)) return plain(place)
  const [, scheme = '', rest = ''] = /^([a-z][a-z\d+.-]*):(.*)$/is.exec(place) ?? []
  switch (scheme.toLowerCase()) {
    case 'sqlite':
      return isPlainPath(rest) ? plain(place) : `${scheme}:…`
    case 'module': {
      const [file = ''] = rest.split('?')
      return isPlainPath(file) ? plain(`${scheme}:${file}${file === rest ? '' : '?…'}`) : `${scheme}:…`
    }
    case '':
      return '…'
  }
  const [, hosts = '', database = '', schema = ''] = SERVER_PLACE.exec(rest) ?? []
  if (hosts !== '') return `${scheme}://${hosts.replace(/:\d+/g, '')}${database}${schema}`
  return rest.startsWith('//') || isKnownScheme(scheme) ? `${scheme}:…` : '…'
}

/** `placeText` as a name within a sentence: in quotes where it is no plain word. */
export function placeName(place: string): string {
  const shown = placeText(place)
  return shown.includes('…') ? shown : named(shown)
}

/** The text, which may be somebody else's, with this place as it is shown. */
export function withPlaceShown(text: string, place: string): string {
  const whole = resolve(place)
  const forms = [place, pathToFileURL(whole).href, whole, encodeURI(place), JSON.stringify(place).slice(1, -1)]
  const shown = placeText(place)
  return forms.reduce((left, form) => (form === '' || form === shown ? left : left.replaceAll(form, shown)), text)
}

/** What `--option=value` gives, or the argument itself, where it is shown otherwise than it was typed. */
export function withArgumentsShown(text: string, args: readonly string[]): string {
  const values = args.map((arg) => (/^--[\w-]+=/.test(arg) ? arg.slice(arg.indexOf('=') + 1) : arg))
  const places = values.filter((value) => value.length > 1 && placeText(value) !== plain(value))
  return places
    .sort((a, b) => b.length - a.length)
    .reduce((left, place) => withPlaceShown(left.replaceAll(plain(place), placeText(place)), place), text)
}

/** The user and the port are not shown: without a colon or an @, a password stands in their place. */
const SERVER_PLACE =
  /^\/\/(?:[^:/?#@]*(?::[^:/?#@]*)?@)?([a-z\d.-]+(?::\d{1,5})?(?:,[a-z\d.-]+(?::\d{1,5})?)*)(\/[\w-]*)?(?:\?(?:tls|tlsVerifyCert)=(?:true|false)|(\?schema=[a-z_][a-z\d_]*))?$/i

/** An argument that is meant for a server, `--store=` before it or not. */
export function isServerUrl(arg: string): boolean {
  return isKnownScheme(/^(?:--[\w-]+=)?([a-z+]+):/i.exec(arg)?.[1] ?? '')
}

function isKnownScheme(scheme: string): boolean {
  return /^(?:postgres(?:ql)?|(?:esdb|kurrentdb|kurrent|kdb)(?:\+discover)?)$/i.test(scheme)
}

/** Without any sign that has a meaning in URLs, options or connection strings, and none of their words. */
function isPlainPath(text: string): boolean {
  const rest = process.platform === 'win32' ? text.replace(/^[a-z]:(?=[\\/])/i, '').replaceAll('\\', '/') : text
  return !/[:@?#=&%;,"<>|*\\]|\/\/|(?:pas+w|pwd|secret|token)\w*\s/i.test(rest)
}

/** Its size in bytes. */
export function requireFile(path: string): number {
  const stat = existsSync(path) ? statSync(path) : undefined
  if (stat === undefined) throw new UsageError(`There is no file ${placeName(path)}.`)
  if (stat.isDirectory()) throw new UsageError(`${placeName(path)} is a folder; expected a file.`)
  return stat.size
}
