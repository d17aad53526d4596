import type { Check, Extract, Step } from '../blueprint/scenario.ts'
import type { Random } from '../core/random.ts'
import type { Failure } from './failure.ts'
import type { JsonPath } from './json-path.ts'
import { compileJsonPath } from './json-path.ts'
import type { ResponseParser } from './response-parser.ts'
import type { SlotOf } from './template.ts'

/** Decides whether an answer is what a step expects, and keeps what later steps need of it. */
export interface StepJudge {
  readonly needsBody: boolean
  readonly needsHeaders: boolean
  /**
   * @param values receives what is extracted
   * @returns undefined where the answer passes
   */
  judge(answer: Answer, values: unknown[], random: () => Random): Failure | undefined
}

/** The part of an answer that a judge looks at. */
export type Answer = Pick<ResponseParser, 'status' | 'text' | 'header'>

/** Compiles the `check` and `extract` of a step; JSON is parsed only where one of them looks into it. */
export function compileJudge(step: Step, slotOf: SlotOf): StepJudge {
  const check = step.check ?? {}
  const jsonChecks = Object.entries(check.json ?? {}).map(([path, expected]) => ({
    path,
    find: compileJsonPath(path),
    expected,
  }))
  const extracts = Object.entries(step.extract ?? {}).map(([name, extract]) => compileExtract(name, extract, slotOf))
  const needsJson = jsonChecks.length > 0 || extracts.some((extract) => extract.kind === 'json')
  const { bodyContains } = check
  const needsBody = needsJson || bodyContains !== undefined || extracts.some((extract) => extract.kind === 'regex')
  const isStatusExpected = statusCheck(check.status)

  return {
    needsBody,
    needsHeaders: extracts.some((extract) => extract.kind === 'header'),
    judge(answer, values, random) {
      if (!isStatusExpected(answer.status)) {
        return { kind: 'status', problem: `expected ${expectedStatus(check.status)}, got ${answer.status}` }
      }
      if (!needsBody && extracts.length === 0) return undefined
      const text = needsBody ? answer.text() : ''
      if (bodyContains !== undefined && !text.includes(bodyContains)) {
        return failed(`expected a body that contains ${JSON.stringify(bodyContains)}, got ${excerpt(text)}`)
      }
      let json: unknown
      if (needsJson) {
        try {
          json = JSON.parse(text)
        } catch {
          return failed(`expected a JSON body, got ${excerpt(text)}`)
        }
      }
      for (const { path, find, expected } of jsonChecks) {
        const [found] = find(json)
        if (found !== expected) {
          return failed(`expected ${path} to be ${JSON.stringify(expected)}, got ${excerpt(JSON.stringify(found))}`)
        }
      }
      for (const extract of extracts) {
        const matches = extract.matches(answer, text, json)
        const value = extract.isRandom && matches.length > 1 ? random().pick(matches) : matches[0]
        if (value === undefined) return failed(`expected ${extract.from} to extract, got nothing there`)
        values[extract.slot] = value
      }
      return undefined
    },
  }
}

interface CompiledExtract {
  readonly slot: number
  readonly kind: 'json' | 'header' | 'regex'
  readonly from: string
  readonly isRandom: boolean
  matches(answer: Answer, text: string, json: unknown): unknown[]
}

function compileExtract(name: string, extract: Extract, slotOf: SlotOf): CompiledExtract {
  const common = { slot: slotOf(name), isRandom: extract.pick === 'random' }
  if ('json' in extract) {
    const find: JsonPath = compileJsonPath(extract.json)
    return { ...common, kind: 'json', from: `JSON path ${extract.json}`, matches: (_answer, _text, json) => find(json) }
  }
  if ('header' in extract) {
    const { header } = extract
    return { ...common, kind: 'header', from: `header ${header}`, matches: (answer) => [answer.header(header)] }
  }
  const pattern = new RegExp(extract.regex, 'g')
  return {
    ...common,
    kind: 'regex',
    from: `a match of /${extract.regex}/`,
    matches: (_answer, text) => {
      if (common.isRandom) return Array.from(text.matchAll(pattern), (match) => match[1] ?? match[0])
      pattern.lastIndex = 0
      const match = pattern.exec(text)
      return match === null ? [] : [match[1] ?? match[0]]
    },
  }
}

function statusCheck(status: Check['status']): (status: number) => boolean {
  if (status === undefined) return (got) => got < 400
  if (typeof status === 'number') return (got) => got === status
  return (got) => status.includes(got)
}

function expectedStatus(status: Check['status']): string {
  if (status === undefined) return 'a status below 400'
  return typeof status === 'number' ? `status ${status}` : `a status of ${status.join(', ')}`
}

function failed(problem: string): Failure {
  return { kind: 'check', problem }
}

function excerpt(text: string | undefined): string {
  if (text === undefined) return 'nothing'
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
