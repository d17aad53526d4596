/** How far a group is on one partition at one moment. */
export interface PartitionReading {
  readonly topic: string
  readonly group: string
  readonly partition: number
  /** Events that are not finished. */
  readonly unread: number
  /** Counting stopped: there are more. */
  readonly isMore: boolean
  /** Age of the oldest of them; undefined: there are none. */
  readonly oldestAgeMs: number | undefined
  /** Events that were ever finished: differences are rates. */
  readonly done: bigint
  /** Which member has the partition; undefined: nobody. */
  readonly owner: string | undefined
  /** Events that were given up and are kept. */
  readonly deadLetters: number
}

/** A topic at one moment. */
export interface TopicReading {
  readonly topic: string
  readonly partitions: number
  /** Events that were published since some moment in the past: differences are rates. */
  readonly published: bigint
}

/** All groups of a log at one moment. */
export interface LagReading {
  /** Monotonic, of whoever has read it. */
  readonly atMs: number
  readonly topics: readonly TopicReading[]
  /** Of each group on each topic. */
  readonly partitions: readonly PartitionReading[]
}

/** Reads how far the groups of a log are; each engine has one. */
export interface LagReader {
  /**
   * To be called about once a second, and not while a call is under way. What it costs depends on how much happens, not on
   * how much waits.
   */
  read(): Promise<LagReading>
}

/** How far a group is behind on a topic, or on one partition of it. */
export interface Lag {
  readonly messages: number
  /** There are more than `messages`. */
  readonly isMore: boolean
  /** Age of the oldest event that is not finished, ms; 0: there is none. */
  readonly oldestAgeMs: number
  /** Undefined without an earlier reading. */
  readonly rates: LagRates | undefined
  readonly deadLetters: number
}

export interface LagRates {
  readonly finishedPerSecond: number
  /** Exact where lags were counted to their end. */
  readonly publishedPerSecond: number
  /** How long the group needs for what it has before it at this rate, ms; Infinity: it stands still. */
  readonly drainMs: number
}

/** A group on a topic. */
export interface GroupLag extends Lag {
  readonly topic: string
  readonly group: string
  /** Members that have a partition. */
  readonly members: number
  readonly partitions: readonly (Lag & { readonly partition: number; readonly owner: string | undefined })[]
}

/**
 * What two readings say about each group: the lag of the second, and rates between both. Pure.
 *
 * @example lagBetween(undefined, reading)[0].messages // 120
 */
export function lagBetween(before: LagReading | undefined, now: LagReading): readonly GroupLag[] {
  const earlier = new Map(before?.partitions.map((reading) => [nameOf(reading), reading]))
  const seconds = before === undefined ? 0 : (now.atMs - before.atMs) / 1_000
  const groups = Map.groupBy(now.partitions, ({ topic, group }) => `${topic}/${group}`)
  return [...groups.values()].map((readings) => {
    const partitions = readings.map((reading) => ({
      partition: reading.partition,
      owner: reading.owner,
      ...lagOf([reading], earlier, seconds),
    }))
    const { topic, group } = readings[0] as PartitionReading
    const members = new Set(readings.map(({ owner }) => owner).filter((owner) => owner !== undefined)).size
    return { topic, group, members, partitions, ...lagOf(readings, earlier, seconds) }
  })
}

/**
 * The lag of one group on a topic that is in several logs at once, since it moves. Letters are the same in each. Pure.
 *
 * @param lags at least one
 */
export function joinLags(lags: readonly GroupLag[]): GroupLag {
  const [first] = lags as readonly [GroupLag]
  if (lags.length === 1) return first
  const places = Map.groupBy(
    lags.flatMap((lag) => lag.partitions),
    ({ partition }) => partition,
  )
  return {
    topic: first.topic,
    group: first.group,
    members: Math.max(...lags.map(({ members }) => members)),
    partitions: [...places].map(([partition, parts]) => ({
      partition,
      owner: parts.find(({ owner }) => owner !== undefined)?.owner,
      ...joined(parts),
    })),
    ...joined(lags),
  }
}

function joined(lags: readonly Lag[]): Lag {
  const messages = sum(lags, (lag) => lag.messages)
  const rates = lags.map((lag) => lag.rates).filter((each) => each !== undefined)
  const finishedPerSecond = sum(rates, (each) => each.finishedPerSecond)
  const drainMs = messages === 0 ? 0 : (messages / finishedPerSecond) * 1_000
  return {
    messages,
    isMore: lags.some(({ isMore }) => isMore),
    oldestAgeMs: Math.max(...lags.map(({ oldestAgeMs }) => oldestAgeMs)),
    rates:
      rates.length < lags.length
        ? undefined
        : { finishedPerSecond, publishedPerSecond: sum(rates, (each) => each.publishedPerSecond), drainMs },
    deadLetters: Math.max(...lags.map(({ deadLetters }) => deadLetters)),
  }
}

function lagOf(
  readings: readonly PartitionReading[],
  earlier: ReadonlyMap<string, PartitionReading>,
  seconds: number,
): Lag {
  const messages = sum(readings, ({ unread }) => unread)
  const olds = readings.map((reading) => earlier.get(nameOf(reading)))
  let rates: LagRates | undefined
  if (seconds > 0 && olds.every((old) => old !== undefined)) {
    // A group that was moved back has not finished less.
    const finished = Math.max(0, sum(readings, ({ done }) => Number(done)) - sum(olds, ({ done }) => Number(done)))
    const published = Math.max(0, finished + messages - sum(olds, ({ unread }) => unread))
    const finishedPerSecond = finished / seconds
    const drainMs = messages === 0 ? 0 : (messages / finishedPerSecond) * 1_000
    rates = { finishedPerSecond, publishedPerSecond: published / seconds, drainMs }
  }
  return {
    messages,
    isMore: readings.some(({ isMore }) => isMore),
    oldestAgeMs: Math.max(0, ...readings.map(({ oldestAgeMs = 0 }) => oldestAgeMs)),
    rates,
    deadLetters: sum(readings, ({ deadLetters }) => deadLetters),
  }
}

function nameOf({ topic, group, partition }: PartitionReading): string {
  return `${topic}/${group}/${partition}`
}

function sum<Item>(items: readonly Item[], valueOf: (item: Item) => number): number {
  return items.reduce((total, item) => total + valueOf(item), 0)
}
