import type { BalancedEndpoint } from './balancer-port.ts'
import { canaryWeight } from './canary.ts'
import type { Trial } from './rollout.ts'
import type { SupervisedInstance } from './supervised-instance.ts'

/** Where instances listen; what is tried weighs what gives it its share. */
export function publishedEndpoints(
  instances: readonly SupervisedInstance[],
  trial: Trial | undefined,
): readonly BalancedEndpoint[] {
  const isTried = ({ revision }: SupervisedInstance): boolean => revision === trial?.revision
  const canaries = instances.filter(isTried).length
  const weight = trial && canaryWeight(trial.share, { canaries, others: instances.length - canaries })
  return instances.flatMap((instance) => {
    const { id, running } = instance
    if (running === undefined) return []
    const { host, port } = running
    return weight !== undefined && isTried(instance)
      ? [{ id, host, port, weight, isCanary: true, match: trial?.match }]
      : [{ id, host, port }]
  })
}
