import { describe, expect, it } from 'vitest'
import type { Scenario, Step } from '../../src/blueprint/scenario.ts'
import type { LoadedFeeds } from '../../src/load/feed.ts'
import { compileScenarios, isRenderable } from '../../src/load/scenario.ts'
import type { StepCode } from '../../src/load/step-request.ts'
import { createSessions } from '../../src/load/session.ts'
import type { Session } from '../../src/load/session.ts'

const answer = (body: string) => ({ status: 200, text: () => body, header: () => undefined })

function scenario(steps: readonly Partial<Step>[], more: Partial<Scenario> = {}): Scenario {
  return { name: 's', steps: steps.map((step, index) => ({ name: `step ${index}`, path: '/', ...step })), ...more }
}

function compile(one: Scenario, feeds: LoadedFeeds = {}, codes = new Map<string, StepCode>()) {
  return compileScenarios([one], feeds, 'host:1', codes)
}

function requestOf(session: Session): string {
  const request = session.request()
  if (typeof request === 'string') return request
  return Buffer.isBuffer(request) ? request.toString() : `failure: ${JSON.stringify(request)}`
}

describe('a compiled step', () => {
  it('is an HTTP request, byte for byte', () => {
    const [compiled] = compile(
      scenario([{ method: 'POST', path: '/a?b=1', headers: { 'X-B': '2' }, json: { c: 'é' } }]),
    )
    expect(compiled?.steps[0]?.request.constant?.toString()).toBe(
      'POST /a?b=1 HTTP/1.1\r\nhost: host:1\r\nuser-agent: tenfold\r\ncontent-type: application/json\r\n' +
        'x-b: 2\r\ncontent-length: 10\r\n\r\n{"c":"é"}',
    )
  })

  it('tells the length of an empty body where a server expects one', () => {
    expect(compile(scenario([{ method: 'POST' }]))[0]?.steps[0]?.request.constant?.toString()).toContain(
      'content-length: 0\r\n',
    )
    expect(compile(scenario([{ method: 'DELETE' }]))[0]?.steps[0]?.request.constant?.toString()).not.toContain('length')
  })

  it.each([
    [{ path: 'menu' }, 'a path that starts with "/"'],
    [{ path: '/a b' }, 'a percent-encoded path'],
    [{ path: '/a\r\nx: y' }, 'a percent-encoded path'],
    [{ path: '/a#b' }, 'without fragment'],
    [{ headers: { 'a b': 'c' } }, 'a header name'],
    [{ headers: { a: 'b\r\nc: d' } }, 'on one line'],
    [{ headers: { 'Content-Length': '3' } }, 'which the generator sets itself'],
    [{ path: '/{{tokn}}' }, 'got no such value'],
  ])('with %j is refused', (step, problem) => {
    expect(() => compile(scenario([step]))).toThrow(problem)
  })

  it('may use a value only after the step that extracts it', () => {
    const extract = { token: { json: 'token' } }
    expect(() => compile(scenario([{ extract }, { path: '/{{token}}' }]))).not.toThrow()
    expect(() => compile(scenario([{ path: '/{{token}}' }, { extract }]))).toThrow('{{token}}')
  })

  it('suggests the placeholder that was meant', () => {
    const feeds: LoadedFeeds = { s: { user: { kind: 'sequence', pick: 'random', from: 1, to: 2 } } }
    let hint: unknown
    try {
      compile(scenario([{ path: '/{{user.valu}}' }]), feeds)
    } catch (error) {
      hint = (error as { hint?: unknown }).hint
    }
    expect(hint).toBe('did you mean {{user.value}}?')
  })
})

describe('a session', () => {
  const feeds: LoadedFeeds = {
    s: {
      user: {
        kind: 'rows',
        pick: 'sequential',
        columns: ['id', 'city'],
        rows: [
          [1, 'Bonn'],
          [2, undefined],
        ],
      },
    },
  }

  it('carries extracted values to later steps, with their types', () => {
    const steps = [{ extract: { n: { json: 'n' } } }, { path: '/{{n}}', json: { n: '{{n}}' } }]
    const session = createSessions(compile(scenario(steps)), 1).start(0)
    expect(session.judge(answer('{"n":5}'))).toBeUndefined()
    expect(session.advance()).toBe(0)
    expect(requestOf(session)).toMatch(/^GET \/5 [^]*\{"n":5\}$/)
    expect(session.advance()).toBeUndefined()
  })

  it('takes the rows of a sequential feed in the order of the arrivals', () => {
    const sessions = createSessions(compile(scenario([{ path: '/{{user.id}}' }]), feeds), 1)
    const paths = [0, 1, 2, 3].map((index) => requestOf(sessions.start(index)).split(' ')[1])
    expect(paths).toEqual(['/1', '/2', '/1', '/2'])
  })

  it('depends on seed and arrival alone, not on the sessions before it', () => {
    const random: LoadedFeeds = { s: { user: { kind: 'sequence', pick: 'random', from: 1, to: 1_000 } } }
    const compiled = compile(scenario([{ path: '/{{user.value}}' }]), random)
    const all = createSessions(compiled, 9)
    const first = [0, 1, 2, 3, 4].map((index) => requestOf(all.start(index)))
    const again = createSessions(compiled, 9)
    expect([4, 2].map((index) => requestOf(again.start(index)))).toEqual([first[4], first[2]])
    expect(new Set(first).size).toBeGreaterThan(1)
    expect(requestOf(createSessions(compiled, 10).start(0))).not.toBe(first[0])
  })

  it('draws random rows evenly', () => {
    const random: LoadedFeeds = { s: { user: { kind: 'sequence', pick: 'random', from: 0, to: 9 } } }
    const sessions = createSessions(compile(scenario([{ path: '/{{user.value}}' }]), random), 3)
    const counts = Array.from({ length: 10 }, () => 0)
    for (let i = 0; i < 10_000; i++) {
      const value = Number((requestOf(sessions.start(i)).split(' ')[1] as string).slice(1))
      counts[value] = (counts[value] as number) + 1
    }
    // Chi-square with 9 degrees of freedom: 27.9 is exceeded once in a thousand times.
    expect(counts.reduce((sum, count) => sum + (count - 1_000) ** 2 / 1_000, 0)).toBeLessThan(27.9)
  })

  it('fails the step whose placeholder has no value in its row', () => {
    const sessions = createSessions(compile(scenario([{ path: '/{{user.city}}' }]), feeds), 1)
    expect(requestOf(sessions.start(0))).toContain('/Bonn')
    expect(sessions.start(1).request()).toEqual({ kind: 'template', problem: 'expected a value for {{user.city}}' })
  })

  it('chooses scenarios by their weights', () => {
    const compiled = compileScenarios(
      [scenario([{ path: '/a' }], { name: 'a', weight: 3 }), scenario([{ path: '/b' }], { name: 'b' })],
      {},
      'h',
    )
    const sessions = createSessions(compiled, 5)
    const share = Array.from({ length: 4_000 }, (_, i) => requestOf(sessions.start(i))).filter((text) =>
      text.startsWith('GET /a'),
    ).length
    expect(Math.abs(share - 3_000)).toBeLessThan(4 * Math.sqrt(4_000 * 0.75 * 0.25))
  })

  it('pauses with the mean and the distribution it is given', () => {
    const pause = (distribution: 'constant' | 'uniform' | 'exponential'): number[] => {
      const compiled = compile(scenario([{ think: { mean: '2s', distribution } }, {}]))
      const sessions = createSessions(compiled, 1)
      return Array.from({ length: 2_000 }, (_, index) => sessions.start(index).advance() as number)
    }
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
    expect(new Set(pause('constant'))).toEqual(new Set([2_000]))
    expect(Math.max(...pause('uniform'))).toBeLessThan(4_000)
    expect(Math.abs(mean(pause('uniform')) - 2_000)).toBeLessThan(110)
    expect(Math.abs(mean(pause('exponential')) - 2_000)).toBeLessThan(180)
    expect(Math.max(...pause('exponential'))).toBeGreaterThan(8_000)
  })

  it('shares one object between users where there is nothing to keep apart', () => {
    const sessions = createSessions(compile(scenario([{ path: '/' }])), 1)
    expect(sessions.start(0)).toBe(sessions.start(1))
  })
})

describe('the code of a step', () => {
  const step = {
    path: '/{{user.value}}',
    json: { a: 1 },
    method: 'POST',
    code: { module: './m.ts', export: 'f' },
  } as const
  const feeds: LoadedFeeds = { s: { user: { kind: 'sequence', pick: 'sequential', from: 7, to: 7 } } }
  const sessionWith = (code: StepCode): Session =>
    createSessions(compile(scenario([step]), feeds, new Map([['./m.ts#f', code]])), 1).start(0)

  it('changes the request before it is sent', () => {
    const session = sessionWith((request, { values }) => ({
      ...request,
      headers: { ...request.headers, 'x-user': String(values['user.value']) },
      body: '{"a":22}',
    }))
    expect(requestOf(session)).toMatch(/^POST \/7 HTTP\/1.1\r\n[^]*x-user: 7\r\ncontent-length: 8\r\n\r\n\{"a":22\}$/)
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('no key')
      },
      'no key',
    ],
    ['returns nothing', () => undefined, 'to return a request'],
    ['returns a promise', async () => ({}), 'to return a request'],
    ['breaks the request line', (request: object) => ({ ...request, path: '/ HTTP/1.1\r\nx: y' }), 'without blanks'],
    ['sets the framing', (request: object) => ({ ...request, headers: { 'content-length': '1' } }), 'content-length'],
  ])('fails the step when it %s', (_what, code, problem) => {
    expect(requestOf(sessionWith(code as never))).toContain(problem)
  })

  it('makes the scenario one that cannot be rendered', () => {
    expect([isRenderable(scenario([step])), isRenderable(scenario([{}]))]).toEqual([false, true])
  })
})
