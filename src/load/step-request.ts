import type { Step } from '../blueprint/scenario.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import type { SlotOf, Template, Values } from './template.ts'
import { compileJson, compileText } from './template.ts'

/** A request as a step's own code sees it: change it and return it. */
interface StepRequest {
  method: string
  /** Path and query, percent-encoded. */
  path: string
  headers: Record<string, string>
  body: string | undefined
}

/**
 * The escape hatch of a step: gets the request as the templates made it and returns the one to send. It runs in the
 * generator's loop, so it must be quick and can't be asynchronous.
 *
 * @example
 * export const sign: StepCode = (request) => {
 *   request.headers['x-signature'] = createHmac('sha256', key).update(request.body ?? '').digest('hex')
 *   return request
 * }
 */
export type StepCode = (request: StepRequest, session: StepSession) => StepRequest

/** What a step's code knows of the session. */
interface StepSession {
  /** Feed columns (`user.id`) and extracted values (`token`) so far. */
  readonly values: Readonly<Record<string, unknown>>
  /** The session's own stream of random numbers. */
  readonly random: Random
}

/** Makes the bytes of a step's request. */
export interface RequestTemplate {
  readonly isHead: boolean
  /** The whole request where it is always the same. */
  readonly constant: Buffer | undefined
  readonly needs: Template['needs']
  /** The request as text, to be sent as UTF-8. All `needs` must have values. */
  render(values: Values, session: () => StepSession): string
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const OURS = new Set(['connection', 'content-length', 'transfer-encoding'])

/**
 * Compiles the request of a step.
 *
 * @param host value of the Host header
 * @param code the step's escape hatch, already loaded
 * @throws TF_SCENARIO_INVALID for a path or a header that can't be sent
 */
export function compileRequest(
  step: Step,
  where: string,
  host: string,
  slotOf: SlotOf,
  code?: StepCode,
): RequestTemplate {
  const method = step.method ?? 'GET'
  checkPath(step.path, where)
  const path = compileText(step.path, 'percent', slotOf)
  const headers = compileHeaders(step, where, host, slotOf)
  const body = step.json === undefined ? undefined : compileJson(step.json, slotOf)
  const needs = [path, ...headers.map(([, value]) => value), ...(body === undefined ? [] : [body])].flatMap(
    (template) => template.needs,
  )
  const hasLength = body !== undefined || method === 'POST' || method === 'PUT' || method === 'PATCH'
  const headText = (values: Values): string => {
    let text = ''
    for (const [name, value] of headers) text += `${name}: ${value.constant ?? value.render(values)}\r\n`
    return text
  }
  const constantHead = headers.every(([, value]) => value.constant !== undefined) ? headText([]) : undefined

  function render(values: Values): string {
    const bodyText = body === undefined ? '' : body.render(values)
    const length = hasLength ? `content-length: ${Buffer.byteLength(bodyText)}\r\n` : ''
    return `${method} ${path.render(values)} HTTP/1.1\r\n${constantHead ?? headText(values)}${length}\r\n${bodyText}`
  }

  function renderWithCode(values: Values, session: () => StepSession): string {
    const request = (code as StepCode)(
      {
        method,
        path: path.render(values),
        headers: Object.fromEntries(headers.map(([name, value]) => [name, value.render(values)])),
        body: body?.render(values),
      },
      session(),
    )
    if (typeof request?.path !== 'string') throw new TypeError('expected the step code to return a request')
    return formatRequest(request, hasLength)
  }

  const isConstant = needs.length === 0 && code === undefined
  return {
    isHead: method === 'HEAD',
    constant: isConstant ? Buffer.from(render([])) : undefined,
    needs,
    render: code === undefined ? render : renderWithCode,
  }
}

function compileHeaders(step: Step, where: string, host: string, slotOf: SlotOf): [string, Template][] {
  const given: Record<string, string> = { host, 'user-agent': 'tenfold' }
  if (step.json !== undefined) given['content-type'] = 'application/json'
  for (const [name, value] of Object.entries(step.headers ?? {})) {
    const lower = name.toLowerCase()
    if (!TOKEN.test(name)) throw invalid(where, `expected a header name, got ${JSON.stringify(name)}`)
    if (OURS.has(lower)) {
      throw invalid(where, `expected headers without "${lower}", which the generator sets itself`)
    }
    given[lower] = value
  }
  return Object.entries(given).map(([name, value]) => {
    if (/[\r\n]/.test(value)) throw invalid(where, `expected header "${name}" on one line, got a line break`)
    return [name, compileText(value, 'header', slotOf)]
  })
}

function checkPath(path: string, where: string): void {
  if (!path.startsWith('/')) throw invalid(where, `expected a path that starts with "/", got ${JSON.stringify(path)}`)
  const written = path.replace(/\{\{[^{}]*\}\}/g, '')
  if (/[^\x21-\x7e]/.test(written) || written.includes('#')) {
    throw invalid(where, `expected a percent-encoded path without fragment, got ${JSON.stringify(path)}`)
  }
}

function formatRequest(request: StepRequest, hasLength: boolean): string {
  const body = request.body ?? ''
  if (/[\r\n ]/.test(request.method) || /[\r\n ]/.test(request.path)) {
    throw new TypeError('expected a method and a path without blanks and line breaks')
  }
  let head = ''
  for (const [name, value] of Object.entries(request.headers)) {
    if (!TOKEN.test(name) || OURS.has(name.toLowerCase())) throw new TypeError(`expected no header "${name}"`)
    head += `${name}: ${String(value).replace(/[\r\n\0]/g, ' ')}\r\n`
  }
  if (hasLength || body !== '') head += `content-length: ${Buffer.byteLength(body)}\r\n`
  return `${request.method} ${request.path} HTTP/1.1\r\n${head}\r\n${body}`
}

function invalid(where: string, problem: string): TenfoldError {
  return new TenfoldError('TF_SCENARIO_INVALID', `${where}: ${problem}`, {
    hint: 'correct the step in the blueprint; "tenfold check" finds such mistakes before a run',
  })
}
