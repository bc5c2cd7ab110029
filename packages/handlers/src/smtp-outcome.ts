/**
 * The outcome of handing a mail to a server, by SMTP's own codes. The texts next to the codes are dropped:
 * servers quote the recipient's address in them, and the log holds none (LOG-4).
 */
import type { StepOutcome } from '@enfold/core'
import type { SentMessageInfo } from 'nodemailer'
import { failed, failedForGood, failedUnknown, reasonOfCode } from './outcome.ts'

/** The fields of nodemailer's errors that are read here. */
interface SmtpError {
  readonly code?: unknown
  /** The system's code, `ECONNREFUSED`, where `code` is nodemailer's own, `ESOCKET`. */
  readonly originalCode?: unknown
  readonly responseCode?: unknown
  readonly response?: unknown
}

/**
 * The server answered. One recipient who was accepted makes it `sent`: sending again would reach that one twice.
 * The receipt says how many were not, and the code that the first of them got.
 */
export function outcomeOfReply(info: SentMessageInfo): StepOutcome {
  const refusals = (info.rejectedErrors ?? []) as readonly SmtpError[]
  const accepted = info.accepted?.length
  if (accepted === 0 && refusals.length > 0) {
    // LMTP refuses recipients one by one after the message.
    return outcomeOfRefusal(refusals.find((refusal) => !isPermanent(refusal)) ?? (refusals[0] as SmtpError))
  }
  const receipt = [reasonOfReply(info.response)]
  if (accepted !== undefined) receipt.push(`accepted ${accepted}`)
  if (refusals.length > 0) receipt.push(`rejected ${refusals.length}`, reasonOf(refusals[0] as SmtpError))
  return { outcome: 'sent', receipt: receipt.join(' ') }
}

/** It came to an error. `handedOver`: the last byte of the message was on its way. */
export function outcomeOfError(error: unknown, handedOver: boolean): StepOutcome {
  const smtpError = (error ?? {}) as SmtpError
  if (handedOver && typeof smtpError.responseCode !== 'number') return failedUnknown('smtp-unknown')
  return outcomeOfRefusal(smtpError)
}

function outcomeOfRefusal(error: SmtpError): StepOutcome {
  return isPermanent(error) ? failedForGood(reasonOf(error)) : failed(reasonOf(error))
}

/** Errors that are about this mail. All others are about the connection or the account, and the next may be better. */
const ABOUT_THE_MAIL = new Set<unknown>(['EENVELOPE', 'EMESSAGE', 'EMAXRECIPIENTS', 'EFILEACCESS', 'EURLACCESS'])

/** 5xx replies that are about the session even so: bad sequence of commands; log in first. */
const ABOUT_THE_SESSION = new Set([503, 530])

function isPermanent(error: SmtpError): boolean {
  // An attachment that may not be read is found out while the message streams: then its code is the original one.
  if (!ABOUT_THE_MAIL.has(error.code) && !ABOUT_THE_MAIL.has(error.originalCode)) return false
  const reply = error.responseCode
  return typeof reply !== 'number' || (reply >= 500 && !ABOUT_THE_SESSION.has(reply))
}

function reasonOf(error: SmtpError): string {
  return typeof error.responseCode === 'number'
    ? reasonOfReply(error.response)
    : reasonOfCode('smtp', error.originalCode ?? error.code)
}

/** `smtp-550-5.1.1` of `550 5.1.1 <ann@example.com>: no such user`; enhanced codes as in RFC 3463. */
function reasonOfReply(response: unknown): string {
  const codes = /^([2-5]\d\d)(?:[ -]([245]\.\d{1,3}\.\d{1,3})(?![.\d]))?/.exec(String(response))
  return codes === null ? 'smtp' : ['smtp', codes[1], codes[2]].filter((part) => part !== undefined).join('-')
}
