/** An append made of the parts that `EventStore.append` takes one by one: for stores, which do it as one of many. */
import type { NewEvent } from './events.ts'
import type { StreamId } from './ids.ts'
import type { Derived, ExpectedVersion, RequiredVersion, StreamAppend } from './ports.ts'

/** What is left out stays out. */
export function appendOf(
  stream: StreamId,
  events: readonly NewEvent[],
  expected: ExpectedVersion,
  derived?: Derived,
  requires?: readonly RequiredVersion[],
): StreamAppend {
  return {
    stream,
    events,
    expected,
    ...(derived === undefined ? {} : { derived }),
    ...(requires === undefined ? {} : { requires }),
  }
}
