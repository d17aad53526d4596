/**
 * How long the sender of a request still waits for the answer to begin, in whole milliseconds from the moment the
 * request is read. A duration and not a time of day, so that two machines need no common clock; and a plain number, so
 * that a program in any language can read it (gRPC's `grpc-timeout` has a unit to parse, and a gRPC library would act on
 * it by itself). What a hop costs is subtracted by whoever sends the next one.
 */
export const REQUEST_TIMEOUT_HEADER = 'x-request-timeout-ms'

/** Reads the header; undefined when it is not a number of milliseconds, which says nothing. */
export function parseRequestTimeout(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,8}$/.test(value) ? Number(value) : undefined
}

/** Writes the header. Never 0, which would be refused: whoever has nothing left does not send. */
export function formatRequestTimeout(leftMs: number): string {
  return String(Math.min(99_999_999, Math.max(1, Math.floor(leftMs))))
}
