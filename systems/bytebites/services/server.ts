import Fastify, { type FastifyInstance } from 'fastify'
import { answerProblems } from './problem.ts'

/** A server with what all services of ByteBites have: problem answers, `GET /health` and a log of warnings. */
export function createServer(): FastifyInstance {
  const app = Fastify({
    logger: { level: process.env['LOG_LEVEL'] ?? 'warn' },
    bodyLimit: 16 * 1024,
    // What is not asked for is refused, where Fastify would drop it; numbers in a query are text, so these are converted.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true } },
  })
  answerProblems(app)
  app.get('/health', async () => ({ status: 'ok' }))
  return app
}

/** Listens where the environment says. The end is no concern of a service: `bind` answers SIGTERM in good order. */
export async function serve(app: FastifyInstance): Promise<void> {
  await app.listen({ port: Number(process.env['PORT'] ?? 3000), host: process.env['HOST'] ?? '127.0.0.1' })
}
