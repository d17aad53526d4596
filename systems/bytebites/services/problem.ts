import type { FastifyError, FastifyInstance } from 'fastify'

/** What is said to a client when something can't be done: problem details, RFC 9457. */
export class Problem extends Error {
  readonly status: number
  readonly extra: Readonly<Record<string, unknown>>

  constructor(status: number, detail: string, extra: Readonly<Record<string, unknown>> = {}) {
    super(detail)
    this.status = status
    this.extra = extra
  }
}

/** Makes every error of a server an `application/problem+json` that says no more than a client may know. */
export function answerProblems(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) => {
    void reply
      .code(404)
      .type(PROBLEM_JSON)
      .send(problemOf(404, `there is nothing at ${request.method} ${request.url}`))
  })
  app.setErrorHandler<FastifyError | Problem>((error, request, reply) => {
    const { status, detail, extra } = explain(error)
    if (status >= 500) request.log.error({ err: error }, 'a request failed')
    if (status === 503) void reply.header('retry-after', '1')
    void reply
      .code(status)
      .type(PROBLEM_JSON)
      .send(problemOf(status, detail, extra))
  })
}

const PROBLEM_JSON = 'application/problem+json'

const TITLES: Readonly<Record<number, string>> = {
  400: 'The request is malformed',
  401: 'Sign in first',
  404: 'Not found',
  409: 'It is no longer possible',
  422: 'The request breaks a rule',
  500: 'Something went wrong here',
  503: 'Try again in a moment',
}

function problemOf(status: number, detail: string, extra: Readonly<Record<string, unknown>> = {}) {
  return { ...extra, title: TITLES[status] ?? 'The request failed', status, detail }
}

function explain(error: FastifyError | Problem): { status: number; detail: string; extra?: Problem['extra'] } {
  if (error instanceof Problem) return { status: error.status, detail: error.message, extra: error.extra }
  if (isUnavailable(error.code)) {
    return {
      status: 503,
      detail: 'the database did not answer; an order is safe to repeat with the same idempotency-key',
    }
  }
  const status = error.statusCode ?? 500
  return { status, detail: status < 500 ? error.message : 'the request is logged' }
}

/** What went wrong is the database's connection, so the same request may succeed a moment later. */
function isUnavailable(code: string | undefined): boolean {
  return code !== undefined && UNAVAILABLE.has(code)
}

const UNAVAILABLE = new Set([
  'TF_COMMIT_INDETERMINATE',
  'TF_CONNECTION_LOST',
  'TF_DATABASE_UNREACHABLE',
  'TF_POOL_EXHAUSTED',
])
