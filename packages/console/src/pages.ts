/**
 * `@enfold/console/pages`: more pages in the frame of the console, under its rules. For Enfold's own command line, whose
 * `enfold dev` adds its pages so. It may change with any release; a host mounts `createConsole`.
 */
export { EVENT_STREAM_HEADERS, streamed } from '@enfold/http'
export { html } from 'hono/html'
export { answerOf, type Call, type Html, link, needed, numberOf, redirect, textOf } from './call.ts'
export { type Console, type ConsoleOptions, createConsoleWith, type Extension } from './console.ts'
export { Failure } from './failure.ts'
export { framedResponse } from './guard.ts'
export { type LoopbackConsole, servePagesOnLoopback } from './loopback.ts'
export { badge, contactLink, hidden, type Page, table } from './page.ts'
export type { Part } from './parts.ts'
export { get, post, type Route } from './routes.ts'
export { type Titles, titlesOf } from './titles.ts'
export { fieldTime, instantOfField, wallTime, when, whenNext } from './when.ts'
