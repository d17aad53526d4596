import type { Proxy } from '../gateway/proxy.ts'
import { foreignProxy } from '../gateway/foreign-proxy.ts'

/** One thread, connections kept on both sides and shared, no log. */
export const haproxy: Proxy = foreignProxy({
  name: 'haproxy',
  version: /version (\d[\d.]*)/,
  args: (file) => ['-q', '-db', '-f', file],
  config: ({ port, upstream }) => `
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 30s
  option forwardfor
  http-reuse always
frontend public
  bind 127.0.0.1:${port}
  http-request set-header x-forwarded-proto http
  unique-id-format %{+X}o\\ %ci%cp%fi%fp%Ts%rt%pid
  unique-id-header x-request-id
  default_backend api
backend api
  balance random(2)
  server api-1 127.0.0.1:${upstream} check
  server api-2 127.0.0.1:${upstream} check
`,
})
