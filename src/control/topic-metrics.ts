/** What is known of topics: a part of `METRICS`. The control plane reads lags; instances tell of their work. */
export const TOPIC_METRICS = {
  'messaging.client.consumed.messages': {
    kind: 'counter',
    unit: '{message}',
    labels: ['service', 'instance', 'topic'],
    meaning: 'Events that an instance has handled; one that is delivered again counts again.',
  },
  'messaging.client.sent.messages': {
    kind: 'counter',
    unit: '{message}',
    labels: ['service', 'instance', 'topic'],
    meaning: 'Events that an instance has published, also in transactions that were rolled back later.',
  },
  'messaging.process.duration': {
    kind: 'histogram',
    unit: 'us',
    labels: ['service', 'instance', 'topic', 'outcome'],
    meaning: 'A call of a handler, its transaction included; `outcome` is done or failed. A batch is one call.',
  },
  'tenfold.topic.busy.messages': {
    kind: 'counter',
    unit: '{message}',
    labels: ['service', 'instance', 'topic'],
    meaning: 'Events, or shares of them, that an instance has handled in `tenfold.topic.busy.time`.',
  },
  'tenfold.topic.busy.time': {
    kind: 'counter',
    unit: 's',
    labels: ['service', 'instance', 'topic'],
    meaning:
      'Time in which an instance had more to do than it could: events over this time are its capacity. Reported when calls end.',
  },
  'tenfold.topic.dead_letters': {
    kind: 'gauge',
    unit: '{message}',
    labels: ['topic', 'group'],
    mayHave: ['outbox'],
    meaning: 'Events that a group keeps because it could not handle them, up to 1,000 a partition.',
  },
  'tenfold.topic.finished': {
    kind: 'counter',
    unit: '{message}',
    labels: ['topic', 'group'],
    mayHave: ['outbox'],
    meaning: 'Events that a group has finished, those that it gave up included.',
  },
  'tenfold.topic.given_up': {
    kind: 'counter',
    unit: '{message}',
    labels: ['service', 'instance', 'topic'],
    meaning: 'Events that an instance gave up after the last try: dead letters, or skipped.',
  },
  'tenfold.topic.lag': {
    kind: 'gauge',
    unit: '{message}',
    labels: ['topic', 'group'],
    mayHave: ['outbox'],
    meaning:
      'Events that a group has not finished; at least so many where there are very many. With `outbox`, those that are not yet in the log: in the outbox of that database.',
  },
  'tenfold.topic.lag.age': {
    kind: 'gauge',
    unit: 's',
    labels: ['topic', 'group'],
    mayHave: ['outbox'],
    meaning: 'Age of the oldest event that a group has not finished; 0 when there is none.',
  },
  'tenfold.topic.lag.drain': {
    kind: 'gauge',
    unit: 's',
    labels: ['topic', 'group'],
    mayHave: ['outbox'],
    meaning: 'How long a group needs for its lag at its present rate; absent while it stands still before one.',
  },
  'tenfold.topic.members': {
    kind: 'gauge',
    unit: '{member}',
    labels: ['topic', 'group'],
    mayHave: ['outbox'],
    meaning: 'Members of a group that have a partition.',
  },
  'tenfold.topic.partition.lag': {
    kind: 'gauge',
    unit: '{message}',
    labels: ['topic', 'group', 'partition'],
    mayHave: ['outbox'],
    meaning: 'As `tenfold.topic.lag`, of one partition.',
  },
  'tenfold.topic.partition.lag.age': {
    kind: 'gauge',
    unit: 's',
    labels: ['topic', 'group', 'partition'],
    mayHave: ['outbox'],
    meaning: 'As `tenfold.topic.lag.age`, of one partition.',
  },
  'tenfold.topic.published': {
    kind: 'counter',
    unit: '{message}',
    labels: ['topic'],
    meaning: 'Events that were published to a topic, as far as they are committed.',
  },
  'tenfold.topic.retries': {
    kind: 'counter',
    unit: '{call}',
    labels: ['service', 'instance', 'topic'],
    meaning: 'Calls of a handler for an event that was tried before.',
  },
} as const
