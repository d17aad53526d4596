import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'
import type { Notice } from '../control/snapshot.ts'
import { hasCode } from '../core/errors.ts'
import { createRabbitQueues } from '../queues/queues/rabbitmq/rabbit-queues.ts'
import { atVariable } from './at-variable.ts'
import type { EngineUrls } from './engine-urls.ts'

/**
 * Makes the queues that are on RabbitMQ; repeating it changes nothing. A broker that does not answer is only said: whoever
 * uses a queue makes it, too, once the broker is there.
 *
 * @throws TF_SECRET_MISSING, TF_PEER_MISSING, TF_BROKER_REFUSED, TF_OPTION_INVALID
 */
export async function setUpOutsideQueues(
  { queues }: Pick<ResolvedBlueprint, 'queues'>,
  {
    engineUrls,
    notice,
  }: { readonly engineUrls: EngineUrls; readonly notice: (notice: Omit<Notice, 'atEpochMs'>) => void },
): Promise<void> {
  for (const { name, engine } of Object.values(queues)) {
    if (engine.kind === 'postgres') continue
    const there = createRabbitQueues(await engineUrls.read(engine))
    try {
      await there.ensureQueue(name)
    } catch (error) {
      const about = `queue ${name}`
      const failure = atVariable(about, engine.urlVariable, error)
      if (!hasCode(failure, 'TF_BROKER_UNREACHABLE')) throw failure
      const hint = `look whether the broker runs, and whether $${engine.urlVariable} names it as this machine can reach it`
      notice({ level: 'warning', about, message: failure.message, hint })
    } finally {
      await there.end()
    }
  }
}
