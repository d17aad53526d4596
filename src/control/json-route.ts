import { TenfoldError } from '../core/errors.ts'

/**
 * What checks an input: any Standard Schema (https://standardschema.dev), such as a zod type. Declared here by its
 * shape, so that nothing that only answers requests has to load a validator.
 */
export interface InputSchema<Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Input> | Promise<SchemaResult<Input>>
    readonly types?: { readonly input: unknown; readonly output: Input } | undefined
  }
}

type SchemaResult<Input> =
  | { readonly value: Input; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** One request as a handler sees it. */
export interface JsonRequest<Input = unknown> {
  /** The query as `{ name: 'text' }` for GET, the parsed body for every other method; checked if the route has a schema. */
  readonly input: Input
  /** Aborted when the client has gone or the server stops; a handler that waits ends its wait then. */
  readonly signal: AbortSignal
}

/** What answers one `'METHOD /path'`. Made by `jsonRoute`. */
export interface JsonRoute {
  answer(request: JsonRequest): Promise<unknown>
}

/**
 * A route whose input is checked before the handler runs. The handler returns plain data, or `jsonStream(…)`; what it
 * throws goes to the client: a `TenfoldError` as it is, anything else as `TF_INTERNAL`.
 *
 * @example
 * jsonRoute({ input: z.object({ after: z.coerce.number() }), handle: ({ input }) => changesAfter(input.after) })
 */
export function jsonRoute<Input = unknown>(options: {
  /** Checks and converts the input. @default anything passes */
  input?: InputSchema<Input>
  handle: (request: JsonRequest<Input>) => unknown
}): JsonRoute {
  const { input: schema, handle } = options
  return {
    async answer(request) {
      const input = schema === undefined ? (request.input as Input) : await parseInput(schema, request.input, 'input')
      return handle({ input, signal: request.signal })
    },
  }
}

/**
 * The value as the schema gives it.
 *
 * @param what names the value in the error: `'the arguments of scale'`
 * @throws TF_INPUT_INVALID with every issue and its path
 */
export async function parseInput<Input>(schema: InputSchema<Input>, value: unknown, what: string): Promise<Input> {
  const result = await schema['~standard'].validate(value)
  if (result.issues === undefined) return result.value
  const issues = result.issues.slice(0, 10).map((issue) => `${pathOf(issue)}${issue.message}`)
  throw new TenfoldError('TF_INPUT_INVALID', `expected ${what} to be valid, got ${issues.join('; ')}`, {
    details: { issues },
  })
}

function pathOf(issue: SchemaIssue): string {
  const keys = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part))
  return keys.length === 0 ? '' : `${keys.join('.')}: `
}

/** An answer of one JSON value a line, for as long as the source has any and the client listens. */
export interface JsonStream {
  readonly lines: AsyncIterable<unknown>
}

const streams = new WeakSet<object>()

/**
 * Answers with a stream of lines (NDJSON). The next value is asked for only when the client has taken the last one, so
 * a slow client holds one value, not a queue; the source decides what a late reader gets.
 */
export function jsonStream(lines: AsyncIterable<unknown>): JsonStream {
  const stream = { lines }
  streams.add(stream)
  return stream
}

/** Whether an answer is a stream rather than a value. */
export function isJsonStream(answer: unknown): answer is JsonStream {
  return typeof answer === 'object' && answer !== null && streams.has(answer)
}
