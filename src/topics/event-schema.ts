import type { StandardSchema } from '../blueprint/standard-schema.ts'
import { TenfoldError } from '../core/errors.ts'

/** What an event is checked against. */
export interface EventCheck {
  /** Name of the topic, or of the queue. */
  readonly topic: string
  /** What it is called there: queues have items, which are checked just so. @default 'event' */
  readonly noun?: 'event' | 'item'
  /** None: every value that JSON can carry is an event. */
  readonly schema: StandardSchema | undefined
}

/**
 * The text of an event for the log, after its schema has agreed to it. What is written is the event as given, not what the
 * schema makes of it: defaults and conversions are the reader's, whose schema may be a newer one.
 *
 * @throws TF_EVENT_INVALID nothing is published
 */
export async function encodeEvent(check: EventCheck, event: unknown): Promise<string> {
  await checked(check, event, 'publish')
  const text = JSON.stringify(event) as string | undefined
  if (text === undefined) throw invalid(check, 'publish', ['expected something that JSON can carry'])
  return text
}

/**
 * The event in a text of the log, as the schema gives it: with defaults filled in, and fields that it does not know left
 * out if it says so. A new version of a schema therefore has to accept what older ones have written.
 *
 * @throws TF_EVENT_INVALID trying again does not help
 */
export async function decodeEvent(check: EventCheck, text: string): Promise<unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw invalid(check, 'read', ['expected JSON'], error)
  }
  return checked(check, value, 'read')
}

type Outcome =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] }[] }

const ISSUES_MAX = 5

async function checked(check: EventCheck, value: unknown, end: 'publish' | 'read'): Promise<unknown> {
  const { schema } = check
  if (schema === undefined) return value
  const outcome = (await schema['~standard'].validate(value)) as Outcome
  if (outcome.issues === undefined) return outcome.value
  const lines = outcome.issues.slice(0, ISSUES_MAX).map(({ message, path = [] }) => {
    const place = path.map((part) => String(keyOf(part))).join('.')
    return place === '' ? message : `${place}: ${message}`
  })
  if (outcome.issues.length > ISSUES_MAX) lines.push(`and ${outcome.issues.length - ISSUES_MAX} more`)
  throw invalid(check, end, lines)
}

/** A part of a path is a key, or an object that has one. */
function keyOf(part: unknown): unknown {
  return typeof part === 'object' && part !== null && 'key' in part ? part.key : part
}

function invalid(check: EventCheck, end: 'publish' | 'read', lines: readonly string[], cause?: unknown): TenfoldError {
  const { topic, noun = 'event' } = check
  const place = noun === 'event' ? 'topic' : 'queue'
  const what = end === 'publish' ? `the ${noun} for ${topic}` : `an ${noun} of ${topic}`
  return new TenfoldError(
    noun === 'event' ? 'TF_EVENT_INVALID' : 'TF_ITEM_INVALID',
    `expected ${what} to be what its schema says, got: ${lines.join('; ')}`,
    {
      hint:
        end === 'publish'
          ? `change the ${noun}, or the schema of the ${place}`
          : `let the schema of the ${place} accept what has been ${noun === 'event' ? 'published' : 'put in'}, then redrive`,
      details: { [place]: topic, issues: lines },
      ...(cause === undefined ? {} : { cause }),
    },
  )
}
