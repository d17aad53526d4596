import assert from 'node:assert/strict'

/** Something that requests need for a while: a CPU, a pool of connections, a database. */
export interface Station {
  readonly name: string
  /** Time of a server that one request needs in all its visits together. */
  readonly demandMs: number
  /** @default 1 */
  readonly servers?: number
}

export interface ClosedNetworkOptions {
  readonly stations: readonly Station[]
  /** Between an answer and the next request of the same user. @default 0 */
  readonly thinkMs?: number
  /** Users that go round, each waiting for the answer before the next request; at most 5,000. */
  readonly users: number
}

/** The steady state of a closed network. */
export interface ClosedNetwork {
  readonly requestsPerSecond: number
  /** From request to answer, without thinking. */
  readonly responseMs: number
  readonly stations: readonly StationLoad[]
}

export interface StationLoad {
  readonly name: string
  /** Waiting and service of one request. */
  readonly residenceMs: number
  /** Requests there on average, waiting and served. */
  readonly present: number
  /** Share of the time that a server is busy. */
  readonly utilisation: number
}

const USERS_MAX = 5_000

/**
 * What users who wait for each answer get from stations in a row: throughput, response time, and where it is spent.
 * Exact for networks of product form (exponential service or processor sharing).
 *
 * The values are those of exact mean value analysis (Reiser and Lavenberg, *Mean-value analysis of closed multichain
 * queueing networks*, JACM 27, 1980). Its recursion loses all digits for stations of several servers near saturation, so
 * they are computed by convolution (Buzen, *Computational algorithms for closed queueing networks with exponential
 * servers*, CACM 16, 1973), which adds only positive terms, in logarithms: exact for several servers too (load-dependent
 * rates, not Seidmann's approximation). Time grows with stations × users².
 *
 * With f(n) = Dⁿ / ∏ min(j, c) of each station, Zⁿ/n! of thinking, and G their convolution: X = G(N−1)/G(N).
 */
export function solveClosedNetwork({ stations, thinkMs = 0, users }: ClosedNetworkOptions): ClosedNetwork {
  assert(Number.isInteger(users) && users >= 1 && users <= USERS_MAX, `expected 1 to ${USERS_MAX} users, got ${users}`)
  assert(thinkMs >= 0, `expected a think time of 0 or more, got ${thinkMs}`)
  assert(stations.length > 0 && stations.every(isStation), 'expected stations with a demand of 0 or more, and servers')
  const thinking = logWeights(thinkMs, Number.POSITIVE_INFINITY, users)
  const each = stations.map(({ demandMs, servers = 1 }) => logWeights(demandMs, servers, users))
  const before = [thinking]
  for (const weights of each) before.push(convolve(before.at(-1) as Float64Array, weights))
  const all = before.at(-1) as Float64Array
  const total = all[users] as number
  assert(total > Number.NEGATIVE_INFINITY, 'expected a demand or a think time above 0')
  const requestsPerMs = Math.exp((all[users - 1] as number) - total)

  const loads: StationLoad[] = []
  let after = unit(users)
  for (let i = stations.length - 1; i >= 0; i--) {
    const { name, demandMs, servers = 1 } = stations[i] as Station
    const weights = each[i] as Float64Array
    const others = convolve(before[i] as Float64Array, after)
    let present = 0
    for (let n = 1; n <= users; n++) {
      present += n * Math.exp((weights[n] as number) + (others[users - n] as number) - total)
    }
    const utilisation = (requestsPerMs * demandMs) / servers
    loads.unshift({ name, residenceMs: present / requestsPerMs, present, utilisation })
    after = convolve(weights, after)
  }
  return {
    requestsPerSecond: requestsPerMs * 1_000,
    responseMs: users / requestsPerMs - thinkMs,
    stations: loads,
  }
}

function isStation({ demandMs, servers = 1 }: Station): boolean {
  return demandMs >= 0 && Number.isFinite(demandMs) && Number.isInteger(servers) && servers >= 1
}

/** Logarithm of Dⁿ / ∏ min(j, c) for n from 0. */
function logWeights(demandMs: number, servers: number, users: number): Float64Array {
  const weights = new Float64Array(users + 1)
  for (let n = 1; n <= users; n++) {
    weights[n] = (weights[n - 1] as number) + Math.log(demandMs) - Math.log(Math.min(n, servers))
  }
  return weights
}

/** The weights of nothing: 1 for nobody, 0 for everybody else. */
function unit(users: number): Float64Array {
  const weights = new Float64Array(users + 1).fill(Number.NEGATIVE_INFINITY)
  weights[0] = 0
  return weights
}

/** log Σ e^(a(k) + b(n−k)), with the largest term taken out so that nothing overflows. */
function convolve(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((_, n) => {
    let largest = Number.NEGATIVE_INFINITY
    for (let k = 0; k <= n; k++) largest = Math.max(largest, (a[k] as number) + (b[n - k] as number))
    if (largest === Number.NEGATIVE_INFINITY) return largest
    let sum = 0
    for (let k = 0; k <= n; k++) sum += Math.exp((a[k] as number) + (b[n - k] as number) - largest)
    return largest + Math.log(sum)
  })
}
