import { hasCode, messageOf, TenfoldError } from '../../core/errors.ts'

type KafkaModule = typeof import('@platformatic/kafka')

/** What Kafka calls a topic that is not there. */
export const UNKNOWN_TOPIC = 'UNKNOWN_TOPIC_OR_PARTITION'

/** An error of the client as one of ours. */
export function kafkaFailure({ findErrorBy }: Pick<KafkaModule, 'findErrorBy'>, error: unknown): TenfoldError {
  if (error instanceof TenfoldError) return error
  const isOfKind = (code: string): boolean => findErrorBy(error as Error, 'code', code) !== null
  const reason =
    isOfKind('PLT_KFK_USER') && summary(error).startsWith('Unknown topic') ? UNKNOWN_TOPIC : reasonIn(error)
  const details = reason === undefined ? {} : { reason }
  if (isOfKind('PLT_KFK_UNSUPPORTED_API')) {
    return new TenfoldError('TF_BROKER_REFUSED', `expected a later version of Kafka: ${summary(error)}`, {
      hint: 'use Kafka 4.0 or later',
      cause: error,
    })
  }
  const isRefused = ['PLT_KFK_AUTHENTICATION', 'PLT_KFK_USER'].some(isOfKind)
  if (!isRefused && (reason === undefined || TRANSIENT.has(reason))) {
    return new TenfoldError('TF_BROKER_UNREACHABLE', `expected Kafka to answer, got: ${summary(error)}`, {
      hint: 'look whether its brokers run, and whether the url names them as this machine can reach them',
      details,
      cause: error,
    })
  }
  return new TenfoldError('TF_BROKER_REFUSED', `expected Kafka to do as asked, got: ${reason ?? summary(error)}`, {
    hint: 'look for the reason among the error codes of Kafka; give the user of the url the rights that are missing',
    details,
    cause: error,
  })
}

/** Why Kafka has refused something, in its own words: `'UNKNOWN_MEMBER_ID'`. Undefined: it has not. */
export function kafkaReason(error: unknown): string | undefined {
  if (!hasCode(error, 'TF_BROKER_REFUSED') && !hasCode(error, 'TF_BROKER_UNREACHABLE')) return undefined
  const { reason } = (error as TenfoldError).details
  return typeof reason === 'string' ? reason : undefined
}

/** What an answer holds beside what was refused; undefined: there was no answer. */
export function partialResponse<Response>(error: unknown): Response | undefined {
  const { response } = ((error as { cause?: unknown }).cause ?? {}) as { response?: Response }
  return response
}

/** What passes: the cluster is choosing somebody, or is short of replicas. */
const TRANSIENT: ReadonlySet<string> = new Set([
  'BROKER_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'KAFKA_STORAGE_ERROR',
  'LEADER_NOT_AVAILABLE',
  'NETWORK_EXCEPTION',
  'NOT_CONTROLLER',
  'NOT_COORDINATOR',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'NOT_LEADER_OR_FOLLOWER',
  'REPLICA_NOT_AVAILABLE',
  'REQUEST_TIMED_OUT',
  'UNKNOWN_LEADER_EPOCH',
])

/** The first word of Kafka in an error of the client, which nests them. */
function reasonIn(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { apiId, errors, cause } = error as { apiId?: unknown; errors?: unknown; cause?: unknown }
  if (typeof apiId === 'string') return apiId
  const inner = [...(Array.isArray(errors) ? (errors as unknown[]) : []), cause]
  // Of several tries the last one says how it is now.
  return inner
    .toReversed()
    .map(reasonIn)
    .find((reason) => reason !== undefined)
}

function summary(error: unknown): string {
  const { errors } = error as { errors?: unknown }
  const last = Array.isArray(errors) ? (errors as unknown[]).at(-1) : undefined
  return last === undefined ? messageOf(error) : summary(last)
}
