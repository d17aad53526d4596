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
  /** Kills the server, and resolves when it is there again. */
  crash(): Promise<void>
  end(): Promise<void>
}

export interface TestLog {
  readonly url: string
  readonly database: DatabaseConnection
  /** A topic that nobody else uses. */
  topic(partitions?: number): Promise<CatalogTopic & { readonly name: string }>
}

export async function createTopicsBed(): Promise<TopicsBed> {
  const bed = await createTestBed({ hasTemplate: false })
  const cluster = bed.cluster('log')
  await cluster.start()
  const admin = bed.connect(cluster.adminUrl(), { connectionsMax: 1 })
  let count = 0
  return {
    admin,
    async crash() {
      const { process: server } = cluster
      server?.signal('SIGKILL')
      await server?.exited
      await until('the server is there again', () => cluster.state.kind === 'ready' && cluster.process !== server)
    },
    async log() {
      const name = `log_${++count}`
      await admin.query(`create database ${name} owner log`)
      const url = new URL(cluster.url())
      url.pathname = name
      const database = bed.connect(url.href, { connectionsMax: 20 })
      await installLayout(database)
      return {
        url: url.href,
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
