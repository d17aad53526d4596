import type {
  RequestMatch,
  ResolvedAdaptive,
  ResolvedBalance,
  ResolvedRequestKey,
  ResolvedEjection,
  ResolvedProbe,
  ResolvedRate,
  ResolvedShed,
  ResolvedTraffic,
} from '../blueprint/resolved-traffic.ts'
import { IN_FLIGHT_MAX, QUEUE_LENGTH_MAX } from '../blueprint/resolved-traffic.ts'
import { invalid, number, record, text } from './json-checks.ts'

const DAY_MS = 86_400_000

/**
 * How the requests of a service are treated, as it came over the admin socket.
 *
 * @throws TF_INPUT_INVALID with the path of what is wrong
 */
export function parseTraffic(value: unknown, path: string): ResolvedTraffic {
  const traffic = record(value, path)
  const inFlight = record(traffic['inFlight'], `${path}.inFlight`)
  const hard = number(inFlight['hard'], `${path}.inFlight.hard`, 1, IN_FLIGHT_MAX)
  const queue = record(traffic['queue'], `${path}.queue`)
  return {
    balance: parseBalance(traffic['balance'], `${path}.balance`),
    slowStartMs: number(traffic['slowStartMs'], `${path}.slowStartMs`, 0, DAY_MS),
    inFlight: { soft: number(inFlight['soft'], `${path}.inFlight.soft`, 1, hard), hard },
    queue: {
      length: number(queue['length'], `${path}.queue.length`, 0, QUEUE_LENGTH_MAX),
      timeoutMs:
        queue['timeoutMs'] === undefined ? undefined : number(queue['timeoutMs'], `${path}.queue.timeoutMs`, 1, DAY_MS),
    },
    probe: traffic['probe'] === undefined ? undefined : parseProbe(traffic['probe'], `${path}.probe`),
    ejection: traffic['ejection'] === undefined ? undefined : parseEjection(traffic['ejection'], `${path}.ejection`),
    panicBelow: number(traffic['panicBelow'], `${path}.panicBelow`, 0, 1),
    rate: traffic['rate'] === undefined ? undefined : parseRate(traffic['rate'], `${path}.rate`),
    adaptive:
      traffic['adaptive'] === undefined ? undefined : parseAdaptive(traffic['adaptive'], `${path}.adaptive`, hard),
    shed: traffic['shed'] === undefined ? undefined : parseShed(traffic['shed'], `${path}.shed`),
    bodyBytesMax:
      traffic['bodyBytesMax'] === undefined
        ? undefined
        : number(traffic['bodyBytesMax'], `${path}.bodyBytesMax`, 1, Number.MAX_SAFE_INTEGER),
  }
}

function parseAdaptive(value: unknown, path: string, hard: number): ResolvedAdaptive {
  return { start: number(record(value, path)['start'], `${path}.start`, 1, hard) }
}

function parseShed(value: unknown, path: string): ResolvedShed {
  const shed = record(value, path)
  const low = shed['low']
  if (!Array.isArray(low)) throw invalid(`${path}.low`, 'a list', low)
  return {
    header: text(shed['header'], `${path}.header`),
    low: low.map((each, at) => text(each, `${path}.low.${at}`)),
    share: number(shed['share'], `${path}.share`, 0, 1),
  }
}

function parseRate(value: unknown, path: string): ResolvedRate {
  const rate = record(value, path)
  return {
    requests: number(rate['requests'], `${path}.requests`, 1, 1_000_000),
    perMs: number(rate['perMs'], `${path}.perMs`, 1, DAY_MS),
    burst: number(rate['burst'], `${path}.burst`, 1, 1_000_000),
    key: parseKey(rate['key'], `${path}.key`),
  }
}

function parseProbe(value: unknown, path: string): ResolvedProbe {
  const probe = record(value, path)
  return {
    path: text(probe['path'], `${path}.path`),
    intervalMs: number(probe['intervalMs'], `${path}.intervalMs`, 1, DAY_MS),
    timeoutMs: number(probe['timeoutMs'], `${path}.timeoutMs`, 1, DAY_MS),
    failures: number(probe['failures'], `${path}.failures`, 1, 1_000),
    successes: number(probe['successes'], `${path}.successes`, 1, 1_000),
  }
}

function parseEjection(value: unknown, path: string): ResolvedEjection {
  const ejection = record(value, path)
  return {
    after: number(ejection['after'], `${path}.after`, 1, 1_000),
    forMs: number(ejection['forMs'], `${path}.forMs`, 1, DAY_MS),
    atMost: number(ejection['atMost'], `${path}.atMost`, 0, 1),
  }
}

function parseBalance(value: unknown, path: string): ResolvedBalance {
  const { by, key } = record(value, path)
  switch (by) {
    case 'peak-ewma':
    case 'least-requests':
    case 'round-robin':
      return { by }
    case 'ring-hash':
      return { by, key: parseKey(key, `${path}.key`) }
    default:
      throw invalid(`${path}.by`, 'the name of a balancer', by)
  }
}

/** @throws TF_INPUT_INVALID */
export function parseMatch(value: unknown, path: string): RequestMatch {
  const match = record(value, path)
  const key = parseKey(match['key'], `${path}.key`)
  if (key === 'client') throw invalid(`${path}.key`, 'a header or a cookie', key)
  return { key, value: text(match['value'], `${path}.value`) }
}

function parseKey(value: unknown, path: string): ResolvedRequestKey {
  if (value === 'client') return value
  const { header, cookie } = record(value, path)
  return header === undefined ? { cookie: text(cookie, `${path}.cookie`) } : { header: text(header, `${path}.header`) }
}
