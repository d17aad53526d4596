import type { Random } from '../core/random.ts'
import { seededRandom } from '../core/random.ts'
import { messageOf } from '../core/errors.ts'
import type { Failure } from './failure.ts'
import { rowCount, valueAt } from './feed.ts'
import type { CompiledScenario, CompiledStep } from './scenario.ts'
import type { Answer } from './step-judge.ts'

/** One user on the way through a scenario. */
export interface Session {
  /** The step that is due, or whose answer is awaited. */
  readonly step: CompiledStep
  /** The bytes of the step's request, or why it can't be sent. */
  request(): Buffer | string | Failure
  /** Judges the answer and keeps what it extracts. */
  judge(answer: Answer): Failure | undefined
  /**
   * Goes on to the next step.
   *
   * @returns the pause before it in milliseconds, or undefined where the session has ended
   */
  advance(): number | undefined
}

/** Starts sessions: which scenario a session follows and which rows it takes depend on seed and index alone. */
export interface Sessions {
  /** @param index number of the arrival, counted over all workers */
  start(index: number): Session
}

/** Sessions over scenarios, each as often as its weight. */
export function createSessions(scenarios: readonly CompiledScenario[], seed: number): Sessions {
  const [first] = scenarios
  if (scenarios.length === 1 && first?.isStateless === true) {
    const shared = new StatelessSession(first.steps[0] as CompiledStep)
    return { start: () => shared }
  }
  const total = scenarios.reduce((sum, scenario) => sum + scenario.weight, 0)
  return {
    start(index) {
      const random = seededRandom(mix(seed, index))
      let rest = scenarios.length === 1 ? 0 : random.next() * total
      const scenario = scenarios.find((each) => (rest -= each.weight) < 0) ?? (scenarios.at(-1) as CompiledScenario)
      return new StatefulSession(scenario, index, random)
    },
  }
}

/** A single request that is always the same: one object serves all users. */
class StatelessSession implements Session {
  readonly step: CompiledStep
  readonly #request: Buffer

  constructor(step: CompiledStep) {
    this.step = step
    this.#request = step.request.constant as Buffer
  }

  request(): Buffer {
    return this.#request
  }

  judge(answer: Answer): Failure | undefined {
    return this.step.judge.judge(answer, [], noRandom)
  }

  advance(): undefined {
    return undefined
  }
}

class StatefulSession implements Session {
  step: CompiledStep
  readonly #scenario: CompiledScenario
  readonly #values: unknown[]
  readonly #random: () => Random
  #at = 0

  constructor(scenario: CompiledScenario, index: number, random: Random) {
    this.#scenario = scenario
    this.#random = () => random
    this.step = scenario.steps[0] as CompiledStep
    this.#values = Array.from({ length: scenario.slots.length })
    const rows = scenario.feeds.map((feed) => {
      const count = rowCount(feed)
      return feed.pick === 'sequential' ? index % count : random.integer(count)
    })
    for (const { slot, feed, column } of scenario.columns) {
      this.#values[slot] = valueAt(
        scenario.feeds[feed] as (typeof scenario.feeds)[number],
        rows[feed] as number,
        column,
      )
    }
  }

  request(): Buffer | string | Failure {
    const { request } = this.step
    if (request.constant !== undefined) return request.constant
    for (const { slot, name } of request.needs) {
      if (this.#values[slot] === undefined) return { kind: 'template', problem: `expected a value for {{${name}}}` }
    }
    try {
      return request.render(this.#values, () => ({ values: this.#namedValues(), random: this.#random() }))
    } catch (error) {
      return { kind: 'template', problem: `expected the step's code to make a request, got: ${messageOf(error)}` }
    }
  }

  judge(answer: Answer): Failure | undefined {
    return this.step.judge.judge(answer, this.#values, this.#random)
  }

  advance(): number | undefined {
    const thinkMs = this.step.thinkMs(this.#random)
    const next = this.#scenario.steps[++this.#at]
    if (next === undefined) return undefined
    this.step = next
    return thinkMs
  }

  #namedValues(): Record<string, unknown> {
    return Object.fromEntries(this.#scenario.slots.map((name, slot) => [name, this.#values[slot]]))
  }
}

/** Seeds of neighbouring sessions must not resemble each other. */
function mix(seed: number, index: number): number {
  return (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + Math.imul(index + 1, 0xc2b2ae35)) >>> 0
}

function noRandom(): Random {
  throw new Error('expected a session without state to need no random numbers')
}
