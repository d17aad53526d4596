/** What the gateway reports, besides what the conventions have: a part of `METRICS`. */
export const GATEWAY_METRICS = {
  'tenfold.gateway.aborted': {
    kind: 'counter',
    unit: '{request}',
    labels: ['service'],
    meaning: 'Requests whose client left before the last byte of the answer.',
  },
  'tenfold.gateway.canary.duration': {
    kind: 'histogram',
    unit: 'us',
    labels: ['service', 'status_class'],
    meaning:
      'As http.server.request.duration, of what the canary of a release has answered; those requests are in both.',
  },
  'tenfold.gateway.certificate.expiry': {
    kind: 'gauge',
    unit: 's',
    labels: [],
    meaning: 'When the first certificate of the public listener ends, in seconds since 1970; there with TLS only.',
  },
  'tenfold.gateway.ejections': {
    kind: 'counter',
    unit: '{ejection}',
    labels: ['service', 'instance', 'reason'],
    meaning:
      'Times that an instance was left without requests; `reason` is consecutive_failures, success_rate or probe.',
  },
  'tenfold.gateway.instances.out': {
    kind: 'gauge',
    unit: '{instance}',
    labels: ['service'],
    meaning: 'Instances that the gateway holds to be unwell, by their answers or by its probes.',
  },
  'tenfold.gateway.limit': {
    kind: 'gauge',
    unit: '{request}',
    labels: ['service'],
    meaning: 'Requests that all instances of a service together get at a time, as `traffic.adaptive` has found out.',
  },
  'tenfold.gateway.panic': {
    kind: 'gauge',
    unit: '1',
    labels: ['service'],
    meaning: '1 while so many instances are unwell that all get requests again, else 0.',
  },
  'tenfold.gateway.queue.length': {
    kind: 'gauge',
    unit: '{request}',
    labels: ['service'],
    meaning: 'Requests that wait in the gateway for an instance.',
  },
  'tenfold.gateway.refused': {
    kind: 'counter',
    unit: '{request}',
    labels: ['reason'],
    meaning:
      'Requests that reached no service: `bad_request`, `too_many_headers`, `no_route`, `rate_limited`, `shed` or `body_too_large`.',
  },
  'tenfold.gateway.retries': {
    kind: 'counter',
    unit: '{attempt}',
    labels: ['service'],
    meaning: 'Attempts on a further instance after one had failed.',
  },
  'tenfold.gateway.retries.refused': {
    kind: 'counter',
    unit: '{attempt}',
    labels: ['service'],
    meaning: 'Attempts that would have been safe, but were not made: the retry budget of the service was spent.',
  },
  'tenfold.gateway.upstream.failures': {
    kind: 'counter',
    unit: '{attempt}',
    labels: ['service'],
    mayHave: ['instance'],
    meaning: 'Attempts that an instance refused, broke off or did not answer in time.',
  },
} as const
