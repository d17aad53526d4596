import { TenfoldError, messageOf } from '../core/errors.ts'
import { openSession } from '../sql/session.ts'
import type { Cluster, ClusterState } from './cluster-state.ts'

/** A server that somebody else runs. */
export interface ExternalServerOptions {
  name: string
  /** `postgres://user:password@host:port/database`; the user must own the database. */
  url: string
  onState?: (state: ClusterState) => void
}

/** Oldest major version that everything here works with. */
const MAJOR_MIN = 14

/**
 * A database on a server that already runs. `start` only looks whether it answers and is new enough; `stop` leaves it
 * alone. `adminUrl()` is the same as `url()`: we have no more rights than we were given.
 *
 * `start` rejects with TF_DATABASE_UNREACHABLE or TF_POSTGRES_VERSION.
 */
export function createExternalServer(options: ExternalServerOptions): Cluster {
  return new ExternalServer(options)
}

class ExternalServer implements Cluster {
  readonly name: string
  readonly port = undefined
  readonly process = undefined
  readonly term = undefined
  readonly nodes = []
  readonly alarm = undefined
  readonly failovers = 0
  readonly #options: ExternalServerOptions
  #state: ClusterState = { kind: 'stopped' }
  #version: string | undefined
  #starting: Promise<void> | undefined

  constructor(options: ExternalServerOptions) {
    this.name = options.name
    this.#options = options
  }

  get state(): ClusterState {
    return this.#state
  }

  get version(): string | undefined {
    return this.#version
  }

  /** Somebody else's server has somebody else's limits. */
  holdToLimits(): void {}

  url(): string {
    return this.#options.url
  }

  adminUrl(): string {
    return this.#options.url
  }

  /** We may not be allowed to make roles there, and must not if we are. */
  async admit(): Promise<void> {}

  serviceUrl(): string {
    return this.#options.url
  }

  replicaUrls(): readonly string[] {
    return []
  }

  switchover(): Promise<void> {
    const message = `expected ${this.name} to have followers of its own, got a server that somebody else runs`
    return Promise.reject(new TenfoldError('TF_SWITCHOVER_REFUSED', message, { hint: 'do it where the server is run' }))
  }

  async start(signal?: AbortSignal): Promise<void> {
    if (isAborted(signal)) throw cancelled(this.name)
    this.#become({ kind: 'starting' })
    const starting = this.#look()
    this.#starting = starting
    try {
      await starting
    } catch (error) {
      this.#become({ kind: 'failed', reason: messageOf(error) })
      throw error
    }
    if (isAborted(signal) || this.#starting !== starting) {
      this.#become({ kind: 'stopped' })
      throw cancelled(this.name)
    }
    this.#become({ kind: 'ready' })
  }

  async stop(): Promise<void> {
    const starting = this.#starting
    this.#starting = undefined
    // Its failure is told to whoever called start.
    await starting?.catch(() => undefined)
    this.#become({ kind: 'stopped' })
  }

  async #look(): Promise<void> {
    const session = await openSession({
      url: this.#options.url,
      applicationName: 'tenfold check',
      connectTimeoutMs: 5_000,
      statementTimeoutMs: 5_000,
    }).catch((cause: unknown) => {
      throw new TenfoldError(
        'TF_DATABASE_UNREACHABLE',
        `expected the server of ${this.name} to answer, got: ${messageOf(cause)}`,
        {
          hint: 'check that it runs, and the variable that holds its URL',
          cause,
        },
      )
    })
    try {
      const { rows } = await session.query<{ number: number; version: string }>(
        `select current_setting('server_version_num')::int as number, current_setting('server_version') as version`,
      )
      const { number = 0, version = 'unknown' } = rows[0] ?? {}
      this.#version = version
      if (number < MAJOR_MIN * 10_000) throw tooOld(this.name, version)
    } finally {
      await session.close()
    }
  }

  #become(state: ClusterState): void {
    this.#state = state
    this.#options.onState?.(state)
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}

function tooOld(name: string, version: string): TenfoldError {
  return new TenfoldError(
    'TF_POSTGRES_VERSION',
    `expected the server of ${name} to be PostgreSQL ${MAJOR_MIN} or newer, got ${version}`,
    {
      hint: 'upgrade that server, or remove "url" from the database to run a cluster here',
      details: { version },
    },
  )
}

function cancelled(name: string): TenfoldError {
  return new TenfoldError('TF_ABORTED', `expected the server of ${name} to be checked, but the start was cancelled`)
}
