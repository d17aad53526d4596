import assert from 'node:assert/strict'

/** Above this the recursion would take noticeable time. */
const SERVERS_MAX = 10_000_000

/**
 * The share of arrivals that find all servers busy and leave (Erlang B), for Poisson arrivals and any distribution of the
 * time of service.
 *
 * By the recursion B(0) = 1, B(n) = a·B(n−1) / (n + a·B(n−1)), which has no factorials and stays exact for millions of
 * servers (Jagerman, *Some properties of the Erlang loss function*, Bell System Technical Journal 53, 1974).
 *
 * @param servers whole, 0 or more
 * @param offered work in erlangs: arrivals per second × seconds of service, 0 or more
 * @example erlangB(10, 10) // 0.2146
 */
export function erlangB(servers: number, offered: number): number {
  assert(Number.isInteger(servers) && servers >= 0 && servers <= SERVERS_MAX, `expected whole servers, got ${servers}`)
  assert(offered >= 0 && Number.isFinite(offered), `expected offered erlangs of 0 or more, got ${offered}`)
  let blocked = 1
  for (let n = 1; n <= servers && blocked > 0; n++) blocked = (offered * blocked) / (n + offered * blocked)
  return blocked
}

/**
 * The share of arrivals that have to wait (Erlang C): Poisson arrivals, exponential times of service, one endless queue.
 * 1 where the work offered is as much as the servers can do, or more: everybody waits, and ever longer.
 *
 * C = B / (1 − ρ·(1 − B)), with ρ = a/c (Cooper, *Introduction to Queueing Theory*, 1981, section 3.4).
 *
 * @param servers whole, 1 or more
 * @param offered work in erlangs
 * @example erlangC(55, 48) // 0.239
 */
export function erlangC(servers: number, offered: number): number {
  assert(servers >= 1, `expected a server or more, got ${servers}`)
  if (offered >= servers) return 1
  const blocked = erlangB(servers, offered)
  return blocked / (1 - (offered / servers) * (1 - blocked))
}
