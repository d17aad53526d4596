import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SystemSnapshot } from '../../src/control/snapshot.ts'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { messageOf } from '../../src/core/errors.ts'
import { isRunning } from '../../src/core/process-identity.ts'
import type { RecordedChild } from '../../src/core/subprocess-record.ts'
import type { Random } from '../../src/core/random.ts'
import { connectDatabase } from '../../src/sql/database.ts'
import type { Run, Stage } from '../e2e/open-stage.ts'
import { ask, eventually, openStage, snapshotOf } from '../e2e/open-stage.ts'
import { shopWithDatabase } from '../e2e/shop.ts'
import type { Hunt, HuntContext, HuntOutcome } from './hunt.ts'

/** What has to run whenever a start is over; instances have whatever numbers a rollout has left them. */
const PARTS = ['gateway', 'orders', 'web', 'web']
const KEPT = 'create table kept (id bigint generated always as identity primary key);'
/** So many deaths, and then everything is stopped, counted and started from nothing. */
const DEATHS_PER_LIFE = 8

/**
 * Kills the control plane at random moments (while it starts, adopts, applies an edit, or just runs) and starts it
 * again, under traffic through the gateway and over one session of the database. Nothing may fail, get lost, run twice
 * or stay behind.
 */
export const hunt: Hunt = {
  name: 'adopt',
  description: 'kill -9 of the control plane at random moments; the next start adopts what runs',
  async run(context) {
    await using life = new Lives(context)
    while (!context.signal.aborted) await life.liveOnce()
    return life.outcome()
  },
}

class Lives implements AsyncDisposable {
  readonly #context: HuntContext
  readonly #random: Random
  readonly #files: Record<string, string> = { ...shopWithDatabase(), 'migrations/003-kept.sql': KEPT }
  readonly #on: Stage & { close(): Promise<void> }
  readonly #defects: string[] = []
  readonly #figures = { deaths: 0, adopted: 0, replaced: 0, requests: 0, acknowledged: 0, lost: 0, leaked: 0 }
  #edits = 0

  constructor(context: HuntContext) {
    this.#context = context
    this.#random = context.random
    this.#on = openStage(this.#files)
  }

  outcome(): HuntOutcome {
    return { figures: this.#figures, defects: this.#defects }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#on.close()
  }

  /** From the first start until `down`. */
  async liveOnce(): Promise<void> {
    const figures = this.#figures
    let plane = await this.#start()
    const traffic = await startTraffic((await this.#snapshot()).gateway.url!)
    for (let death = 0; death < DEATHS_PER_LIFE && !this.#context.signal.aborted; death++) {
      await this.#die(plane)
      plane = await this.#start()
      await this.#count()
      this.#context.log(`  ${JSON.stringify(figures)}`)
    }
    const { requests, acknowledged, lost } = await traffic.end()
    figures.requests += requests
    figures.acknowledged += acknowledged
    figures.lost += lost.length
    this.#defects.push(...lost)
    const { code, err } = await this.#on.end(['down'])
    if (code !== 0) this.#defects.push(`down ended with ${code}: ${err}`)
    await plane.ended
    const leaked = this.#on.leftovers()
    figures.leaked += leaked.length
    this.#defects.push(...leaked.map((process) => `leaked: ${process}`))
  }

  /** Lets the control plane die, and sometimes one or two successors in the middle of their start. */
  async #die(plane: Run): Promise<void> {
    const random = this.#random
    const kind = random.pick(['while it runs', 'while it runs', 'while it applies', 'while it starts'] as const)
    if (kind === 'while it applies') {
      this.#on.write({ 'server.js': `${this.#files['server.js']}\n// Edit ${++this.#edits}\n` })
      void this.#on.end(['apply'])
    }
    await sleep(systemClock, random.integer(kind === 'while it applies' ? 4_000 : 500))
    await this.#kill(plane)
    if (kind !== 'while it starts') return
    for (let starts = 1 + random.integer(2); starts > 0; starts--) {
      const successor = this.#up()
      await sleep(systemClock, random.integer(5_000))
      await this.#kill(successor)
    }
  }

  async #kill(plane: Run): Promise<void> {
    plane.signal('SIGKILL')
    await plane.ended
    this.#figures.deaths++
  }

  #up(): Run {
    return this.#on.tenfold(['up', '--port', '0'], { timeoutMs: 3_600_000 })
  }

  async #start(): Promise<Run> {
    const plane = this.#up()
    const isUp = async (): Promise<boolean> => (await snapshotOf(this.#on))?.phase === 'running'
    const hasEnded = plane.ended.then(({ err }) => Promise.reject(new Error(`the start ended: ${err}`)))
    await Promise.race([eventually('the system to run', isUp, 120_000), hasEnded])
    hasEnded.catch(() => undefined)
    return plane
  }

  async #snapshot(): Promise<SystemSnapshot> {
    return (await snapshotOf(this.#on))!
  }

  /** What the start says it has adopted, and whether all parts run once. */
  async #count(): Promise<void> {
    const { notices } = await this.#snapshot()
    for (const { message } of notices) {
      const [, what, names = ''] = /^(adopted|replaced)[^:]*: (.*)$/.exec(message) ?? []
      if (what === 'adopted' || what === 'replaced') this.#figures[what] += names.split(', ').length
    }
    const { children } = JSON.parse(readFileSync(join(this.#on.state(), 'processes.json'), 'utf8')) as {
      children: RecordedChild[]
    }
    const names = children.filter(isRunning).map(({ name }) => name)
    const parts = names.map((name) => name.replace(/-\d+$/, '')).toSorted()
    if (parts.join() !== PARTS.join() || new Set(names).size !== names.length) {
      this.#defects.push(`expected ${PARTS.join()}, got ${names.join()}`)
    }
  }
}

interface Traffic {
  end(): Promise<{ requests: number; acknowledged: number; lost: readonly string[] }>
}

/** Requests through the gateway, and inserts over one session that must never break. */
async function startTraffic(url: string): Promise<Traffic> {
  const over = new AbortController()
  const lost: string[] = []
  let requests = 0
  const { databases } = await ask<{ databases: { orders: { shards: [{ url: string }] } } }>(url, '/bindings')
  const connection = connectDatabase({ url: databases.orders.shards[0].url, connectionsMax: 1 })
  const acknowledged: string[] = []

  async function request(): Promise<void> {
    for (; !over.signal.aborted; requests++) {
      try {
        const answer = await fetch(`${url}/?ms=${requests % 50}`, { signal: AbortSignal.timeout(20_000) })
        if (!answer.ok) lost.push(`a request was answered with ${answer.status}: ${await answer.text()}`)
        else await answer.text()
      } catch (error) {
        lost.push(`a request failed: ${messageOf(error)}`)
      }
    }
  }

  async function insert(): Promise<void> {
    while (!over.signal.aborted) {
      try {
        const { rows } = await connection.query<{ id: string }>('insert into kept default values returning id')
        acknowledged.push(rows[0]!.id)
      } catch (error) {
        lost.push(`an insert failed: ${messageOf(error)}`)
        await sleep(systemClock, 100)
      }
      await sleep(systemClock, 5)
    }
  }

  const work = [request(), request(), insert()]
  return {
    async end() {
      over.abort()
      await Promise.all(work)
      const { rows } = await connection.query<{ id: string }>('select id from kept')
      await connection.end()
      const kept = new Set(rows.map(({ id }) => id))
      lost.push(...acknowledged.filter((id) => !kept.has(id)).map((id) => `the acknowledged row ${id} is not there`))
      return { requests, acknowledged: acknowledged.length, lost }
    },
  }
}
