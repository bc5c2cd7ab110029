/** For callers that have no use for a rejection: the answer, or an error that says why there is none. */
import { type Either, isLeft } from './either.ts'
import { describeRejection, type Rejection } from './rejection.ts'

/** A rejection, thrown by `orThrow`. It is no fault: a rule forbade what was asked. */
export class RejectionError extends Error {
  override readonly name = 'RejectionError'
  readonly rejection: Rejection

  constructor(rejection: Rejection) {
    super(describeRejection(rejection))
    this.rejection = rejection
  }
}

/**
 * The answer itself. A rejection is thrown, so that it cannot pass unnoticed.
 *
 * @throws RejectionError with the sentence of `describeRejection`, and the rejection as data
 * @example
 * const { outcome } = orThrow(await engine.startSequence(order)) // 'started' or 'already_active'
 */
export function orThrow<Answer>(answer: Either<Rejection, Answer>): Answer {
  if (isLeft(answer)) throw new RejectionError(answer.left)
  return answer.right
}
