/**
 * Step handlers that talk to the world: mail over SMTP, and signed webhooks.
 *
 * @packageDocumentation
 */
export * from '@enfold/handlers'
