/**
 * Who may import whom: a folder of `src/` to the folders it may import from. `'folder/file'` allows a single file.
 * Nobody imports upward; what would need it is a port wired by `runtime`. When the structure asks for something
 * better, change this table in the same commit and say why.
 */
export const LAYERS: Readonly<Record<string, readonly string[] | 'everything'>> = {
  core: [],
  blueprint: ['core'],
  doctor: ['core', 'blueprint', 'control', 'clusters'],
  init: ['core', 'blueprint'],
  objectives: ['core'],
  queueing: ['core'],
  backends: ['core'],
  sql: ['core', 'blueprint'],
  control: ['core', 'blueprint'],
  gateway: ['core', 'blueprint', 'objectives', 'control'],
  fleet: ['core', 'blueprint', 'objectives', 'control', 'service/bindings-document'],
  load: ['core', 'blueprint', 'objectives', 'control'],
  autoscaler: ['core', 'blueprint', 'control'],
  // A seed fills each shard with its rows.
  clusters: ['core', 'blueprint', 'sql', 'control', 'shards'],
  backups: ['core', 'blueprint', 'sql', 'control', 'clusters'],
  drills: ['core', 'blueprint', 'sql', 'control', 'load'],
  rehearsal: ['core', 'blueprint', 'objectives', 'control', 'load'],
  telemetry: ['core', 'blueprint', 'objectives', 'control', 'sql', 'topics/lag', 'queues/queue-lag'],
  shards: ['core', 'blueprint', 'sql'],
  topics: ['core', 'blueprint', 'sql', 'backends'],
  // What both need (wake-ups, retries, the inbox, the check of schemas) is with the topics, which came first.
  queues: ['core', 'blueprint', 'sql', 'topics', 'backends'],
  // Invalidations go through the log of topics, and with a transaction of the database that it is in.
  cache: ['core', 'blueprint', 'sql', 'topics', 'backends'],
  webhooks: ['core', 'topics'],
  service: ['core', 'blueprint', 'sql', 'control', 'shards', 'webhooks', 'topics', 'queues'],
  testing: ['core', 'blueprint', 'fleet/instance-host', 'fleet/release'],
  runtime: 'everything',
  cli: 'everything',
}
