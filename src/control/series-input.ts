import { z } from 'zod'
import type { MetricName } from './metric-names.ts'
import { metricDescription } from './metric-names.ts'
import type { SeriesQuery } from './series-query.ts'

/** A value that stands in the query of a URL as JSON. */
function json<Output>(schema: z.ZodType<Output>): z.ZodType<Output, string> {
  return z
    .string()
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown
      } catch {
        context.addIssue({ code: 'custom', message: 'expected JSON' })
        return z.NEVER
      }
    })
    .pipe(schema as z.ZodType<Output, unknown>)
}

/** A `SeriesQuery` as the query of a URL: `labels` and `by` as JSON. */
export const seriesInput: z.ZodType<SeriesQuery> = z.strictObject({
  name: z
    .string()
    .refine((name) => metricDescription(name) !== undefined, {
      message: 'expected a metric of docs/reference/metrics.md',
    })
    .transform((name) => name as MetricName),
  source: z.string().optional(),
  labels: json(z.record(z.string(), z.union([z.string(), z.array(z.string())]))).optional(),
  fromEpochMs: z.coerce.number(),
  toEpochMs: z.coerce.number(),
  stepMs: z.coerce.number().positive().optional(),
  by: json(z.array(z.string())).optional(),
})
