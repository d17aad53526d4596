import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import type { BindingsDocument } from './bindings-document.ts'
import { openBindings } from './bindings-source.ts'
import type { BoundDatabase } from './bound-database.ts'
import { bindDatabase } from './bound-database.ts'
import type { Bindings, DatabaseHandle, ServiceHandle, ServiceName } from './handles.ts'
import { serviceClient } from './service-client.ts'
import { onShutdown } from './shutdown.ts'

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
  readonly publishes: Readonly<Record<string, never>>
  readonly consumes: Readonly<Record<string, never>>
  close(): Promise<void>
}

/** As `bind`, from any environment. */
export async function bindFrom(
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock = systemClock,
): Promise<UntypedBindings> {
  const databases = new Map<string, BoundDatabase>()
  const source = await openBindings({ env, clock, onChange: follow })
  for (const [name, binding] of Object.entries(source.current().databases)) {
    databases.set(
      name,
      bindDatabase(name, binding, {
        applicationName: env.TENFOLD_INSTANCE ?? source.current().service,
        refresh: () => source.refresh(),
      }),
    )
  }

  function follow(document: BindingsDocument): void {
    for (const [name, binding] of Object.entries(document.databases)) databases.get(name)?.rebind(binding)
  }

  async function close(): Promise<void> {
    source.close()
    forget()
    await Promise.all([...databases.values()].map((database) => database.close()))
  }

  const forget = onShutdown(close)
  const names = Object.keys(source.current().services)
  return {
    databases: Object.fromEntries([...databases].map(([name, { handle }]) => [name, handle])),
    services: Object.fromEntries(
      names.map((name) => [name, serviceClient(name, () => source.current().services[name]?.url, clock)]),
    ),
    caches: {},
    publishes: {},
    consumes: {},
    close,
  }
}
