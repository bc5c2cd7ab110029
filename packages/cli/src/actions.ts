/** Actions over many contacts: which there were, and the end of one that another process works on, or none does. */
import { type ActionId, actionTroublesOf, describeRejection, isLeft } from '@enfold/core'
import type { ActionView } from '@enfold/engine'
import type { Answer } from './questions.ts'
import { type Streams, writeLine } from './streams.ts'
import { counted, jsonText, named, paintFor, plain, sequenceName, table } from './text.ts'
import { type OrderOptions, withEngine } from './with-engine.ts'

export interface ActionsChoice {
  /** Where the page before ended. */
  readonly after?: ActionId
  readonly limit: number
}

/** The newest first. */
export async function queryActions(url: string, choice: ActionsChoice, options: OrderOptions): Promise<Answer> {
  return withEngine(url, 'read', options, async (engine) => {
    const page = await engine.inspect.actions(choice)
    return {
      json: page,
      text: (paint) =>
        page.actions.length === 0
          ? 'There is no action.'
          : [
              table(
                paint,
                ['ordered', 'state', 'what', 'contacts', 'done', 'troubles', 'by', 'action'],
                page.actions.map((one) => [
                  one.orderedAt,
                  one.state,
                  whatOf(one),
                  one.contacts.toLocaleString('en'),
                  one.processed.toLocaleString('en'),
                  troublesOf(one).toLocaleString('en'),
                  one.actor === null ? '' : named(one.actor),
                  named(one.actionId),
                ]),
              ),
              ...(page.next === null ? [] : [`More: --after ${named(page.next)}`]),
            ].join('\n'),
    }
  })
}

function whatOf({ action, campaignId, sequenceId, undoes }: ActionView): string {
  if (undoes !== undefined) return `undo of ${named(undoes)}`
  return campaignId === null || sequenceId === null ? action : `${action} ${sequenceName({ campaignId, sequenceId })}`
}

const troublesOf = ({ action, outcomes }: ActionView): number =>
  actionTroublesOf(action).reduce((sum, outcome) => sum + outcomes[outcome], 0)

/** What is done stays done (BULK-3). Returns false if there is no such action. */
export async function cancelAction(
  { stdout, stderr }: Streams,
  url: string,
  actionId: ActionId,
  actor: string,
  options: OrderOptions,
): Promise<boolean> {
  return withEngine(url, 'write', options, async (engine) => {
    const answered = await engine.cancelAction(actionId, { actor })
    if (isLeft(answered)) {
      const message = describeRejection(answered.left)
      if (options.json === true) await writeLine(stdout, jsonText({ actionId, rejection: answered.left, message }))
      else await writeLine(stderr, paintFor(stderr)('red', plain(message)))
      return false
    }
    const view = answered.right
    const { contacts, processed, state } = view
    const end = state === 'done' ? 'is done already' : 'is cancelled'
    const text = `action ${named(actionId)} ${end}, with ${processed.toLocaleString('en')} of ${counted(contacts, 'contact')} done`
    await writeLine(stdout, options.json === true ? jsonText({ actionId, answer: view }) : text)
    return true
  })
}
