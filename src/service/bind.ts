import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { STOP_DEADLINE_MS_DEFAULT } from '../core/component.ts'
import type { BindingsDocument } from './bindings-document.ts'
import { openBindings } from './bindings-source.ts'
import type { BoundDatabase } from './bound-database.ts'
import type { BoundTopics } from './bound-topics.ts'
import { bindDatabase } from './bound-database.ts'
import { createBoundDatabases } from './bound-databases.ts'
import { createHandlers } from './handlers.ts'
import type { Bindings, ServiceHandle, ServiceName } from './handles.ts'
import { serviceClient } from './service-client.ts'
import { loadMessageSchemas } from './message-schemas.ts'
import type { EnqueuerHandle, WorkerHandle } from './queue-handles.ts'
import { onShutdown } from './shutdown.ts'
import type { StandIn } from './stand-in.ts'
import { standIn } from './stand-in.ts'
import type { Consumer, Publisher } from './topic-handles.ts'
import { sayTroubles } from './topic-troubles.ts'

/** The handles of a service, and their end. */
export type BoundService<System, Name extends ServiceName<System>> = Bindings<System, Name> & {
  /**
   * Finishes what handlers have begun, waits for what is under way on the databases and closes the connections. At SIGTERM it
   * happens by itself; a program that is run once, or at times, calls it when it is done.
   */
  close(): Promise<void>
}

/**
 * Connects a service to what it lists in the blueprint, and to nothing else. Nothing is opened before it is used. When
 * addresses change while the service runs, the handles follow; no request fails for that.
 *
 * @throws TF_BINDINGS_MISSING outside `tenfold up`
 * @throws TF_BINDINGS_INVALID when another version of Tenfold wrote the document
 * @throws TF_SCHEMA_MISSING when a topic or a queue has a schema, and the blueprint can't be loaded in a service
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
  readonly databases: Readonly<Record<string, object>>
  readonly services: Readonly<Record<string, ServiceHandle>>
  readonly caches: Readonly<Record<string, never>>
  readonly publishes: Readonly<Record<string, Publisher<unknown>>>
  readonly consumes: Readonly<Record<string, Consumer<unknown>>>
  readonly enqueues: Readonly<Record<string, EnqueuerHandle<unknown>>>
  readonly works: Readonly<Record<string, WorkerHandle<unknown>>>
  close(): Promise<void>
}

/** As `bind`, from any environment. */
export async function bindFrom(
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock = systemClock,
): Promise<UntypedBindings> {
  const bound = new Map<string, BoundDatabase>()
  let topics: BoundTopics | undefined
  const source = await openBindings({ env, clock, onChange: follow })
  const schemas = await loadMessageSchemas(env.TENFOLD_BLUEPRINT, source.current()).catch((error: unknown) => {
    source.close()
    throw error
  })
  // It may have been replaced meanwhile.
  const document = source.current()
  for (const [name, binding] of Object.entries({ ...document.databases, ...document.unlisted })) {
    bound.set(
      name,
      bindDatabase(name, binding, {
        applicationName: env.TENFOLD_INSTANCE ?? document.service,
        refresh: () => source.refresh(),
      }),
    )
  }
  const databases = createBoundDatabases(
    new Map([...bound].map(([name, one]) => [name, { ...one, isListed: name in document.databases }])),
  )
  const port = Number(env.PORT)
  let stood: StandIn | undefined
  const handlers = createHandlers({
    clock,
    onJoined() {
      // `tenfold run` gives none: nobody asks whether that is ready.
      if (document.isWorker === true && port > 0) stood ??= standIn(port, env.HOST ?? '127.0.0.1')
    },
  })
  const shared = { document, databases, handlers, clock }
  // Loaded by those who have any: it is much code for the start of others.
  if (document.publishes !== undefined || document.consumes !== undefined) {
    const { bindTopics } = await import('./bound-topics.ts')
    topics = bindTopics({ ...shared, schemas: schemas.topics })
    topics.rebind(source.current())
  }
  const queues =
    document.enqueues === undefined && document.works === undefined
      ? undefined
      : (await import('./bound-queues.ts')).bindQueues({ ...shared, schemas: schemas.queues })
  const silence = sayTroubles(clock)

  function follow(changed: BindingsDocument): void {
    const bindings = { ...changed.unlisted, ...changed.databases }
    for (const [name, binding] of Object.entries(bindings)) bound.get(name)?.rebind(binding)
    topics?.rebind(changed)
  }

  async function close(): Promise<void> {
    forget()
    stood?.close()
    // The rest is for the process itself.
    const endMs = clock.nowMs() + (document.stopTimeoutMs ?? STOP_DEADLINE_MS_DEFAULT) * CLOSING_SHARE
    await handlers.stop(endMs - clock.nowMs())
    // Instances have others beside them; a job, or a program that is run once, has not.
    const isLast = !(port > 0)
    const restMs = Math.max(0, endMs - clock.nowMs())
    await Promise.all([topics?.close(restMs, isLast), queues?.close(restMs, isLast)])
    source.close()
    silence()
    await Promise.all([...bound.values()].map((database) => database.close()))
  }

  const forget = onShutdown(close)
  return {
    databases: Object.fromEntries(databases.listed.map((name) => [name, bound.get(name)!.handle])),
    services: Object.fromEntries(
      Object.keys(document.services).map((name) => [
        name,
        serviceClient(name, () => source.current().services[name]?.url, clock),
      ]),
    ),
    caches: {},
    publishes: topics?.publishes ?? {},
    consumes: topics?.consumes ?? {},
    enqueues: queues?.enqueues ?? {},
    works: queues?.works ?? {},
    close,
  }
}

const CLOSING_SHARE = 0.8
