import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'
import type { Notice } from '../control/snapshot.ts'
import { hasCode, messageOf } from '../core/errors.ts'
import { createRabbitQueues } from '../queues/queues/rabbitmq/rabbit-queues.ts'
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
      if (!hasCode(error, 'TF_BROKER_UNREACHABLE')) throw error
      const about = `queue ${name}`
      notice({
        level: 'warning',
        about,
        message: `${about}, at $${engine.urlVariable}: ${messageOf(error)}`,
        hint: `look whether the broker runs, and whether $${engine.urlVariable} names it as this machine can reach it`,
      })
    } finally {
      await there.end()
    }
  }
}
