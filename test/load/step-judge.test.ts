import { describe, expect, it } from 'vitest'
import type { Step } from '../../src/blueprint/scenario.ts'
import { seededRandom } from '../../src/core/random.ts'
import { compileJudge } from '../../src/load/step-judge.ts'

const random = seededRandom(1)

function judge(step: Partial<Step>, answer: { status?: number; body?: string; headers?: Record<string, string> }) {
  const values: unknown[] = []
  const names: string[] = []
  const compiled = compileJudge({ name: 's', path: '/', ...step }, (name) => names.push(name) - 1)
  const failure = compiled.judge(
    {
      status: answer.status ?? 200,
      text: () => answer.body ?? '',
      header: (name) => answer.headers?.[name.toLowerCase()],
    },
    values,
    () => random,
  )
  return { compiled, failure, values: Object.fromEntries(names.map((name, slot) => [name, values[slot]])) }
}

describe('the check of a step', () => {
  it('takes any status below 400 where nothing is said', () => {
    expect(judge({}, { status: 399 }).failure).toBeUndefined()
    expect(judge({}, { status: 400 }).failure).toEqual({
      kind: 'status',
      problem: 'expected a status below 400, got 400',
    })
  })

  it('takes exactly the statuses that are named', () => {
    expect(judge({ check: { status: 201 } }, { status: 200 }).failure?.problem).toBe('expected status 201, got 200')
    expect(judge({ check: { status: [200, 404] } }, { status: 404 }).failure).toBeUndefined()
    expect(judge({ check: { status: [200, 404] } }, { status: 500 }).failure?.problem).toContain('200, 404')
  })

  it('compares values in the JSON body', () => {
    const check = { json: { 'a.0': 1, b: null } }
    expect(judge({ check }, { body: '{"a":[1],"b":null}' }).failure).toBeUndefined()
    expect(judge({ check }, { body: '{"a":["1"],"b":null}' }).failure?.problem).toBe('expected a.0 to be 1, got "1"')
    expect(judge({ check }, { body: '{"a":[1]}' }).failure?.problem).toBe('expected b to be null, got nothing')
    expect(judge({ check }, { body: '<html>' }).failure).toEqual({
      kind: 'check',
      problem: 'expected a JSON body, got <html>',
    })
  })

  it('looks for text in the body, and shows no more of a long one than helps', () => {
    const check = { bodyContains: 'ok' }
    expect(judge({ check }, { body: 'all ok' }).failure).toBeUndefined()
    expect(judge({ check }, { body: 'x'.repeat(1_000) }).failure?.problem.length).toBeLessThan(160)
  })

  it('needs neither body nor headers where it looks at none', () => {
    expect(judge({ check: { status: 200 } }, {}).compiled).toMatchObject({ needsBody: false, needsHeaders: false })
  })
})

describe('the extracts of a step', () => {
  it('keep the type of a JSON value', () => {
    const extract = { id: { json: 'id' }, all: { json: 'all' } } as const
    expect(judge({ extract }, { body: '{"id":7,"all":[1]}' }).values).toEqual({ id: 7, all: [1] })
  })

  it('take the first match, or any when it is to be random', () => {
    const body = '{"items":[{"id":1},{"id":2},{"id":3}]}'
    expect(judge({ extract: { id: { json: 'items.*.id' } } }, { body }).values['id']).toBe(1)
    const picked = Array.from(
      { length: 50 },
      () => judge({ extract: { id: { json: 'items.*.id', pick: 'random' } } }, { body }).values['id'],
    )
    expect(new Set(picked)).toEqual(new Set([1, 2, 3]))
  })

  it('read headers and patterns', () => {
    const extract = { at: { header: 'Location' }, csrf: { regex: 'csrf="(\\w+)"' }, digit: { regex: '\\d' } } as const
    const answer = { body: '<a csrf="abc"> 42', headers: { location: '/x' } }
    expect(judge({ extract }, answer).values).toEqual({ at: '/x', csrf: 'abc', digit: '4' })
    expect(judge({ extract: { any: { regex: '\\d', pick: 'random' } } }, answer).values['any']).toMatch(/^[42]$/)
  })

  it.each([
    [{ json: 'id' }, 'expected JSON path id to extract, got nothing there'],
    [{ header: 'location' }, 'expected header location to extract, got nothing there'],
    [{ regex: 'csrf' }, 'expected a match of /csrf/ to extract, got nothing there'],
  ])('fail the step when %j finds nothing', (extract, problem) => {
    expect(judge({ extract: { x: extract } }, { body: '{}' }).failure).toEqual({ kind: 'check', problem })
  })
})
