/**
 * The step handler that sends mail over SMTP. The host's `template` chooses text and recipients; what a reply
 * means is `smtp-outcome.ts`; connections, encoding and DKIM are nodemailer's.
 */
import { isIPv4 } from 'node:net'
import { EnfoldFault, redirectable, type StepCall, type StepOutcome } from '@enfold/core'
import { createTransport, type SMTPPoolOptions, type Transporter } from 'nodemailer'
import { type Mail, type MailAddress, MailRefused, messageOf, type Unsubscribe } from './mail-message.ts'
import { failed, failedByHost, failedForGood, failedUnknown, unlessAborted } from './outcome.ts'
import { outcomeOfError, outcomeOfReply } from './smtp-outcome.ts'

/** `null` or `{ skip }`: no mail for this contact. The reason is recorded; without one it is `no-mail`. */
export type TemplateAnswer = Mail | { readonly skip: string } | null

export interface SmtpMailOptions {
  /**
   * nodemailer's SMTP options (`host`, `port`, `secure`, `auth`, `dkim` …) or a transport that you made with it.
   * Of options a pool of at most 5 connections is made (`maxConnections`; `pool: false` for one connection per mail)
   * that reads neither files nor web addresses into a mail (`disableFileAccess`, `disableUrlAccess`: default true).
   */
  readonly transport: (SMTPPoolOptions & { readonly pool?: boolean }) | Transporter
  /**
   * Lets the password of `auth` go to a server without TLS. Default false: with `auth`, and unless the server is this
   * machine, a server that offers no TLS is not told it, and the step fails. Somebody in between could take the offer
   * away. Of transports that you made yourself, `requireTLS` is yours.
   */
  readonly allowPlainAuth?: boolean
  /**
   * The mail for this step and contact. Asked again on every attempt. If it throws, the step is tried again, unless
   * the error has `permanent: true`; recorded is the error's name, `template-error-TypeError`.
   */
  readonly template: (call: StepCall) => TemplateAnswer | Promise<TemplateAnswer>
  /** The sender of mails whose template names none. */
  readonly from?: MailAddress
  /** The right side of the Message-ID. Default: the domain of the sender. */
  readonly domain?: string
  /** Makes the headers of RFC 8058, one-click unsubscribing. `null`: none for this mail. Throwing: as `template`. */
  readonly unsubscribe?: (call: StepCall) => Unsubscribe | null | Promise<Unsubscribe | null>
}

export interface SmtpMail {
  (call: StepCall): Promise<StepOutcome>
  /**
   * Closes the pool: idle connections now, others after the mail that they are sending; what waits for one fails and
   * may be tried again. A transport that you passed in stays open.
   */
  close(): void
}

/**
 * A step handler (STEP-4) that sends one mail per call.
 *
 * The idempotency key is the mail's Message-ID, `<key@domain>`, and its `Idempotency-Key` header: a recipient of
 * two copies can tell.
 *
 * | what happened | outcome |
 * |---|---|
 * | at least one recipient accepted | `sent`, receipt `smtp-250-2.0.0 accepted 1`, or `… accepted 1 rejected 1 smtp-550-5.1.1` |
 * | `template` answered `null` or `{ skip }` | `skipped` |
 * | the server refused the mail or every recipient with 5xx | `failed` for good, `smtp-550-5.1.1` |
 * | 4xx, 421, a failed log-in, no connection, timeout, TLS, DNS | `failed`, `smtp-450-4.2.1`, `smtp-econnrefused` |
 * | the connection broke after the message and before the reply | `failed`, `unknown`, `smtp-unknown`: tried again, or held if the step's `onUnknown` says so (STEP-6) |
 * | the mail cannot be sent as it is | `failed` for good, `template-invalid`, `from-missing`, `unsubscribe-invalid` |
 * | the call's signal aborted | `failed`, `aborted` or `smtp-unknown`, at once; a connection that was sending is closed |
 *
 * It is `redirectable`: where the call has a `deliverTo`, that address alone gets the mail, and the header `X-Original-To`
 * holds the recipients of the template (DELIVER-1).
 *
 * No reason and no receipt holds an address or a text (LOG-4).
 *
 * @example
 * const email = smtpMail({
 *   transport: { host: 'smtp.example.com', auth: { user: 'crm', pass: process.env.SMTP_PASSWORD } },
 *   from: 'Pool Shop <hello@example.com>',
 *   template: async (call) => {
 *     const person = await people.get(call.contactId)
 *     return person && { to: person.mail, subject: 'Mistake 1', text: `Dear ${person.name}, …` }
 *   },
 * })
 * const engine = createEngine({ store, handlers: { email } })
 */
export function smtpMail(options: SmtpMailOptions): SmtpMail {
  const { transporter, close } = transportOf(options)
  // Which messages were read to their end; nodemailer's errors do not tell. The signal is what both sides know of a mail.
  const handedOver = new WeakSet<AbortSignal>()
  transporter.use('stream', (mail, done) => {
    const signal = mail.data.signal as AbortSignal | undefined
    mail.message.processFunc((input) => input.once('end', () => signal && handedOver.add(signal)))
    done()
  })

  async function send(call: StepCall, signal: AbortSignal): Promise<StepOutcome> {
    signal.throwIfAborted()
    let mail: TemplateAnswer
    try {
      mail = await options.template(call)
    } catch (error) {
      return failedByHost('template', error)
    }
    if (mail === null) return { outcome: 'skipped', reason: 'no-mail' }
    if (typeof mail !== 'object') return failedForGood('template-invalid')
    if ('skip' in mail) return { outcome: 'skipped', reason: mail.skip }

    let unsubscribe: Unsubscribe | null = null
    try {
      unsubscribe = (await options.unsubscribe?.(call)) ?? null
    } catch (error) {
      return failedByHost('unsubscribe', error)
    }

    try {
      const { from, domain } = options
      const message = messageOf(mail, {
        key: call.idempotencyKey,
        from,
        domain,
        unsubscribe,
        deliverTo: call.deliverTo,
      })
      return outcomeOfReply(await transporter.sendMail({ ...message, signal }))
    } catch (error) {
      if (error instanceof MailRefused) return failedForGood(error.reason)
      return outcomeOfError(error, handedOver.has(signal))
    }
  }

  async function handle(call: StepCall): Promise<StepOutcome> {
    // A signal of this call alone: the engine may hand the same one to many.
    const signal = AbortSignal.any([call.signal])
    try {
      return await unlessAborted(signal, send(call, signal))
    } catch (error) {
      if (!signal.aborted) throw error
      return handedOver.has(signal) ? failedUnknown('smtp-unknown') : failed('aborted')
    }
  }

  redirectable(handle)
  return Object.assign(handle, { close })
}

function transportOf({ transport, allowPlainAuth = false }: SmtpMailOptions): {
  transporter: Transporter
  close(): void
} {
  if ('sendMail' in transport) return { transporter: transport, close() {} }
  // One requeue makes good a pooled connection that the server had dropped; further ones are the engine's retries.
  const defaults = { pool: true, maxRequeues: 1, disableFileAccess: true, disableUrlAccess: true }
  const transporter = created({ ...defaults, ...transport })
  // What nodemailer made of the options, of the URL, of what stands in the URL's query and of a service's name: the
  // URL wins over the options, so these alone say where the password goes. Nothing is connected yet.
  const final = (transporter.transporter as unknown as { readonly options: FinalOptions }).options
  if (!allowPlainAuth && sendsPasswordAbroad(final)) {
    if (final.ignoreTLS || !(final.requireTLS ?? true))
      throw EnfoldFault.invalidInput(
        'smtpMail.transport',
        'without TLS',
        'TLS where a password is sent to another machine; `allowPlainAuth: true` says that it may go without',
      )
    final.requireTLS = true
  }
  return { transporter, close: () => transporter.close() }
}

function created(options: SMTPPoolOptions): Transporter {
  if (options.url === undefined) return createTransport(options)
  const refused = () =>
    EnfoldFault.invalidInput(
      'smtpMail.transport.url',
      'a text that is not shown, because it may hold a password',
      'smtp://user:password@host:port or smtps://…, with special characters of the password percent-encoded',
    )
  if (typeof options.url !== 'string' || !/^smtps?:/i.test(options.url)) throw refused()
  try {
    return createTransport(options)
  } catch {
    // The error of nodemailer holds the URL.
    throw refused()
  }
}

/** As nodemailer resolved them. Out of a URL's query come texts, numbers and flags. */
interface FinalOptions {
  readonly auth?: unknown
  readonly host?: unknown
  readonly port?: unknown
  readonly secure?: unknown
  readonly ignoreTLS?: unknown
  requireTLS?: unknown
  /** Ways to the server that do not go by its host's name, or give the name to another machine. */
  readonly proxy?: unknown
  readonly connection?: unknown
  readonly socket?: unknown
  readonly getSocket?: unknown
}

/** With `secure`, the connection begins with TLS; without, the server offers it (STARTTLS), unless an attacker in between removes the offer. */
function sendsPasswordAbroad(final: FinalOptions): boolean {
  const { auth, host, port, secure = Number(port) === 465 } = final
  if (!auth || secure) return false
  const isByName = !final.proxy && !final.connection && !final.socket && !final.getSocket
  return !(isByName && isThisMachine(`${host || 'localhost'}`))
}

function isThisMachine(host: string): boolean {
  return /^localhost\.?$/i.test(host) || /^\[?::1\]?$/.test(host) || (isIPv4(host) && host.startsWith('127.'))
}
