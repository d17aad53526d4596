import { TenfoldError } from '../../core/errors.ts'

/** Where a Kafka cluster is, and who we are to it. */
export interface KafkaAddress {
  /** Some of its brokers, as `host:port`; the others are found through them. */
  readonly brokers: readonly string[]
  readonly isEncrypted: boolean
  readonly login: KafkaLogin | undefined
}

export interface KafkaLogin {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  readonly username: string
  readonly password: string
}

const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
const SHAPE = /^(kafkas?):\/\/(?:([^:@/]+):([^@/]*)@)?([^/?]+)\/?(?:\?mechanism=([^&]+))?$/

/**
 * Reads an address. `kafkas` is Kafka over TLS, whose certificate is verified; several brokers are separated by commas.
 *
 * @throws TF_OPTION_INVALID
 *
 * @example parseKafkaUrl('kafkas://me:secret@one:9093,two:9093?mechanism=SCRAM-SHA-256')
 */
export function parseKafkaUrl(url: string): KafkaAddress {
  const [, scheme, username, password, hosts = '', mechanism = 'SCRAM-SHA-512'] = SHAPE.exec(url) ?? []
  const brokers = hosts.split(',').map((host) => (host.includes(':') ? host : `${host}:9092`))
  const known = MECHANISMS.find((name) => name === mechanism.toUpperCase())
  if (scheme === undefined || known === undefined || brokers.some((broker) => !/^[^:\s]+:\d+$/.test(broker))) {
    // Never the address itself: it may hold a password.
    throw new TenfoldError(
      'TF_OPTION_INVALID',
      'expected the url of Kafka to be kafka://host:port, got something else',
      {
        hint: `give it as kafka://host:port,host:port or kafkas://user:password@host:port?mechanism=${MECHANISMS.join('|')}`,
      },
    )
  }
  const login =
    username === undefined
      ? undefined
      : {
          mechanism: known,
          username: decodeURIComponent(username),
          password: decodeURIComponent(password ?? ''),
        }
  return { brokers, isEncrypted: scheme === 'kafkas', login }
}
