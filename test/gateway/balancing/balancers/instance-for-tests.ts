import type { Balancer, Candidate } from '../../../../src/gateway/balancing/balancer.ts'

/** An instance of which everything is given. */
export interface Instance extends Candidate {
  inFlight: number
  isFull: boolean
  picks: number
}

let count = 0

export function instance(options: Partial<Omit<Instance, 'latencyMs'>> & { latencyMs?: number } = {}): Instance {
  const { id = `api-${(count += 1)}`, latencyMs = 10, weight = 1, inFlight = 0, isFull = false } = options
  return { id, inFlight, isFull, weight, picks: 0, latencyMs: () => latencyMs }
}

/** Has a balancer keep `concurrency` requests under way, each for as long as its instance's latency says. */
export function run(
  balancer: Balancer,
  instances: readonly Instance[],
  options: { requests: number; concurrency: number },
): void {
  const underWay: { instance: Instance; endsMs: number }[] = []
  let nowMs = 0
  for (let i = 0; i < options.requests; i++) {
    if (underWay.length >= options.concurrency) {
      underWay.sort((a, b) => b.endsMs - a.endsMs)
      const ended = underWay.pop()!
      nowMs = ended.endsMs
      ended.instance.inFlight -= 1
    }
    const picked = balancer.pick(instances, nowMs)!
    picked.inFlight += 1
    picked.picks += 1
    underWay.push({ instance: picked, endsMs: nowMs + picked.latencyMs(nowMs) })
  }
}
