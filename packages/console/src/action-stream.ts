/** What is read of an action piece by piece: its progress, and the file of its results. */
import { CSV_HEADERS, EVENT_STREAM_HEADERS, progressOf, streamed, whilePermitted } from '@enfold/http'
import { actionOf, isStill, progressText } from './action-view.ts'
import type { ActionCall } from './call.ts'

export async function resultsCsv(call: ActionCall): Promise<Response> {
  const { actionId, campaignId } = await actionOf(call)
  const pages = whilePermitted(call.engine.inspect.actionCsv(actionId), () => call.stillSees(campaignId))
  return streamed(pages, call.failed, CSV_HEADERS)
}

export async function progressStream(call: ActionCall): Promise<Response> {
  await actionOf(call)
  const progress = progressOf({
    signal: call.request.signal,
    look: () => actionOf(call),
    isStillPermitted: ({ campaignId }) => call.stillSees(campaignId),
    stateOf: (action) => `${action.revision} ${isStill(action)}`,
    eventOf(action) {
      const { contacts, processed, state } = action
      const shown = { contacts, processed, state, still: isStill(action), text: progressText(action) }
      return `data: ${JSON.stringify(shown)}\n\n`
    },
  })
  return streamed(progress, call.failed, EVENT_STREAM_HEADERS)
}
