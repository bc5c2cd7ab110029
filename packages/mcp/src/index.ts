/** The public names of `@enfold/mcp`. */
export { ORDER_NAMES, type OrderName } from './orders.ts'
export {
  createMcpApi,
  type LoopbackMcp,
  type McpApiOptions,
  type McpLoopbackOptions,
  type McpStreams,
  type StdioMcp,
  serveMcpOnLoopback,
  serveMcpOnStdio,
} from './serve.ts'
export { createMcpServer, type McpOptions, type McpServerOptions } from './server.ts'
