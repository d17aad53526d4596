import Fastify, { type FastifyInstance } from 'fastify'
import { answerProblems } from './problem.ts'

/** A server with what all services of ByteBites have: problem answers, `GET /health` and a log of warnings. */
export function createServer(): FastifyInstance {
  const app = Fastify({
    logger: { level: process.env['LOG_LEVEL'] ?? 'warn' },
    bodyLimit: 16 * 1024,
    // The gateway stops sending before it stops a service, so whatever still arrives deserves an answer.
    return503OnClosing: false,
  })
  answerProblems(app)
  app.get('/health', async () => ({ status: 'ok' }))
  return app
}

/** Listens where the environment says, and ends orderly on SIGTERM: requests under way are answered first. */
export async function serve(app: FastifyInstance): Promise<void> {
  const end = (): void => {
    app.close().then(
      () => process.exit(0),
      (error: unknown) => {
        app.log.error(error)
        process.exit(1)
      },
    )
  }
  process.once('SIGTERM', end)
  process.once('SIGINT', end)
  await app.listen({ port: Number(process.env['PORT'] ?? 3000), host: process.env['HOST'] ?? '127.0.0.1' })
}
