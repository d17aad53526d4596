import type { ClusterOptions } from '../../../src/clusters/cluster-options.ts'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import { ensureTopic, installLayout } from '../../../src/topics/logs/postgres/layout.ts'
import type { CatalogTopic } from '../../../src/topics/logs/postgres/topic-catalog.ts'
import { createTopicCatalog } from '../../../src/topics/logs/postgres/topic-catalog.ts'
import { createTestBed, until } from '../clusters/test-bed.ts'

/** A cluster on which logs of topics are made. */
export interface TopicsBed {
  /** A database of its own, with the layout of topics in it. */
  log(): Promise<TestLog>
  /** As superuser. */
  readonly admin: DatabaseConnection
  readonly cluster: Cluster
  /** Kills the primary, and resolves when there is one again: the same, or its standby. */
  crash(): Promise<void>
  end(): Promise<void>
}

export interface TestLog {
  readonly url: string
  readonly database: DatabaseConnection
  /** A topic that nobody else uses. */
  topic(partitions?: number): Promise<CatalogTopic & { readonly name: string }>
}

/** @param options of the cluster: followers, for one whose primary can die */
export async function createTopicsBed(options: Partial<ClusterOptions> = {}): Promise<TopicsBed> {
  const bed = await createTestBed({ hasTemplate: false })
  const cluster = bed.cluster('log', options)
  await cluster.start()
  /** Goes where the primary is. */
  const connect = (url: () => string, connectionsMax: number): DatabaseConnection => {
    const refresh = async (): Promise<void> => database.moveTo({ url: url(), connectionsMax })
    const database: DatabaseConnection = bed.connect(url(), { connectionsMax, refresh })
    return database
  }
  const admin = connect(() => cluster.adminUrl(), 1)
  let count = 0
  return {
    admin,
    cluster,
    async crash() {
      const { process: server, term, nodes } = cluster
      const isFailover = nodes.some(({ role, state }) => role === 'standby' && state === 'ready')
      server?.signal('SIGKILL')
      await server?.exited
      await until('a server is there again', () => {
        const isAnother = isFailover ? cluster.term !== term : cluster.process !== server
        return isAnother && cluster.process !== undefined && cluster.state.kind === 'ready'
      })
    },
    async log() {
      const name = `log_${++count}`
      await admin.query(`create database ${name} owner log`)
      const urlNow = (): string => {
        const url = new URL(cluster.url())
        url.pathname = name
        return url.href
      }
      const database = connect(urlNow, 20)
      await installLayout(database)
      return {
        get url() {
          return urlNow()
        },
        database,
        async topic(partitions = 1) {
          const topic = `topic_${++count}`
          await ensureTopic(database, { name: topic, partitions })
          return { name: topic, ...(await createTopicCatalog(database).find(topic)) }
        },
      }
    },
    end: () => bed.end(),
  }
}
