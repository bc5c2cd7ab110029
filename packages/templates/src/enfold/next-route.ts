/** Console and API in Next.js. The engine is loaded at the first request, so that a build needs no database. */
async function handle(request: Request) {
  const { handleEnfold } = await import('./pages.ts')
  return handleEnfold(request)
}

export { handle as DELETE, handle as GET, handle as PATCH, handle as POST, handle as PUT }
