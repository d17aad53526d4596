/** The public surface of `tenfold/service`: what a service imports. */
export type { BoundService } from './bind.ts'
export { bind } from './bind.ts'
export { newId } from '../core/new-id.ts'
export type {
  BindingsDocument,
  DatabaseBinding,
  ServiceBinding,
  ShardBinding,
  QueueBinding,
  TopicBinding,
} from './bindings-document.ts'
export type {
  Bindings,
  CacheHandle,
  DatabaseHandle,
  ServiceHandle,
  ServiceName,
  ShardedDatabaseHandle,
} from './handles.ts'
export type { EnqueuerHandle, WorkerHandle, WorkOptions } from './queue-handles.ts'
export type { ItemOptions } from '../queues/enqueuer.ts'
export type { ItemContext, ReceivedItem } from '../queues/item-handler.ts'
export type { Cancellation, Enqueued } from '../queues/queue-engine.ts'
export type { QueueRetryOptions } from '../queues/worker.ts'
export type { Consumer, ConsumeOptions, Publisher, PublishOptions, PublishTransaction } from './topic-handles.ts'
export type { HandlerContext, ReceivedEvent } from '../topics/handler.ts'
export type { FailurePolicy, RetryOptions } from '../topics/retry-policy.ts'
export type { AllOptions, AllShards } from '../shards/scatter/all-shards.ts'
export type { MissingShard } from '../shards/scatter/gather.ts'
export type { Merge } from '../shards/scatter/text-query.ts'
export type { CommitStatus, CommitToken } from '../sql/commit-status.ts'
export type { ReadToken } from '../sql/position.ts'
export type { ReadOptions, ReadView } from '../sql/read-view.ts'
export { currentTraceId } from './current-trace.ts'
export type { ReadTokens } from './read-tokens.ts'
export { readTokens } from './read-tokens.ts'
export { forwarded } from './service-client.ts'
export type { ShutdownHook } from './shutdown.ts'
export { onShutdown } from './shutdown.ts'
export type { AcceptedDelivery, Webhook, WebhookAnswer, WebhookOptions, WebhookTrouble } from '../webhooks/webhook.ts'
export { createWebhook } from '../webhooks/webhook.ts'
export type { Delivery, Secrets, WebhookSignature } from '../webhooks/signature.ts'
export { githubSignature } from '../webhooks/signatures/github.ts'
export type { HmacOptions } from '../webhooks/signatures/hmac.ts'
export { hmacSignature } from '../webhooks/signatures/hmac.ts'
export { standardWebhooksSignature } from '../webhooks/signatures/standard-webhooks.ts'
export { stripeSignature } from '../webhooks/signatures/stripe.ts'
