import { stripVTControlCharacters } from 'node:util'
import type { LogLine } from '../control/log-source.ts'
import type { Span } from '../control/span.ts'
import type { Terminal } from './terminal.ts'

/** What there is to see of one trace. */
export interface TraceViewInput {
  readonly traceId: string
  /** One at least, in the order of their start. */
  readonly spans: readonly Span[]
  /** What instances printed about it. */
  readonly lines: readonly LogLine[]
}

/** A span or a line, with what happened inside of it. */
interface Node {
  /** Undefined where nobody knows: it comes last. */
  readonly atEpochMs: number | undefined
  readonly took: string
  readonly text: string
  readonly inner: readonly Node[]
}

type Style = Terminal['style']

/** Deeper than this the tree grows no further to the right. */
const DEPTH_SHOWN = 20
/** A span says when it began to the millisecond, and so does a line. */
const TOLERANCE_MS = 2

/**
 * A trace as a tree in order of time: each span inside the one that caused it, each line inside the span of the
 * instance that printed it. A span whose cause is not kept stands at the left.
 *
 * @param textMax what instances printed and the text of statements are cut there
 */
export function traceView({ traceId, spans, lines }: TraceViewInput, style: Style, textMax: number = Infinity): string {
  const beganMs = Math.min(...spans.map((span) => span.startEpochMs))
  const endedMs = Math.max(...spans.map((span) => span.startEpochMs + span.durationMs))
  const head = [
    `trace ${style('bold', traceId)}`,
    new Date(beganMs).toISOString(),
    formatMs(endedMs - beganMs),
    `${spans.length} span${spans.length === 1 ? '' : 's'}`,
  ]
  const rows: string[] = []
  const show = (nodes: readonly Node[], stem: string, depth: number): void => {
    for (const [index, { atEpochMs, took, text, inner }] of nodes.entries()) {
      const isLast = index === nodes.length - 1
      const at = atEpochMs === undefined ? '' : formatMs(Math.max(0, atEpochMs - beganMs))
      const branch = depth === 0 ? '' : isLast ? '└ ' : '├ '
      rows.push(`${at.padStart(8)}  ${took.padStart(8)}  ${style('dim', stem + branch)}${text}`)
      const isDeep = depth >= DEPTH_SHOWN
      show(inner, depth === 0 || isDeep ? stem : `${stem}${isLast ? '  ' : '│ '}`, depth + 1)
    }
  }
  const words: Words = {
    who: (name) => style('cyan', plain(name)),
    did: (span, hasInner) => describeSpan(span, style, { hasInner, textMax }),
    said: (line) => style('yellow', `“${cut(plain(line), textMax)}”`),
  }
  show(tree(spans, lines, words), '', 0)
  return [head.join('  '), '', style('dim', '      at      took'), ...rows].join('\n')
}

/** Text of a duration in four characters and its unit. @example formatMs(4.63) // '4.6 ms' */
export function formatMs(ms: number): string {
  if (ms >= 9_999.5) return `${(ms / 1_000).toFixed(1)} s`
  return `${ms > 0 && ms < 9.95 ? ms.toFixed(1) : Math.round(ms)} ms`
}

/** What a span is about: `GET /orders → api-1  200`, `SELECT orders  select …`. */
export function describeSpan(
  { name, kind, attributes, isError }: Span,
  style: Style,
  options: { readonly hasInner?: boolean; readonly textMax?: number } = {},
): string {
  const { hasInner = false, textMax = Infinity } = options
  const text = (key: string): string => plain(attributes[key] ?? '')
  const failure = style('red', isError ? text('error.type') : '')
  if (text('db.system.name') !== '') {
    return [`${name} ${text('db.namespace')}`, style('dim', cut(text('db.query.text'), textMax)), failure]
      .filter(isText)
      .join('  ')
  }
  const status = style(isError ? 'red' : 'green', text('http.response.status_code'))
  // Where the answer was made inside the system the tree says who made it.
  const where = kind === 'client' && !hasInner ? text('server.address') : ''
  const to = text('tenfold.instance') || text('tenfold.service')
  const what = `${kind === 'client' ? 'calls ' : ''}${name} ${where}${text('url.path')}${to === '' ? '' : ` → ${to}`}`
  return [what, status, failure].filter(isText).join('  ')
}

/** What is printed of spans and lines. */
interface Words {
  who(name: string): string
  did(span: Span, hasInner: boolean): string
  said(line: string): string
}

function tree(spans: readonly Span[], lines: readonly LogLine[], words: Words): readonly Node[] {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const byParent = Map.groupBy(spans, ({ parentSpanId = '' }) => (ids.has(parentSpanId) ? parentSpanId : ''))
  const bySpan = Map.groupBy(lines, (line) => spanOfLine(line, spans)?.spanId ?? '')
  const seen = new Set<Span>()

  /** Instances say what they like: two spans may have one id, or be each other's cause. */
  const nodesOf = (of: readonly Span[]): Node[] =>
    of.flatMap((span) => {
      if (seen.has(span)) return []
      seen.add(span)
      const said = bySpan.get(span.spanId) ?? []
      bySpan.delete(span.spanId)
      const inner = inOrder([...nodesOf(byParent.get(span.spanId) ?? []), ...said.map((line) => lineNode(line, span))])
      const text = `${words.who(span.instance ?? span.service)}  ${words.did(span, inner.length > 0)}`
      return { atEpochMs: span.startEpochMs, took: formatMs(span.durationMs), text, inner }
    })

  const lineNode = (line: LogLine, span: Span): Node => {
    const at = line.atEpochMs
    const isTimely = at !== undefined && isDuring(span, at)
    return { atEpochMs: isTimely ? at : undefined, took: '', text: words.said(line.line), inner: [] }
  }

  const roots = [...nodesOf(byParent.get('') ?? []), ...nodesOf(spans)]
  const others = bySpan.get('') ?? []
  return [
    ...inOrder(roots),
    ...others.map(({ instance, line, atEpochMs }) => ({
      atEpochMs,
      took: '',
      text: `${words.who(instance)}  ${words.said(line)}`,
      inner: [],
    })),
  ]
}

/** The request or event that an instance was at when it printed the line: by its time, else the first. */
function spanOfLine({ instance, atEpochMs }: LogLine, spans: readonly Span[]): Span | undefined {
  const requests = spans.filter(
    ({ kind, ...span }) => ['server', 'consumer'].includes(kind) && span.instance === instance,
  )
  return requests.find((span) => atEpochMs !== undefined && isDuring(span, atEpochMs)) ?? requests[0]
}

function isDuring({ startEpochMs, durationMs }: Span, epochMs: number): boolean {
  return epochMs >= startEpochMs - TOLERANCE_MS && epochMs <= startEpochMs + durationMs + TOLERANCE_MS
}

function inOrder(nodes: readonly Node[]): readonly Node[] {
  return nodes.toSorted((a, b) => (a.atEpochMs ?? Infinity) - (b.atEpochMs ?? Infinity) || 0)
}

/** One line, and nothing in it that a terminal would act on. */
function plain(text: string | number): string {
  return stripVTControlCharacters(String(text)).replaceAll(/\s+/g, ' ').trim()
}

function isText(text: string): boolean {
  return stripVTControlCharacters(text) !== ''
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`
}
