import {
  CHUNKS,
  ENCODINGS,
  framing,
  framings,
  HEADS,
  inChunks,
  LENGTHS,
  SMUGGLED,
} from '../../gateway/attacks/framing-attacks.ts'

/** What is sent on a connection of its own: an attack, and a request of no harm behind it. */
export interface AttackCase {
  readonly group: string
  readonly name: string
  readonly text: string
  /** A proxy that refuses it, or has passed it on by the time it reads the mistake, as chance has it. */
  readonly isChanceFor?: string
}

/** The mistake is in the last bytes of the body. */
const LATE_MISTAKES = new Set(['0\r\nX : y\r\n\r\n', '0\r\n: y\r\n\r\n'])

/** One of each kind, for people to read. */
export function shownCases(): readonly AttackCase[] {
  const framed = (group: string, lines: readonly string[], version: string, more: readonly string[]): AttackCase[] =>
    lines.map((line) => ({ group, name: line, text: framing('POST', version, [...more, line]) }))
  return [
    ...framed('A length', LENGTHS, '1.1', []),
    ...framed('An encoding', ENCODINGS, '1.1', []),
    ...framed('`Content-Length: 5` and an encoding', ENCODINGS, '1.1', ['Content-Length: 5']),
    ...framed('An encoding in HTTP/1.0', ENCODINGS, '1.0', []),
    ...CHUNKS.map((body) => ({
      group: 'A body in chunks',
      name: body,
      text: inChunks(body),
      ...(LATE_MISTAKES.has(body) ? { isChanceFor: 'haproxy' } : {}),
    })),
    ...HEADS.map((head) => ({ group: 'A head', name: head, text: `${head}${SMUGGLED}` })),
  ]
}

/** Every length with every encoding, in both orders and versions, with GET and POST. */
export function otherCases(): readonly AttackCase[] {
  return ['1.1', '1.0'].flatMap((version) =>
    ENCODINGS.flatMap((encoding) =>
      framings(encoding, version).map((text) => ({ group: `framing in HTTP/${version}`, name: text, text })),
    ),
  )
}
