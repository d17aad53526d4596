/** What all of them carry. */
export interface Message {
  /** When it was to be sent: a publisher that falls behind is part of the latency. */
  readonly sentEpochMs: number
  readonly note: string
}

/** Something that takes messages to those who handle them, here a topic or queue named `measured`. */
export interface Contender {
  readonly name: string
  /** Undefined where it can't run. */
  version(): Promise<string | undefined>
  /** What is missing then. */
  readonly absence: string
  /** @param url of a database that is all its own */
  open(url: string): Promise<ContenderSession>
}

/** What a consumer is set up for: one message after the other as soon as it is there, or many together. */
export type Aim = 'latency' | 'throughput'

export interface ContenderSession {
  /** Resolves when they are durable. */
  publish(messages: readonly Message[]): Promise<void>
  /** Handles what there is and what comes; the handler has nothing to wait for. Returns how to stop. */
  consume(aim: Aim, onMessage: (message: Message) => void): Promise<() => Promise<void>>
  end(): Promise<void>
}

/** A message of the usual length. */
export function messageOf(sentEpochMs: number): Message {
  return { sentEpochMs, note: 'x'.repeat(150) }
}
