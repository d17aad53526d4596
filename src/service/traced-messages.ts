import type { Clock } from '../core/clock.ts'
import { formatTraceparent, parseTraceparent } from '../core/trace-context.ts'
import { traceStorage } from './current-trace.ts'
import { traced } from './traced-work.ts'

/** The trace that goes along with what is sent now. */
export function traceHeaders(): Readonly<Record<string, string>> {
  const context = traceStorage().getStore()
  return context === undefined ? {} : { traceparent: formatTraceparent(context) }
}

/** Sends as a part of the trace that is being followed. */
export function tracedSend<Result>(
  verb: 'publish' | 'enqueue',
  name: string,
  clock: Clock,
  send: () => Promise<Result>,
): Promise<Result> {
  const parent = traceStorage().getStore()
  return traced({ name: `${verb} ${name}`, kind: 'producer', attributes: attributesOf(name) }, { parent, clock }, send)
}

/** Handles one message within the trace of who sent it. */
export function tracedHandling<Message extends { readonly headers: Readonly<Record<string, string>> }, Context>(
  name: string,
  clock: Clock,
  handler: (message: Message, context: Context) => Promise<void>,
): (message: Message, context: Context) => Promise<void> {
  return (message, context) => {
    const parent = parseTraceparent(message.headers['traceparent'] ?? '')
    const span = { name: `process ${name}`, kind: 'consumer', attributes: attributesOf(name) } as const
    return traced(span, { parent, clock }, () => handler(message, context))
  }
}

/** Many messages are of many traces: they get one of their own. */
export function tracedBatch<Message, Context>(
  name: string,
  clock: Clock,
  handler: (messages: readonly Message[], context: Context) => Promise<void>,
): (messages: readonly Message[], context: Context) => Promise<void> {
  return (messages, context) => {
    const attributes = { ...attributesOf(name), 'messaging.batch.message_count': messages.length }
    const span = { name: `process ${name}`, kind: 'consumer', attributes } as const
    return traced(span, { parent: undefined, clock }, () => handler(messages, context))
  }
}

function attributesOf(name: string): Readonly<Record<string, string>> {
  return { 'messaging.system': 'tenfold', 'messaging.destination.name': name }
}
