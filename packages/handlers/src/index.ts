/**
 * Step handlers for Enfold that talk to the world: mail over SMTP, and signed webhooks with their verification.
 *
 * @packageDocumentation
 */
export type { Mail, MailAddress, Unsubscribe } from './mail-message.ts'
export { type SignedWebhookOptions, signedWebhook, type WebhookPayload } from './signed-webhook.ts'
export { type SmtpMail, type SmtpMailOptions, smtpMail, type TemplateAnswer } from './smtp-mail.ts'
export { type VerifiedWebhook, type VerifyWebhookOptions, verifyWebhook } from './webhook-signature.ts'
