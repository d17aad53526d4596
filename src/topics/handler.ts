/** An event as a handler gets it. */
export interface ReceivedEvent<Event> {
  /** What was published, as the schema of the topic gives it. */
  readonly value: Event
  /** The text of it in the log. */
  readonly payload: string
  /** The same at each delivery of the same event: what makes effects elsewhere safe to repeat. */
  readonly messageId: string
  readonly key: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly partition: number
  /** Its number in the log, for people. */
  readonly id: string
  /** When it was published, by the clock of the log. */
  readonly publishedEpochMs: number
  /** Which try this is in this process, from 1. */
  readonly attempt: number
}

/** What a handler has beside the event. */
export interface HandlerContext<Transaction> {
  /**
   * What is written with it happens once for each event, however often that is delivered; whatever else the handler does
   * may happen again. Undefined unless the consumer names a database for its `effects`.
   */
  readonly transaction: Transaction
  /** Aborted when another member may have the partition: what is not committed yet will not be. */
  readonly signal: AbortSignal
}

/** What to do with events; what it throws is a try that has failed. */
export type Handler<Event, Transaction> =
  | {
      /**
       * One event at a time of each key, in order; many keys side by side.
       */
      readonly each: (event: ReceivedEvent<Event>, context: HandlerContext<Transaction>) => Promise<void>
    }
  | {
      /**
       * Many events of one partition at once, in order, one batch after the other: all of them, or none. A batch that
       * fails is done again event by event, so that one bad event is found.
       */
      readonly batch: (events: readonly ReceivedEvent<Event>[], context: HandlerContext<Transaction>) => Promise<void>
    }

/** A database whose transactions have the effects of a handler. */
export interface EffectsDatabase<Transaction> {
  transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result>
}
