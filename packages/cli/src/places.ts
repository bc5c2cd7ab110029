/** Paths and URLs as messages name them: without a password. */
import { existsSync, statSync } from 'node:fs'
import { UsageError } from './errors.ts'
import { named } from './text.ts'

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

/** A path or URL as it is named in a message: it may be a URL whose beginning was forgotten. */
export function placeName(path: string): string {
  return named(withoutPasswords(path).replace(/^[^\s:/]+:(?!\/).*@/, '…@'))
}

/** Its size in bytes. */
export function requireFile(path: string): number {
  const stat = existsSync(path) ? statSync(path) : undefined
  if (stat === undefined) throw new UsageError(`There is no file ${placeName(path)}.`)
  if (stat.isDirectory()) throw new UsageError(`${placeName(path)} is a folder; expected a file.`)
  return stat.size
}
