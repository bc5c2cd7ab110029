/**
 * A mail as the host's template answers it, and what is made of it: the message that nodemailer encodes, with the
 * headers that name the sending. Sending it is `smtp-mail.ts`.
 */
import { domainToASCII } from 'node:url'
import type { Attachment, SendMailOptions } from 'nodemailer'
import addressParser from 'nodemailer/lib/addressparser'

/** `ann@example.com`, `Ann <ann@example.com>`, or the two apart. */
export type MailAddress = string | { readonly name: string; readonly address: string }

export interface Mail {
  /** Each gets the mail and sees the others. */
  readonly to: MailAddress | readonly MailAddress[]
  /** Left out: the `from` of `smtpMail`. */
  readonly from?: MailAddress
  readonly replyTo?: MailAddress
  readonly subject: string
  /** `text`, `html` or both. */
  readonly text?: string
  readonly html?: string
  /** Further headers. Those that this package or a field of `Mail` sets are refused (`template-invalid`). */
  readonly headers?: { readonly [name: string]: string }
  /** As nodemailer takes them: `{ filename, content, contentType?, cid? }`. */
  readonly attachments?: readonly Attachment[]
}

/** Where a contact leaves the list. RFC 8058 wants an https address that takes a POST and asks nothing more. */
export interface Unsubscribe {
  /** https only. */
  readonly url: string
  /** `mailto:leave@example.com?subject=…`, for clients that know no one-click. */
  readonly mailto?: string
}

export interface Sending {
  /** The idempotency key (STEP-4). */
  readonly key: string
  readonly from?: MailAddress | undefined
  readonly domain?: string | undefined
  readonly unsubscribe: Unsubscribe | null
  /** Who gets it instead of the recipients that the template names (DELIVER-1). */
  readonly deliverTo?: string | undefined
}

/** What a mail cannot be sent as it is for; `reason` goes into the log. */
export class MailRefused extends Error {
  override readonly name = 'MailRefused'
  readonly reason: string

  constructor(reason: string) {
    super(reason)
    this.reason = reason
  }
}

/** Has the idempotency key a second time: some relays (Amazon SES) give a mail a Message-ID of their own. */
export const IDEMPOTENCY_HEADER = 'Idempotency-Key'

/** Set from elsewhere. `To`, `Cc` and `Bcc` among a mail's headers would add recipients that the template does not know. */
const RESERVED_HEADERS = new Set(
  'message-id idempotency-key list-unsubscribe list-unsubscribe-post from sender to cc bcc reply-to subject'.split(' '),
)

/**
 * The message for nodemailer. The same sending has the same Message-ID, `<key@domain>`, on each attempt.
 * Throws `MailRefused`.
 */
export function messageOf(mail: Mail, sending: Sending): SendMailOptions {
  const from = mail.from ?? sending.from
  if (from === undefined) throw new MailRefused('from-missing')
  if (typeof mail.subject !== 'string' || (typeof mail.text !== 'string' && typeof mail.html !== 'string')) {
    throw new MailRefused('template-invalid')
  }
  const { to, replyTo, subject, text, html, attachments } = mail
  return {
    from: from as string,
    to: to as string[],
    subject,
    ...(replyTo !== undefined && { replyTo: replyTo as string }),
    ...(text !== undefined && { text }),
    ...(html !== undefined && { html }),
    ...(attachments !== undefined && { attachments: [...attachments] }),
    messageId: `<${sending.key}@${sending.domain ?? domainOf(from)}>`,
    ...insteadOf(sending.deliverTo, from),
    headers: [
      ...ownHeaders(mail.headers ?? {}),
      { key: IDEMPOTENCY_HEADER, value: sending.key },
      ...unsubscribeHeaders(sending.unsubscribe),
      ...originalRecipients(to, sending.deliverTo),
    ],
  }
}

/** The one recipient. Own keys, empty ones too: else the defaults of a host's transport would add theirs. */
function insteadOf(deliverTo: string | undefined, from: MailAddress): SendMailOptions {
  if (deliverTo === undefined) return {}
  return { to: deliverTo, cc: undefined, bcc: undefined, envelope: { from: from as string, to: deliverTo } }
}

/** Who would have got the mail, for the reader of a mailbox that takes all of them. */
function originalRecipients(to: Mail['to'], deliverTo: string | undefined) {
  if (deliverTo === undefined) return []
  const parsed = [to].flat().flatMap((one) => (typeof one === 'string' ? addressParser(one, { flatten: true }) : [one]))
  const addresses = parsed.flatMap((one) =>
    typeof one?.address === 'string' && one.address !== '' ? [one.address] : [],
  )
  return addresses.length === 0 ? [] : [{ key: 'X-Original-To', value: addresses.join(', ') }]
}

function ownHeaders(headers: { readonly [name: string]: string }): { key: string; value: string }[] {
  return Object.entries(headers).map(([key, value]) => {
    // An object here could ask nodemailer to write it as it stands, line breaks and all.
    if (typeof value !== 'string' || !/^[\x21-\x39\x3b-\x7e]+$/.test(key) || RESERVED_HEADERS.has(key.toLowerCase())) {
      throw new MailRefused('template-invalid')
    }
    return { key, value }
  })
}

/** RFC 8058, section 3.1. Not folded: a client that compares the addresses need not know how. */
function unsubscribeHeaders(unsubscribe: Unsubscribe | null) {
  if (unsubscribe === null) return []
  const url = URL.parse(unsubscribe.url)
  const mailto = unsubscribe.mailto
  // RFC 5322 allows a line 998 characters.
  if (url?.protocol !== 'https:' || url.href.length > 700) throw new MailRefused('unsubscribe-invalid')
  if (mailto !== undefined && !/^mailto:[\x21-\x3b\x3d\x3f-\x7e]{1,200}$/.test(mailto)) {
    throw new MailRefused('unsubscribe-invalid')
  }
  const places = mailto === undefined ? `<${url.href}>` : `<${url.href}>, <${mailto}>`
  return [
    { key: 'List-Unsubscribe', value: { prepared: true, value: places } },
    { key: 'List-Unsubscribe-Post', value: { prepared: true, value: 'List-Unsubscribe=One-Click' } },
  ]
}

function domainOf(from: MailAddress): string {
  const address = typeof from === 'string' ? addressParser(from, { flatten: true })[0]?.address : from.address
  const domain = domainToASCII(address?.slice(address.lastIndexOf('@') + 1) ?? '')
  if (domain === '' || !address?.includes('@')) throw new MailRefused('from-missing')
  return domain
}
