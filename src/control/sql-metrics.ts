/** What instances report of their databases; part of `METRICS`. */
export const SQL_METRICS = {
  'db.client.connection.use_time': {
    kind: 'histogram',
    unit: 'us',
    labels: ['service', 'instance', 'database'],
    meaning: 'How long a transaction or statement of an instance kept a connection of its pool.',
  },
  'db.client.connection.wait_time': {
    kind: 'histogram',
    unit: 'us',
    labels: ['service', 'instance', 'database'],
    meaning: 'How long callers waited that found every connection of the pool busy, also those who gave up.',
  },
  'tenfold.shards.key_share_max': {
    kind: 'gauge',
    unit: '1',
    labels: ['service', 'instance', 'database', 'shard'],
    meaning: 'What one key has, at least, of 500 or more that went to a shard: above 0.1 moving buckets helps little.',
  },
  'tenfold.shards.routed': {
    kind: 'counter',
    unit: '{statement}',
    labels: ['service', 'instance', 'database', 'shard'],
    meaning: 'Statements and transactions of keys that went to a shard.',
  },
  'tenfold.sql.lane.duration': {
    kind: 'histogram',
    unit: 'us',
    labels: ['service', 'instance', 'database'],
    meaning: 'From sending a short read on a shared connection to its answer, those before it included.',
  },
  'tenfold.sql.lane.handed_on': {
    kind: 'counter',
    unit: '{statement}',
    labels: ['service', 'instance', 'database'],
    meaning: 'Statements that left a shared connection for one of their own: they took long, wrote, or it was lost.',
  },
} as const
