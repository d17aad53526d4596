import type { ClusterPaths, ClusterRecord } from './cluster-record.ts'
import { writeClusterRecord } from './cluster-record.ts'

/** The record of a cluster while it runs: what `current` says is on the disk. */
export interface RecordKeeper {
  readonly current: ClusterRecord
  /** Changes the record. When it resolves the change is durable; when it rejects nothing has changed. */
  change(change: (record: ClusterRecord) => ClusterRecord): Promise<void>
}

/** Keeps a record that is on the disk. Changes that are asked for at once are made one after the other. */
export function createRecordKeeper(paths: ClusterPaths, record: ClusterRecord): RecordKeeper {
  let current = record
  let last: Promise<void> = Promise.resolve()
  return {
    get current() {
      return current
    },
    change(change) {
      const write = async (): Promise<void> => {
        const next = change(current)
        if (JSON.stringify(next) === JSON.stringify(current)) return
        await writeClusterRecord(paths, next)
        current = next
      }
      last = last.catch(() => undefined).then(write)
      return last
    },
  }
}

/** The node that takes writes. */
export function primaryOf({ primary = 1 }: ClusterRecord): number {
  return primary
}

/** Which primary it is, counted from 1. */
export function termOf({ term = 1 }: ClusterRecord): number {
  return term
}

/** The port that a node had last. */
export function portOf(record: ClusterRecord, node: number): number | undefined {
  return node === 1 ? record.port : record.ports?.[node]
}

/** The record with another port for a node. */
export function withPort(record: ClusterRecord, node: number, port: number): ClusterRecord {
  return node === 1 ? { ...record, port } : { ...record, ports: { ...record.ports, [node]: port } }
}

/**
 * The nodes of a cluster with so many followers: the primary, then whoever may take over, then the lowest numbers. Nodes
 * that are not among them keep their data.
 */
export function nodesOf(record: ClusterRecord, followers: number): readonly number[] {
  const primary = primaryOf(record)
  const numbers = Array.from({ length: followers + 2 }, (_, index) => index + 1)
  const others = [record.synchronous ?? primary, ...numbers].filter((node) => node !== primary)
  return [primary, ...[...new Set(others)].slice(0, followers)]
}
