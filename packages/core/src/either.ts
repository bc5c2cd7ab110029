/**
 * Of fp-ts, what is used here: an answer or a rejection. Its types are written out, and are those of fp-ts by their
 * shape, so that a host's compiler reads ours without fp-ts being there.
 */
import * as either from 'fp-ts/lib/Either.js'

export interface Left<E> {
  readonly _tag: 'Left'
  readonly left: E
}

export interface Right<A> {
  readonly _tag: 'Right'
  readonly right: A
}

/** What was refused, on the left, or the answer, on the right: that of fp-ts by its shape. */
export type Either<E, A> = Left<E> | Right<A>

/** An `Either` that was refused. */
export const left: <E = never, A = never>(value: E) => Either<E, A> = either.left

/** An `Either` with an answer. */
export const right: <E = never, A = never>(value: A) => Either<E, A> = either.right

/** Whether it was refused. */
export const isLeft: <E>(one: Either<E, unknown>) => one is Left<E> = either.isLeft

/** Whether there is an answer. */
export const isRight: <A>(one: Either<unknown, A>) => one is Right<A> = either.isRight

/**
 * One value for either case.
 *
 * @example
 * match(describeRejection, ({ outcome }) => outcome)(answer)
 */
export const match: <E, A, B>(onLeft: (value: E) => B, onRight: (value: A) => B) => (one: Either<E, A>) => B =
  either.match
