import type { Proxy } from '../gateway/proxy.ts'
import { foreignProxy } from '../gateway/foreign-proxy.ts'

/** One worker, connections kept on both sides, no log of requests; its directory is ours alone, so it stays who we are. */
export const nginx: Proxy = foreignProxy({
  name: 'nginx',
  version: /nginx\/(\S+)/,
  args: (file, directory) => ['-p', directory, '-e', 'stderr', '-c', file],
  config: ({ port, upstream }, directory) => `
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${JSON.stringify(`${directory}/nginx.pid`)};
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_buffer_size 128k;
  keepalive_requests 100000000;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((each) => `${each}_temp_path ${JSON.stringify(`${directory}/${each}`)};`)
    .join('\n  ')}
  upstream api {
    server 127.0.0.1:${upstream};
    keepalive 128;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Request-Id $request_id;
    }
  }
}
`,
})
