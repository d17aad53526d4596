import type { Contender, Message } from '../topics/contender.ts'
import { NOT_INSTALLED, packageVersion } from './package-version.ts'

/** As much of it as is used here: the package may not be there when this is compiled. */
interface Boss {
  start(): Promise<unknown>
  stop(options: object): Promise<void>
  createQueue(name: string, options: object): Promise<void>
  insert(name: string, jobs: readonly { data: Message }[]): Promise<unknown>
  send(name: string, data: Message): Promise<unknown>
  work(name: string, options: object, handler: (jobs: readonly { data: Message }[]) => Promise<void>): Promise<string>
  offWork(name: string, options?: object): Promise<void>
  on(event: 'error', handler: () => void): void
}

const QUEUE = 'measured'

/**
 * In batches, on and on while they are full. It looks every half second, the least that it allows: woken by NOTIFY, which it
 * sends in each transaction, it does not keep up with the rate at which delivery is measured.
 */
export const pgBoss: Contender = {
  name: 'pg-boss',
  absence: NOT_INSTALLED,
  version: () => Promise.resolve(packageVersion('pg-boss')),
  async open(url) {
    const name: string = 'pg-boss'
    const { PgBoss } = (await import(name)) as { PgBoss: new (options: object) => Boss }
    const boss = new PgBoss({ connectionString: url, max: 22, supervise: false, schedule: false })
    boss.on('error', () => undefined)
    await boss.start()
    await boss.createQueue(QUEUE, {})
    return {
      async publish(messages) {
        const [first] = messages
        if (messages.length === 1 && first !== undefined) await boss.send(QUEUE, first)
        else
          await boss.insert(
            QUEUE,
            messages.map((data) => ({ data })),
          )
      },
      async consume(aim, onMessage) {
        const options = {
          batchSize: aim === 'latency' ? 20 : 200,
          localConcurrency: 4,
          pollingIntervalSeconds: 0.5,
          burstWhenBatchFull: true,
        }
        await boss.work(QUEUE, options, async (jobs) => {
          for (const { data } of jobs) onMessage(data)
        })
        return () => boss.offWork(QUEUE)
      },
      end: () => boss.stop({ graceful: true, timeout: 5_000 }),
    }
  },
}
