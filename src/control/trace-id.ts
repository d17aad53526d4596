const TRACE_ID = /^[0-9a-f]{32}$/
const REQUEST_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/

/**
 * The trace id in what a person has at hand: the id, an `x-request-id` of the gateway, which has the same digits, or a
 * `traceparent` header. Undefined when it is none of them.
 *
 * @example traceIdIn('3093946c-0450-423c-b030-df88ba5d1146') // '3093946c0450423cb030df88ba5d1146'
 */
export function traceIdIn(text: string): string | undefined {
  const lower = text.toLowerCase()
  if (TRACE_ID.test(lower)) return lower
  return REQUEST_ID.test(lower) ? lower.replaceAll('-', '') : TRACEPARENT.exec(lower)?.[1]
}

/** How a log may write a trace or request id: as either of the two, or, if it is neither, as it was given. */
export function spellingsOf(text: string): readonly string[] {
  const id = traceIdIn(text)
  return id === undefined ? [text] : [id, id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')]
}
