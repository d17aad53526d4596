import type { ServiceHandle } from 'tenfold/service'
import { Problem } from './problem.ts'
import type { RecommendFor, Recommendations } from './recommendations.ts'

/**
 * Recommends by asking the service that does.
 *
 * @throws Problem 503 when it can't
 */
export function remoteRecommender(service: ServiceHandle): RecommendFor {
  return async (userId, week, headers) => {
    const response = await service.fetch(`/recommendations/${userId}?week=${week}`, { headers })
    if (response.ok) return (await response.json()) as Recommendations
    // Read to the end, so that the connection can serve the next one.
    await response.text()
    if (response.status === 404) return undefined
    throw new Problem(503, 'recommendations are not available at the moment')
  }
}
