import { describe, expect, it } from 'vitest'
import { attackStage } from './attack-stage.ts'
import { CHUNKS, ENCODINGS, framings, HEADS, inChunks, SMUGGLED } from './framing-attacks.ts'
import { expectOneFraming, markedForRun, QUIET_MS, sendBytes, statusesOf } from './raw-upstream-for-tests.ts'
import type { StrictRequest } from './strict-http-for-tests.ts'
import { readStrictly } from './strict-http-for-tests.ts'

const stage = attackStage()

/** Sends each on a connection of its own: what instances saw is what was sent, by the strictest reading. */
async function check(texts: readonly string[], pieces = 1): Promise<void> {
  const { run, marked } = markedForRun(texts)
  const answers = await Promise.all(marked.map((text) => sendBytes(stage.port, text, { pieces, quietMs: QUIET_MS })))
  const text = ({ method, target, body }: StrictRequest): string => `${method} ${target} ${body}`
  const sent = marked.flatMap((each) => readStrictly(each).requests.map(text))
  const seen = stage.upstream.requests(run)
  for (const request of seen) {
    expectOneFraming(request)
    const at = sent.indexOf(text(request))
    expect(at, `${JSON.stringify(text(request))} was not sent with any of ${JSON.stringify(marked)}`).not.toBe(-1)
    sent.splice(at, 1)
  }
  const good = answers.flatMap(statusesOf).filter((status) => status === 200)
  expect(good.length).toBeLessThanOrEqual(seen.length)
}

describe.each(['1.1', '1.0'])('every length with every encoding in HTTP/%s', (version) => {
  it.each(ENCODINGS)('never makes two requests of one: %j', async (encoding) => {
    // Targets of their own, so that none is taken for another.
    await check(framings(encoding, version).map((text, i) => text.replace('/first', `/first-${i}`)))
  })
})

describe('chunks', () => {
  it.each(CHUNKS)('are read as they were sent, or not at all: %j', async (body) => {
    await check([inChunks(body)])
    await check([inChunks(body)], 40)
  })
})

describe('a head', () => {
  it.each(HEADS)('is read as it was sent, or not at all: %j', async (text) => {
    await check([`${text}${SMUGGLED}`])
  })
})
