import type { ResolvedCluster } from '../blueprint/clusters-of.ts'
import type { Cluster, ClusterState, NodeStatus } from '../clusters/cluster-state.ts'
import { takesReads } from '../clusters/node-status.ts'
import type { DatabaseNodeStatus, DatabaseStatus } from '../control/snapshot.ts'
import type { ShardBinding } from '../service/bindings-document.ts'

/** What of a cluster is shown. */
type Shown = Pick<Cluster, 'state' | 'version' | 'nodes' | 'term' | 'alarm' | 'failovers'>

/** Which shard of which database it is, if it is one. */
export function shardOf({ database, shard }: ResolvedCluster): Pick<DatabaseStatus, 'shard'> {
  return shard === undefined ? {} : { shard: { database, number: shard } }
}

/** What a person is told of a database. Pure. */
export function databaseStatus(
  of: ResolvedCluster,
  { state, version, nodes, term, alarm, failovers }: Shown,
  preparation: Pick<DatabaseStatus, 'state' | 'reason'> | undefined,
): DatabaseStatus {
  const { name } = of
  return {
    name,
    ...shardOf(of),
    ...(version === undefined ? {} : { version }),
    nodes: state.kind === 'stopped' ? [] : nodes.map((node) => nodeOf(name, node)),
    ...(term === undefined || nodes.length < 2 ? {} : { term, failovers }),
    ...(alarm === undefined || state.kind === 'stopped' ? {} : { alarm }),
    ...(preparation !== undefined && (state.kind === 'ready' || preparation.state === 'failed')
      ? preparation
      : clusterCondition(state)),
  }
}

/** Where a service finds the nodes of a cluster. Throws as `Cluster.serviceUrl`. */
export function shardBinding(cluster: Cluster, service: string): ShardBinding {
  const url = cluster.serviceUrl(service)
  const { term } = cluster
  if (term === undefined) return { url }
  return { url, term, replicas: cluster.replicaUrls(service).map((replica) => ({ url: replica })) }
}

/** The ports that reads may go to. */
export function readersOf({ nodes }: Pick<Cluster, 'nodes'>): readonly (number | undefined)[] {
  return nodes.filter(takesReads).map(({ port }) => port)
}

function nodeOf(database: string, node: NodeStatus): DatabaseNodeStatus {
  const { id, process, lagBytes, ...shown } = node
  return {
    id: `${database}-${id}`,
    ...shown,
    ...(process === undefined ? {} : { pid: process.identity.pid }),
    ...(lagBytes === undefined ? {} : { lagBytes }),
  }
}

function clusterCondition(state: ClusterState): Pick<DatabaseStatus, 'state' | 'reason'> {
  switch (state.kind) {
    case 'initialising':
      return { state: 'starting', reason: 'making the data directory' }
    case 'starting':
    case 'recovering':
    case 'ready':
    case 'stopped':
      return { state: state.kind }
    case 'stopping':
      return { state: 'stopped', reason: 'stopping' }
    case 'backing-off':
      return { state: 'failed', reason: `${state.reason}; next attempt in ${state.delayMs} ms` }
    case 'failed':
      return { state: 'failed', reason: state.reason }
  }
}
