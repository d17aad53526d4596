import type { RawUpstream } from '../../gateway/attacks/raw-upstream-for-tests.ts'
import { sendBytes, statusesOf } from '../../gateway/attacks/raw-upstream-for-tests.ts'
import { readStrictly } from '../../gateway/attacks/strict-http-for-tests.ts'
import type { AttackCase } from './attack-case.ts'

/** What became of an attack behind one proxy. */
export interface Outcome {
  /** Requests that were sent, by the strictest reading. */
  readonly sent: number
  /** Requests that the server behind the proxy read. */
  readonly seen: number
  /** Whether the server got a part of another. */
  readonly isBrokenOff: boolean
  /** Of the first answer; undefined: the connection was closed without one. */
  readonly status: number | undefined
}

const AT_ONCE = 40

let marks = 0

/** An answer after which no connection is used again: what comes on one belongs to one attack. */
export const LAST_ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nseen'

/** Carries attacks out on a proxy in front of `upstream`, each on a connection of its own that ends when it is quiet. */
export async function carryOut(
  port: number,
  upstream: RawUpstream,
  cases: readonly AttackCase[],
  quietMs: number,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  for (let at = 0; at < cases.length; at += AT_ONCE) {
    const batch = cases.slice(at, at + AT_ONCE)
    outcomes.push(...(await Promise.all(batch.map(({ text }) => one(port, upstream, text, quietMs)))))
  }
  return outcomes
}

async function one(port: number, upstream: RawUpstream, text: string, quietMs: number): Promise<Outcome> {
  marks += 1
  const mark = `run-${marks}-`
  const marked = text.replaceAll('X-Run: RUN', `X-Run: ${mark}`).replaceAll(/\/(first|smuggled)\b/g, `/$1-${mark}`)
  const [status] = statusesOf(await sendBytes(port, marked, { quietMs }))
  const read = upstream.connections.filter(({ bytes }) => bytes.includes(mark)).map(({ bytes }) => readStrictly(bytes))
  // One that nobody may send has come all the same.
  const seen = read.reduce((sum, { requests, problem }) => sum + requests.length + (problem === 'malformed' ? 1 : 0), 0)
  const isBrokenOff = read.some(({ problem }) => problem === 'incomplete')
  return { sent: readStrictly(marked).requests.length, seen, isBrokenOff, status }
}
