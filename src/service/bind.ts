import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { STOP_DEADLINE_MS_DEFAULT } from '../core/component.ts'
import type { BindingsDocument } from './bindings-document.ts'
import { openBindings } from './bindings-source.ts'
import type { BoundDatabase } from './bound-database.ts'
import { bindDatabase } from './bound-database.ts'
import { bindTopics } from './bound-topics.ts'
import { loadEventSchemas } from './event-schemas.ts'
import type { Bindings, DatabaseHandle, ServiceHandle, ServiceName } from './handles.ts'
import { serviceClient } from './service-client.ts'
import { onShutdown } from './shutdown.ts'
import type { StandIn } from './stand-in.ts'
import { standIn } from './stand-in.ts'
import type { Consumer, Publisher } from './topic-handles.ts'
import { sayTroubles } from './topic-troubles.ts'

/** The handles of a service, and their end. */
export type BoundService<System, Name extends ServiceName<System>> = Bindings<System, Name> & {
  /** Waits for what is under way on the databases and closes the connections; at SIGTERM it happens by itself. */
  close(): Promise<void>
}

/**
 * Connects a service to what it lists in the blueprint, and to nothing else. Nothing is opened before it is used. When
 * addresses change while the service runs, the handles follow; no request fails for that.
 *
 * @throws TF_BINDINGS_MISSING outside `tenfold up`
 * @throws TF_BINDINGS_INVALID when another version of Tenfold wrote the document
 * @throws TF_SCHEMA_MISSING when a topic has a schema, and the blueprint can't be loaded in a service
 * @example
 * // System is the type that tenfold.config.ts exports
 * const { databases, services } = await bind<System, 'api'>()
 * const recipes = await databases.catalog.db.selectFrom('recipe').selectAll().execute()
 */
export async function bind<System, Name extends ServiceName<System>>(): Promise<BoundService<System, Name>> {
  // The types know more than is here: which names there are was checked with the blueprint, which the document follows.
  return (await bindFrom(process.env)) as unknown as BoundService<System, Name>
}

/** What `bind` gives, as it is at run time. */
export interface UntypedBindings {
  readonly databases: Readonly<Record<string, DatabaseHandle<unknown>>>
  readonly services: Readonly<Record<string, ServiceHandle>>
  readonly caches: Readonly<Record<string, never>>
  readonly publishes: Readonly<Record<string, Publisher<unknown>>>
  readonly consumes: Readonly<Record<string, Consumer<unknown>>>
  close(): Promise<void>
}

/** As `bind`, from any environment. */
export async function bindFrom(
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock = systemClock,
): Promise<UntypedBindings> {
  const source = await openBindings({ env, clock, onChange: follow })
  const first = source.current()
  const schemas = await loadEventSchemas(env.TENFOLD_BLUEPRINT, { ...first.publishes, ...first.consumes }).catch(
    (error: unknown) => {
      source.close()
      throw error
    },
  )
  const databases = new Map<string, BoundDatabase>()
  const bindAll = (bindings: BindingsDocument['databases'] = {}): readonly (readonly [string, BoundDatabase])[] =>
    Object.entries(bindings).map(([name, binding]) => {
      const bound = bindDatabase(name, binding, {
        applicationName: env.TENFOLD_INSTANCE ?? first.service,
        refresh: () => source.refresh(),
      })
      databases.set(name, bound)
      return [name, bound]
    })
  const listed = bindAll(first.databases)
  bindAll(first.behindTopics)
  let stood: StandIn | undefined
  const topics = bindTopics({
    document: first,
    schemas,
    databases: new Map([...databases].map(([name, { connection }]) => [name, connection])),
    databaseOf: (handle) => listed.find(([, bound]) => bound.handle === handle)?.[1].connection,
    onConsuming() {
      if (first.isWorker === true) stood ??= standIn(Number(env.PORT), env.HOST ?? '127.0.0.1')
    },
    clock,
  })
  const silence = sayTroubles(clock)

  function follow({ databases: listed, behindTopics }: BindingsDocument): void {
    for (const [name, binding] of Object.entries({ ...behindTopics, ...listed })) databases.get(name)?.rebind(binding)
  }

  async function close(): Promise<void> {
    forget()
    stood?.close()
    // The rest is for what the handlers have begun, and for the process itself.
    await topics.close((first.stopTimeoutMs ?? STOP_DEADLINE_MS_DEFAULT) * CLOSING_SHARE)
    source.close()
    silence()
    await Promise.all([...databases.values()].map((database) => database.close()))
  }

  const forget = onShutdown(close)
  const names = Object.keys(first.services)
  return {
    databases: Object.fromEntries(listed.map(([name, { handle }]) => [name, handle])),
    services: Object.fromEntries(
      names.map((name) => [name, serviceClient(name, () => source.current().services[name]?.url, clock)]),
    ),
    caches: {},
    publishes: topics.publishes,
    consumes: topics.consumes,
    close,
  }
}

const CLOSING_SHARE = 0.8
