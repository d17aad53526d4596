import type { ClusterOperator } from './cluster-operator.ts'
import type { ClusterRecord } from './cluster-record.ts'
import type { NodeStatus } from './cluster-state.ts'
import type { FollowerState } from './follower-keeper.ts'
import type { ClusterNode } from './node.ts'
import { primaryOf } from './record-keeper.ts'

/** A replica that is further behind takes no reads. */
const LAG_BYTES_MAX = 64 * 1024 * 1024
const LAG_MS_MAX = 10_000

/** What a node is and does, as a person is told. */
export function nodeStatus(
  node: ClusterNode,
  record: ClusterRecord,
  operator: ClusterOperator | undefined,
): NodeStatus {
  const { id, zone, port, server } = node
  const isPrimary = id === primaryOf(record)
  const keeper = operator?.followers.keepers.get(id)
  const place = {
    id,
    ...(zone === undefined ? {} : { zone }),
    ...(port === undefined ? {} : { port }),
    ...(server === undefined ? {} : { process: server }),
  }
  if (isPrimary) return { ...place, role: 'primary', state: node.condition === 'primary' ? 'ready' : 'starting' }
  const lagBytes = lagOf(id, operator)
  const isLate =
    lagBytes !== undefined && (lagBytes > LAG_BYTES_MAX || (operator?.watch.behindMs(id) ?? 0) > LAG_MS_MAX)
  return {
    ...place,
    role: id === record.synchronous ? 'standby' : 'replica',
    ...(lagBytes === undefined ? {} : { lagBytes }),
    ...(keeper === undefined ? { state: 'starting' as const } : condition(keeper.state, isLate)),
  }
}

/** Whether reads may go there now. */
export function takesReads({ role, state, port }: NodeStatus): boolean {
  return role !== 'primary' && state === 'ready' && port !== undefined
}

function condition(state: FollowerState, isLate: boolean): Pick<NodeStatus, 'state' | 'reason'> {
  switch (state.kind) {
    case 'following':
      return isLate ? { state: 'waiting', reason: 'it is too far behind for reads' } : { state: 'ready' }
    case 'starting':
      return { state: 'starting' }
    case 'cloning':
      return { state: 'cloning', reason: `${Math.round(100 * state.share)} % copied: ${state.reason}` }
    case 'waiting':
      return { state: 'waiting', reason: state.reason }
    case 'backing-off':
      return { state: 'failed', reason: `${state.reason}; next attempt in ${state.delayMs} ms` }
  }
}

function lagOf(node: number, operator: ClusterOperator | undefined): number | undefined {
  const status = operator?.watch.status
  const seen = status?.followers.get(node)
  if (status === undefined || seen === undefined) return undefined
  return Number(status.flushed > seen.replayed ? status.flushed - seen.replayed : 0n)
}
