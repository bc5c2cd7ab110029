/**
 * The engine as a function from `Request` to `Response`, with permissions and OpenAPI.
 *
 * @packageDocumentation
 */
export * from '@enfold/http'
