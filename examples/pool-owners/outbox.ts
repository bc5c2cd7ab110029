/** The step handlers of the demo: a mail becomes an .eml file that any mail program opens, a task a text file. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, ContactId, StepCall, StepHandler, StepOutcome } from 'enfold'
import { createTransport } from 'nodemailer'
import type { Contact } from './read-contacts.ts'

interface Template {
  readonly subject: string
  readonly body: string
}

/** Files `NAME.txt`: a line "Subject: …", an empty line, the text. `{{name}}` stands for the contact's name. */
export function readTemplates(folder: string): ReadonlyMap<string, Template> {
  if (!existsSync(folder)) return new Map()
  const files = readdirSync(folder).filter((file) => file.endsWith('.txt'))
  return new Map(
    files.map((file) => {
      const [first = '', ...rest] = readFileSync(join(folder, file), 'utf8').split('\n')
      return [file.slice(0, -4), { subject: first.replace(/^Subject:\s*/, ''), body: rest.join('\n').trim() }]
    }),
  )
}

export interface OutboxOptions {
  /** Where the files go; exists. */
  readonly folder: string
  readonly sender: string
  readonly contacts: ReadonlyMap<ContactId, Contact>
  readonly templates: ReadonlyMap<string, Template>
  readonly clock: Clock
}

/** A file is named after its step and idempotency key: the same sending again writes the same file (STEP-4). */
export function createOutbox({ folder, sender, contacts, templates, clock }: OutboxOptions): {
  readonly email: StepHandler
  readonly task: StepHandler
} {
  const composer = createTransport({ streamTransport: true, buffer: true, newline: 'windows' })

  async function email(call: StepCall): Promise<StepOutcome> {
    const contact = contacts.get(call.contactId)
    if (contact === undefined || contact.email === '') return { outcome: 'skipped', reason: 'no-address' }
    const { subject, body } = templates.get(String(call.step.params?.template)) ?? placeholder(call)
    const { message } = await composer.sendMail({
      from: { name: sender, address: 'hello@example.com' },
      to: { name: contact.name, address: contact.email },
      subject: subject.replaceAll('{{name}}', () => contact.name),
      text: body.replaceAll('{{name}}', () => contact.name),
      date: new Date(clock.now()),
      messageId: `<${call.idempotencyKey}@example.com>`,
    })
    return { outcome: 'sent', receipt: await write(call, 'eml', message as Buffer) }
  }

  async function task(call: StepCall): Promise<StepOutcome> {
    const about = contacts.get(call.contactId)?.name ?? call.contactId
    return {
      outcome: 'sent',
      receipt: await write(call, 'txt', `${call.step.params?.text ?? call.step.id}\n${about}\n`),
    }
  }

  async function write(call: StepCall, kind: string, content: Buffer | string): Promise<string> {
    const name = `${call.step.id.slice(0, 60).replaceAll(/[^\w-]/g, '-')}-${call.idempotencyKey}.${kind}`
    await writeFile(join(folder, name), content)
    return name
  }

  return { email, task }
}

function placeholder({ sequenceId, step }: StepCall): Template {
  const body = `The step "${step.id}" of the sequence "${sequenceId}". There is no template for it, so this stands in its place.`
  return { subject: `${sequenceId}: ${step.id}`, body }
}
