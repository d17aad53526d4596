import { TenfoldError } from '../core/errors.ts'
import type { Secrets } from '../fleet/secrets.ts'

/** What is elsewhere, and the variable with its address. */
interface Elsewhere {
  readonly kind: 'kafka' | 'rabbitmq'
  readonly urlVariable: string
}

/** Where engines elsewhere are. An address is left out of what services write, as a secret is. */
export interface EngineUrls {
  /** Reads it as it is now. @throws TF_SECRET_MISSING, TF_SECRETS_FILE_UNUSABLE */
  read(engine: Elsewhere): Promise<string>
  /** As it was read last; undefined: it never was, so nothing has been set up there. */
  known(engine: Elsewhere): string | undefined
}

/** @param secrets the environment of `tenfold`, and the file of secrets, which can be changed while the system runs */
export function createEngineUrls(secrets: Pick<Secrets, 'read' | 'keepHidden'>): EngineUrls {
  const urls = new Map<string, string>()
  return {
    async read({ kind, urlVariable }) {
      const url = (await secrets.read())[urlVariable]
      if (url === undefined || url === '') throw missing(kind, urlVariable)
      secrets.keepHidden([url])
      urls.set(urlVariable, url)
      return url
    },
    known: ({ urlVariable }) => urls.get(urlVariable),
  }
}

const EXAMPLES = { kafka: 'kafka://host:9092', rabbitmq: 'amqp://user:password@host/vhost' } as const

function missing(kind: Elsewhere['kind'], variable: string): TenfoldError {
  return new TenfoldError('TF_SECRET_MISSING', `expected ${variable} to hold the URL of ${kind}, got nothing`, {
    hint: `put ${variable}=${EXAMPLES[kind]} into the file of secrets of the blueprint, or export it before "tenfold up"`,
    details: { variable },
  })
}
