import type { StandardSchema } from '../blueprint/standard-schema.ts'
import { TenfoldError } from '../core/errors.ts'

/** Which end of a topic looks at an event. */
export interface EventCheck {
  readonly topic: string
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
  if (text === undefined) throw invalid(check.topic, 'publish', ['expected something that JSON can carry'])
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
    throw invalid(check.topic, 'read', ['expected JSON'], error)
  }
  return checked(check, value, 'read')
}

type Outcome =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] }[] }

const ISSUES_MAX = 5

async function checked({ topic, schema }: EventCheck, value: unknown, end: 'publish' | 'read'): Promise<unknown> {
  if (schema === undefined) return value
  const outcome = (await schema['~standard'].validate(value)) as Outcome
  if (outcome.issues === undefined) return outcome.value
  const lines = outcome.issues.slice(0, ISSUES_MAX).map(({ message, path = [] }) => {
    const place = path.map((part) => String(keyOf(part))).join('.')
    return place === '' ? message : `${place}: ${message}`
  })
  if (outcome.issues.length > ISSUES_MAX) lines.push(`and ${outcome.issues.length - ISSUES_MAX} more`)
  throw invalid(topic, end, lines)
}

/** A part of a path is a key, or an object that has one. */
function keyOf(part: unknown): unknown {
  return typeof part === 'object' && part !== null && 'key' in part ? part.key : part
}

function invalid(topic: string, end: 'publish' | 'read', lines: readonly string[], cause?: unknown): TenfoldError {
  const what = end === 'publish' ? `the event for ${topic}` : `an event of ${topic}`
  return new TenfoldError('TF_EVENT_INVALID', `expected ${what} to be what its schema says, got: ${lines.join('; ')}`, {
    hint:
      end === 'publish'
        ? 'change the event, or the schema of the topic'
        : 'let the schema of the topic accept what has been published, then redrive',
    details: { topic, issues: lines },
    ...(cause === undefined ? {} : { cause }),
  })
}
