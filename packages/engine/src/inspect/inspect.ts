/** Read-only questions of operators: the console, the API and the command line all ask here. */
import type { ActionStore, ReadModel } from '@enfold/core'
import { type ActionQuestions, createActionQuestions } from '../actions/action-questions.ts'
import { hasKeys } from '../actions/bulk.ts'
import type { SearchDirectory } from '../directory.ts'
import type { EngineContext } from '../engine-context.ts'
import { type AgendaQuestions, createAgendaQuestions } from './agenda-questions.ts'
import type { AttentionQuestions } from './attention.ts'
import type { CampaignQuestions } from './campaign-questions.ts'
import { type ContactQuestions, createContactQuestions } from './contact-questions.ts'
import { createEffectQuestions, type EffectQuestions } from './effect-questions.ts'
import { createExplainQuestions, type ExplainQuestions } from './explain-questions.ts'
import { createForecastQuestions, type ForecastQuestions } from './forecast-questions.ts'
import { createFunnelQuestions, type FunnelQuestions } from './funnel-questions.ts'
import { createIndexQuestions, type IndexQuestions } from './index-questions.ts'
import { createLogQuestions, type LogQuestions } from './log-questions.ts'
import { createPauseQuestions, type PauseQuestions } from './pause-questions.ts'

export interface Inspect
  extends ContactQuestions,
    ExplainQuestions,
    IndexQuestions,
    AgendaQuestions,
    ActionQuestions,
    AttentionQuestions,
    CampaignQuestions,
    EffectQuestions,
    ForecastQuestions,
    FunnelQuestions,
    LogQuestions,
    PauseQuestions {}

export function createInspect(
  context: EngineContext,
  readModel: ReadModel,
  searchDirectory: SearchDirectory | null,
  actions: ActionStore | null,
  attention: AttentionQuestions,
  campaigns: CampaignQuestions,
): Inspect {
  return {
    ...createContactQuestions(context),
    ...createExplainQuestions(context),
    ...createIndexQuestions(readModel, context.campaigns, searchDirectory),
    ...createAgendaQuestions(context, readModel),
    ...createActionQuestions(actions, context.clock, (of) => hasKeys(context, of)),
    ...attention,
    ...campaigns,
    ...createEffectQuestions(context),
    ...createForecastQuestions(context, readModel),
    ...createFunnelQuestions(context, readModel),
    ...createLogQuestions(context, readModel),
    ...createPauseQuestions(context, readModel),
  }
}
