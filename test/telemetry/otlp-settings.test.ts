import { describe, expect, test } from 'vitest'
import { otlpSettings } from '../../src/telemetry/otlp-settings.ts'

const ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT'
const TRACES = 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'

describe('the settings of the export', () => {
  test.each([
    [{ [ENDPOINT]: 'http://localhost:4318' }, 'http://localhost:4318/v1/traces'],
    [{ [ENDPOINT]: 'https://collector/otlp/' }, 'https://collector/otlp/v1/traces'],
    [{ [TRACES]: 'http://localhost:4318/elsewhere' }, 'http://localhost:4318/elsewhere'],
    [{ [ENDPOINT]: 'http://a:1', [TRACES]: 'http://b:2/traces' }, 'http://b:2/traces'],
    [{ [ENDPOINT]: 'http://a:1', [TRACES]: '' }, 'http://a:1/v1/traces'],
  ])('%j send to %s', (environment, url) => {
    expect(otlpSettings(environment)).toEqual({ url, headers: {}, timeoutMs: 10_000, resource: {} })
  })

  test.each([
    {},
    { [ENDPOINT]: ' ' },
    { [ENDPOINT]: 'http://a:1', OTEL_TRACES_EXPORTER: 'none' },
    { [ENDPOINT]: 'http://a:1', OTEL_SDK_DISABLED: 'true' },
  ])('%j send nothing', (environment) => {
    expect(otlpSettings(environment)).toBeUndefined()
  })

  test('hold headers, time limit and what is said of every span', () => {
    expect(
      otlpSettings({
        [ENDPOINT]: 'http://a:1',
        OTEL_EXPORTER_OTLP_HEADERS: ' api-key = a%2Cb , x=1=2,',
        OTEL_EXPORTER_OTLP_TIMEOUT: '250',
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=staging',
      }),
    ).toMatchObject({
      headers: { 'api-key': 'a,b', x: '1=2' },
      timeoutMs: 250,
      resource: { 'deployment.environment.name': 'staging' },
    })
  })

  test.each([
    [{ [ENDPOINT]: 'localhost:4318' }, /to be a URL such as/],
    [{ [ENDPOINT]: 'https://me:hunter2@collector' }, /got one with a user/],
    [{ [ENDPOINT]: 'http://a:1', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc' }, /TRACES_PROTOCOL to be http\/json/],
    [{ [ENDPOINT]: 'http://a:1', OTEL_EXPORTER_OTLP_TIMEOUT: '10s' }, /number of milliseconds/],
    [{ [ENDPOINT]: 'http://a:1', OTEL_EXPORTER_OTLP_HEADERS: 'hunter2' }, /to be key=value/],
    [{ [ENDPOINT]: 'http://a:1', OTEL_EXPORTER_OTLP_HEADERS: 'key=hunter2%' }, /to be key=value/],
  ])('%j are refused, and no secret is repeated', (environment, message) => {
    let error: unknown
    try {
      otlpSettings(environment)
    } catch (caught) {
      error = caught
    }
    expect(error).toMatchObject({ code: 'TF_OPTION_INVALID', message: expect.stringMatching(message) })
    expect(JSON.stringify(error)).not.toContain('hunter2')
  })
})
