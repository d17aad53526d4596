import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ReleaseEntry, ServiceStatus } from '../../src/control/snapshot.ts'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { isRunning } from '../../src/core/process-identity.ts'
import type { RecordedChild } from '../../src/core/subprocess-record.ts'
import type { Random } from '../../src/core/random.ts'
import type { Ended, Stage } from '../e2e/open-stage.ts'
import { eventually, openStage, snapshotOf } from '../e2e/open-stage.ts'
import { blueprint, shop, WEB } from '../e2e/shop.ts'
import type { Hunt, HuntContext, HuntOutcome } from './hunt.ts'
import type { Sources } from './release-sources.ts'
import { releaseArguments, textOf } from './release-sources.ts'
import type { ReleaseTraffic } from './release-traffic.ts'
import { startReleaseTraffic } from './release-traffic.ts'

const INSTANCES = 2
const OPERATIONS_PER_LIFE = 12
const DEFECTS_MAX = 10

/**
 * Releases, canaries, rollbacks and scaling of one service under requests that may be repeated, while instances and the
 * control plane are killed at random moments. No request may fail; what crashes or hangs never takes the place of what
 * runs; after each start runs what docs/guides/releases.md says, once, and nothing else.
 */
export const hunt: Hunt = {
  name: 'release',
  description: 'releases, canaries, rollbacks and scaling while instances and the control plane are killed with -9',
  async run(context) {
    await using life = new Releases(context)
    while (!context.signal.aborted && life.isSound) await life.liveOnce()
    return life.outcome()
  },
}

class Releases implements AsyncDisposable {
  readonly #context: HuntContext
  readonly #random: Random
  readonly #on: Stage & { close(): Promise<void> }
  readonly #defects: string[] = []
  readonly #figures = { operations: 0, deaths: 0, kills: 0, released: 0, back: 0, held: 0, requests: 0, failed: 0 }
  /** By the id that the history gives a release. */
  readonly #known = new Map<string, Sources>()
  #sources: Sources = { name: 'r0', nature: 'good' }
  #current: Sources = this.#sources
  #edits = 0
  #traffic: ReleaseTraffic | undefined

  constructor(context: HuntContext) {
    this.#context = context
    this.#random = context.random
    const services = { web: { ...WEB, instances: { min: INSTANCES }, startTimeout: '8s' } }
    this.#on = openStage({ ...shop(), ...blueprint({ services }), 'server.js': textOf(this.#sources) })
  }

  get isSound(): boolean {
    return this.#defects.length < DEFECTS_MAX
  }

  outcome(): HuntOutcome {
    return { figures: this.#figures, defects: this.#defects }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#traffic?.stop()
    await this.#on.close()
  }

  /** From a start until `down`. */
  async liveOnce(): Promise<void> {
    await this.#start(this.#expectedAfterStart())
    const traffic = startReleaseTraffic((await snapshotOf(this.#on))!.gateway.url!)
    this.#traffic = traffic
    for (let count = 0; count < OPERATIONS_PER_LIFE && !this.#context.signal.aborted && this.isSound; count++) {
      const before = this.#current
      traffic.seen()
      const what = await this.#operate()
      this.#figures.operations += 1
      await this.#check(what, before)
      this.#context.log(`  ${what}: ${this.#current.name} runs, ${JSON.stringify(this.#figures)}`)
    }
    await traffic.stop()
    this.#figures.requests += traffic.requests
    const { code, err } = await this.#on.end(['down'])
    if (code !== 0) this.#found('down', `it ended with ${code}: ${err}`)
    for (const process of this.#on.leftovers()) this.#found('down', `leaked: ${process}`)
  }

  async #operate(): Promise<string> {
    const kind = this.#random.pick([
      'release',
      'release',
      'release',
      'release',
      'rollback',
      'scale',
      'kill',
      'death',
    ] as const)
    if (kind === 'scale') {
      const { code, err } = await this.#on.end(['scale', 'web', String(2 + this.#random.integer(3))])
      if (code !== 0) this.#found('scale', err)
    } else if (kind === 'kill') await this.#killInstance()
    else if (kind === 'death') await this.#dieAndStart('death')
    else return this.#change(kind)
    return kind
  }

  /** A release or a rollback, with or without trouble on the way. */
  async #change(kind: 'release' | 'rollback'): Promise<string> {
    const random = this.#random
    if (kind === 'release' && random.next() < 0.8) this.#edit()
    const isEndless = kind === 'release' && random.next() < 0.3
    const args = kind === 'release' ? releaseArguments(random, isEndless) : ['rollback']
    const trouble = isEndless
      ? random.pick(['death', 'rollback'] as const)
      : random.pick(['none', 'none', 'kill', 'death', 'rollback'] as const)
    const what = `${this.#sources.nature} ${args.join(' ')}, ${trouble}`
    const before = this.#current
    const command = this.#on.tenfold(args)
    let isOver = false
    void command.ended.then(() => (isOver = true))
    if (isEndless && this.#sources.nature === 'good' && this.#sources !== before) {
      await Promise.race([
        command.ended,
        eventually('the trial', () => /canary|is watched/.test(command.out() + command.err()), 60_000),
      ])
    }
    if (trouble !== 'none') await sleep(systemClock, random.integer(3_000))
    if (trouble === 'kill') await this.#killInstance()
    else if (trouble === 'rollback' && kind === 'release') await this.#on.end(['rollback'])
    else if (trouble === 'death') {
      const hadEnded = isOver
      await this.#dieAndStart(what)
      await command.ended
      if (isEndless && !hadEnded && this.#current !== before) this.#found(what, 'what was on trial has been sent out')
      return what
    }
    await this.#judge(what, await command.ended, { kind, trouble, before })
    return what
  }

  async #judge(
    what: string,
    { code, err }: Ended,
    { kind, trouble, before }: { kind: 'release' | 'rollback'; trouble: string; before: Sources },
  ): Promise<void> {
    this.#current = this.#recorded() ?? before
    if (kind === 'rollback') {
      if (code === 0) this.#figures.back += 1
      else if (!err.includes('TF_RELEASE_UNKNOWN')) this.#found(what, err)
    } else if (code === 0) {
      this.#figures.released += 1
      if (trouble !== 'rollback' && this.#current !== this.#sources) this.#found(what, 'it said yes, and is not out')
    } else {
      this.#figures.back += 1
      const mayFail = this.#sources.nature !== 'good' || trouble !== 'none'
      if (!mayFail || !err.includes('TF_ROLLOUT_FAILED')) this.#found(what, err)
    }
  }

  #edit(): void {
    const nature = this.#random.pick(['good', 'good', 'good', 'crashes', 'hangs'] as const)
    this.#write({ name: `r${++this.#edits}`, nature })
  }

  #write(sources: Sources): void {
    this.#sources = sources
    this.#on.write({ 'server.js': textOf(sources) })
  }

  async #killInstance(): Promise<void> {
    const { instances } = (await this.#service())!
    const ready = instances.filter(({ state, pid }) => state === 'ready' && pid !== undefined)
    // What else serves has to be able to repeat what it had under way.
    if (ready.length < 2) return
    this.#figures.kills += 1
    const { pid } = this.#random.pick(ready)
    kill(pid!)
    // The next one to be killed must not be the one that repeats what this one had under way.
    const isSeen = async (): Promise<boolean> =>
      (await this.#service())?.instances.every((each) => each.pid !== pid) === true
    await eventually('the death to be seen', isSeen)
  }

  async #dieAndStart(what: string): Promise<void> {
    kill((await snapshotOf(this.#on))!.pid)
    await eventually('the control plane to be gone', async () => (await snapshotOf(this.#on)) === undefined)
    this.#figures.deaths += 1
    // What has never been released is taken by a start as it is: nothing would start then.
    const isKnown = this.#entries().some(({ release }) => this.#known.get(release) === this.#sources)
    if (!isKnown && this.#sources.nature !== 'good') this.#write(this.#current)
    const expected = this.#expectedAfterStart()
    if (expected !== this.#sources) this.#figures.held += 1
    await this.#start(expected)
    this.#context.log(`  ${what}: ${expected.name} is to run`)
  }

  /** By the documentation: the sources, unless that release was rolled back or cut short. */
  #expectedAfterStart(): Sources {
    const last = this.#entries().find(({ release }) => this.#known.get(release) === this.#sources)
    const isOut = last === undefined || last.state === 'released'
    return isOut ? this.#sources : (this.#recorded() ?? this.#sources)
  }

  async #start(expected: Sources): Promise<void> {
    const { code, err } = await this.#on.end(['up', '--port', '0', '--detach'])
    if (code !== 0) throw new Error(`expected a start, got ${err}\n${this.#defects.join('\n')}`)
    this.#current = expected
    const { release } = (await this.#service())!
    if (!this.#known.has(release!)) this.#known.set(release!, expected)
    if (this.#known.get(release!) !== expected)
      this.#found('start', `expected ${expected.name}, got ${this.#known.get(release!)?.name}`)
  }

  /** After an operation: only what may answer has, all desired instances run one release, and nothing else runs. */
  async #check(what: string, before: Sources): Promise<void> {
    const traffic = this.#traffic!
    const isSettled = async (): Promise<boolean> => {
      const service = await this.#service()
      return (
        service !== undefined &&
        service.instances.length === service.desired &&
        service.instances.every(({ state, release }) => state === 'ready' && release === undefined)
      )
    }
    await eventually(`peace after ${what}`, isSettled, 60_000).catch(async (error: unknown) =>
      this.#found(what, `${String(error)}: ${JSON.stringify(await this.#service())}`),
    )
    const failed = traffic.failed()
    this.#figures.failed += failed.length
    for (const failure of failed.slice(0, 3)) this.#found(what, failure)
    const may = new Set([
      before.name,
      this.#current.name,
      ...(this.#sources.nature === 'good' ? [this.#sources.name] : []),
    ])
    for (const name of traffic.seen())
      if (!may.has(name)) this.#found(what, `${name} answered, not one of ${[...may].join()}`)
    const answer = await fetch(traffic.url).then(async (response) => (await response.json()) as { release: string })
    if (answer.release !== this.#current.name) this.#found(what, `${answer.release} runs, not ${this.#current.name}`)
    const service = (await this.#service())!
    const parts = this.#running()
    if (parts.length !== service.desired + 1)
      this.#found(what, `expected ${service.desired} instances, got ${parts.join()}`)
  }

  #found(what: string, defect: string): void {
    this.#defects.push(`${what}: ${defect}`)
    this.#context.log(`  FOUND ${what}: ${defect}`)
  }

  /** What the history says that runs. */
  #recorded(): Sources | undefined {
    const entries = this.#entries()
    const current = entries.find(({ state }) => state === 'released')
    return current === undefined ? undefined : this.#known.get(current.release)
  }

  /** The history as it is on the disk; an id that is new is that of the last sources. */
  #entries(): readonly ReleaseEntry[] {
    const entries = this.#historyOnDisk()
    for (const { release } of entries) if (!this.#known.has(release)) this.#known.set(release, this.#sources)
    return entries
  }

  #historyOnDisk(): readonly ReleaseEntry[] {
    try {
      const { services } = JSON.parse(readFileSync(join(this.#on.state(), 'releases.json'), 'utf8')) as {
        services: Readonly<Record<string, readonly ReleaseEntry[]>>
      }
      return services['web'] ?? []
    } catch {
      return []
    }
  }

  #running(): readonly string[] {
    const { children } = JSON.parse(readFileSync(join(this.#on.state(), 'processes.json'), 'utf8')) as {
      children: RecordedChild[]
    }
    return children.filter(isRunning).map(({ name }) => name)
  }

  async #service(): Promise<ServiceStatus | undefined> {
    return (await snapshotOf(this.#on))?.services['web']
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself meanwhile.
  }
}
