/** A position in the write-ahead log, as a number of bytes from its beginning. */
export type LogPosition = bigint

/** @example parsePosition('0/16B3748') // 23803720n. @throws for what is no position */
export function parsePosition(text: string): LogPosition {
  const [, high, low] = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text) ?? []
  if (high === undefined) throw new Error(`expected a position such as 0/16B3748, got ${JSON.stringify(text)}`)
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

/** @example formatPosition(0x16B3748n) // '0/16B3748' */
export function formatPosition(position: LogPosition): string {
  return `${(position >> 32n).toString(16)}/${(position & 0xffff_ffffn).toString(16)}`.toUpperCase()
}
