import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Trouble } from '../topics/trouble.ts'
import { TROUBLE_CHANNEL } from '../topics/trouble.ts'
import type { GivenUpEvent } from '../topics/work-report.ts'
import { GIVEN_UP_CHANNEL } from '../topics/work-report.ts'

/** The same is said again after this long. */
const REPEAT_MS = 60_000
/** Different things that are remembered as said. */
const SAID_MAX = 100

/**
 * Warns in the log of this process of what goes wrong with topics in the background: a database that is not there, an event
 * that was given up.
 *
 * @returns ends it
 */
export function sayTroubles(
  clock: Clock,
  warn: (message: string) => void = (message) => process.emitWarning(`tenfold: ${message}`),
): () => void {
  const said = new Map<string, number>()
  function say(message: string): void {
    const now = clock.nowMs()
    if (now - (said.get(message) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS) return
    said.delete(message)
    said.set(message, now)
    if (said.size > SAID_MAX) said.delete(said.keys().next().value!)
    warn(message)
  }
  const onTrouble = (message: unknown): void => {
    const { what, error } = message as Trouble
    say(`${what} failed and is tried again: ${messageOf(error)}`)
  }
  const onGivenUp = (message: unknown): void => {
    const { topic, messageId, cause } = message as GivenUpEvent
    say(`event ${messageId} of ${topic} was given up: ${cause}`)
  }
  subscribe(TROUBLE_CHANNEL, onTrouble)
  subscribe(GIVEN_UP_CHANNEL, onGivenUp)
  return () => {
    unsubscribe(TROUBLE_CHANNEL, onTrouble)
    unsubscribe(GIVEN_UP_CHANNEL, onGivenUp)
  }
}
