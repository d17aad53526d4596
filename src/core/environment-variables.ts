/** One variable of the environment, as `docs/reference/environment.md` describes it. */
export interface EnvironmentVariable {
  readonly name: string
  /** What happens without it. */
  readonly byDefault?: string
  readonly meaning: string
  readonly example: string
}

/** What you may set where you start `tenfold`. */
export const READ_VARIABLES: readonly EnvironmentVariable[] = [
  {
    name: 'TENFOLD_METRICS_PORT',
    byDefault: '9464, or the next free one',
    meaning: 'Port of the page for Prometheus, on 127.0.0.1; `off` serves nothing, 0 takes a free one.',
    example: 'TENFOLD_METRICS_PORT=9500',
  },
  {
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    byDefault: 'nothing is sent',
    meaning: 'Base URL of an OpenTelemetry collector that takes traces as OTLP/HTTP JSON.',
    example: 'OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318',
  },
  {
    name: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    byDefault: '`/v1/traces` below the one above',
    meaning: 'The whole URL for traces, as it is. The following three have such a form as well.',
    example: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://collector.example/v1/traces',
  },
  {
    name: 'OTEL_EXPORTER_OTLP_HEADERS',
    byDefault: 'none',
    meaning: 'Headers for the collector, values as in a URL.',
    example: 'OTEL_EXPORTER_OTLP_HEADERS=api-key=k123',
  },
  {
    name: 'OTEL_EXPORTER_OTLP_TIMEOUT',
    byDefault: '10000',
    meaning: 'Milliseconds for one request to the collector, 60000 at most.',
    example: 'OTEL_EXPORTER_OTLP_TIMEOUT=2000',
  },
  {
    name: 'OTEL_EXPORTER_OTLP_PROTOCOL',
    byDefault: '`http/json`',
    meaning: 'JSON over HTTP is spoken whatever it says, but `grpc` sends nothing, with a notice.',
    example: 'OTEL_EXPORTER_OTLP_PROTOCOL=http/json',
  },
  {
    name: 'OTEL_RESOURCE_ATTRIBUTES',
    byDefault: 'only `service.namespace`, the name of the system',
    meaning: 'What is said of every span that is sent.',
    example: 'OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=staging',
  },
  {
    name: 'OTEL_TRACES_EXPORTER',
    byDefault: '`otlp`',
    meaning: '`none` sends nothing; so does `OTEL_SDK_DISABLED=true`.',
    example: 'OTEL_TRACES_EXPORTER=none',
  },
  {
    name: 'AWS_ACCESS_KEY_ID',
    byDefault: 'what `secrets` of the blueprint says',
    meaning:
      'With `AWS_SECRET_ACCESS_KEY`, and `AWS_SESSION_TOKEN` where keys are lent: the keys of a bucket of backups.',
    example: 'AWS_ACCESS_KEY_ID=AKIA…',
  },
  {
    name: 'AWS_REGION',
    byDefault: '`us-east-1`',
    meaning: 'Region of a bucket that is named on the command line; `AWS_DEFAULT_REGION` is read as well.',
    example: 'AWS_REGION=eu-central-1',
  },
  {
    name: 'AWS_ENDPOINT_URL',
    byDefault: "Amazon's, for the region",
    meaning: 'Base URL of the store of such a bucket; `AWS_ENDPOINT_URL_S3` comes before it.',
    example: 'AWS_ENDPOINT_URL=https://s3.example.com',
  },
  {
    name: 'XDG_RUNTIME_DIR',
    byDefault: 'a directory of our own in the directory for temporary files',
    meaning: 'Where sockets are, if only you can enter it.',
    example: 'XDG_RUNTIME_DIR=/run/user/1000',
  },
  {
    name: 'TMPDIR',
    byDefault: '`/tmp`',
    meaning: 'The directory for temporary files.',
    example: 'TMPDIR=/var/tmp',
  },
  {
    name: 'NO_COLOR',
    byDefault: 'colours in a terminal',
    meaning: 'No colours, if it is set to anything. `FORCE_COLOR=1` asks for them where there is no terminal.',
    example: 'NO_COLOR=1',
  },
]

/** What an instance finds in its environment, and a program of `tenfold run` but for `PORT` and `HOST`. */
export const INSTANCE_VARIABLES: readonly EnvironmentVariable[] = [
  { name: 'PORT', meaning: 'Where to listen: each instance has a port of its own.', example: 'PORT=41873' },
  { name: 'HOST', meaning: 'The address to listen on.', example: 'HOST=127.0.0.1' },
  { name: 'TENFOLD_SERVICE', meaning: 'The name of the service.', example: 'TENFOLD_SERVICE=api' },
  {
    name: 'TENFOLD_INSTANCE',
    meaning: 'The id of the instance. A restarted instance has the id of the one before it.',
    example: 'TENFOLD_INSTANCE=api-2',
  },
  {
    name: 'TENFOLD_ZONE',
    meaning: 'The zone of the instance, where `instances.zones` has some.',
    example: 'TENFOLD_ZONE=b',
  },
  {
    name: 'TENFOLD_URL_<SERVICE>',
    meaning: 'Base URL of each service in `calls`; the name in upper case, `-` as `_`.',
    example: 'TENFOLD_URL_PRICE_LIST=http://127.0.0.1:36111/price-list',
  },
  {
    name: 'TENFOLD_DATABASE_<NAME>',
    meaning:
      'URL of the primary of each database that the service lists; the name in upper case, `-` as `_`. It stays the same ' +
      'when another node takes over.',
    example: 'TENFOLD_DATABASE_ORDERS=postgres://service.api:…@127.0.0.1:40123/orders',
  },
  {
    name: 'TENFOLD_BINDINGS',
    meaning:
      'File with the addresses of what the service lists, for `bind()`; only the account of the instance reads it.',
    example: 'TENFOLD_BINDINGS=/home/me/shop/.tenfold/shop/bindings/api.json',
  },
  {
    name: 'TENFOLD_BLUEPRINT',
    meaning: 'The blueprint in the release that the instance runs, from which `bind()` takes the schemas of events.',
    example: 'TENFOLD_BLUEPRINT=/home/me/shop/.tenfold/shop/releases/4f0e1c…/tenfold.config.ts',
  },
  {
    name: 'NODE_ENV',
    meaning: '`production`, unless `env` of the service says something else.',
    example: 'NODE_ENV=production',
  },
  {
    name: 'NODE_OPTIONS',
    meaning: "Loads a module of ours into Node.js programs. `NODE_OPTIONS: ''` in `env` goes without it.",
    example: 'NODE_OPTIONS=--import=file:///…/preload.js',
  },
  {
    name: 'PATH',
    meaning: 'That of `tenfold`, with the directory of its Node.js in front.',
    example: 'PATH=/opt/node/bin:/usr/bin:/bin',
  },
  { name: 'HOME', meaning: 'A directory that the instance can write to.', example: 'HOME=/tmp' },
  {
    name: 'LANG',
    meaning:
      '`C.UTF-8`, unless it is set for `tenfold`; `LC_ALL`, `TZ`, `NODE_EXTRA_CA_CERTS`, `SSL_CERT_FILE` and ' +
      '`SSL_CERT_DIR` are passed on as well. Nothing else is.',
    example: 'LANG=C.UTF-8',
  },
]

/** What our own processes tell each other; it may change with any version. */
export const INTERNAL_VARIABLES: readonly string[] = [
  'TENFOLD_CHILD',
  'TENFOLD_GATEWAY',
  'TENFOLD_LISTENS_ON',
  'TENFOLD_RUN',
  'TENFOLD_SEED_DATABASE',
  'TENFOLD_SEED_IS_SHARD',
  'TENFOLD_SEED_KEY',
  'TENFOLD_SEED_MODULE',
  'TENFOLD_SEED_URL',
  'TENFOLD_TELEMETRY',
  'TENFOLD_TELEMETRY_TOKEN',
]
