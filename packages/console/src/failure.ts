/** What a page shows instead of its content: a status, and a sentence for the operator. */
export class Failure extends Error {
  readonly status: 400 | 403 | 404 | 405 | 409 | 413 | 415 | 422

  constructor(status: Failure['status'], message: string) {
    super(message)
    this.status = status
  }
}
