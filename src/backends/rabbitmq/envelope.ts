import { createHash } from 'node:crypto'
import type { Message } from 'amqplib'
import { uniqueId } from '../../core/random.ts'

/*
 * What we add to a message travels in one header, beside those of the publisher, which others can read as they are.
 */

/** The header of what we add. */
const ENVELOPE = 'tenfold'
/** Names of headers that the broker adds, or acts upon; ours included. */
const RESERVED = /^(cc|bcc|x-.*|tenfold)$/i

/** What is in every envelope. */
interface Carried {
  /** Headers of the publisher whose names are taken. */
  readonly headers?: Readonly<Record<string, string>>
}

/** The headers of a message. */
export function headersWith(headers: Readonly<Record<string, string>>, envelope: object): Record<string, unknown> {
  const names = Object.keys(headers)
  const pick = (isReserved: boolean): Record<string, unknown> =>
    Object.fromEntries(names.filter((name) => RESERVED.test(name) === isReserved).map((name) => [name, headers[name]]))
  const carried = names.some((name) => RESERVED.test(name)) ? { headers: pick(true) } : {}
  return { ...pick(false), [ENVELOPE]: { ...envelope, ...carried } }
}

/** What was added to a message; nothing, if it is from somebody else. */
export function envelopeOf<Envelope extends object>({ properties }: Message): Partial<Envelope> {
  return (properties.headers?.[ENVELOPE] ?? {}) as Partial<Envelope>
}

/** The headers as the publisher gave them. */
export function headersOf(message: Message): Record<string, string> {
  const headers = Object.entries(message.properties.headers ?? {}).filter(([name]) => !RESERVED.test(name))
  const texts = headers.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)])
  return { ...Object.fromEntries(texts), ...envelopeOf<Carried>(message).headers }
}

/**
 * The id of a message as a UUID, which the inbox takes. A message of somebody else that has no id at all is another one at
 * each delivery.
 */
export function messageIdOf({ properties }: Message): string {
  const id: unknown = properties.messageId
  if (typeof id !== 'string' || id === '') return uniqueId()
  if (UUID.test(id)) return id
  const hex = createHash('sha256').update(id).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** When a message was published, by its sender, in whole seconds; 0: it does not say. */
export function timestampEpochMs({ properties }: Message): number {
  return Number(properties.timestamp ?? 0) * 1_000
}

/** Why the broker itself has put a message aside, and when. */
export function deathOf({ properties }: Message): { readonly reason: string; readonly epochMs: number } {
  const [death] = properties.headers?.['x-death'] ?? []
  const time: unknown = death?.time
  // Times come with their type.
  const seconds = typeof time === 'object' && time !== null && 'value' in time ? Number(time.value) : 0
  return { reason: String(death?.reason ?? 'unknown'), epochMs: seconds * 1_000 }
}

/** How often a quorum queue has handed a message out in vain. */
export function deliveriesInVain({ properties }: Message): number {
  return Number(properties.headers?.['x-delivery-count'] ?? 0)
}
