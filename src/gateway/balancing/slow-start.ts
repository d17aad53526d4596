/** The share that an instance begins with. */
const SHARE_MIN = 0.1

/**
 * The part of its weight that an instance has `elapsedMs` after it came: a tenth at least, and then in proportion
 * (Envoy's slow start with aggression 1).
 *
 * @example slowStartShare(15_000, 30_000) // 0.5
 */
export function slowStartShare(elapsedMs: number, windowMs: number): number {
  return elapsedMs >= windowMs ? 1 : Math.max(SHARE_MIN, elapsedMs / windowMs)
}
