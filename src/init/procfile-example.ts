import type { ProjectFiles } from './project-files.ts'

/** What a project in another language is started by, as far as a file at its top tells the language. */
const EXAMPLES: readonly (readonly [file: RegExp, line: string])[] = [
  [/^go\.mod$/, 'web: ./NAME'],
  [/^Cargo\.toml$/, 'web: ./target/release/NAME'],
  [/^(?:wsgi|asgi|app|main)\.py$/, 'web: python3 -m gunicorn --bind $HOST:$PORT MODULE:APPLICATION'],
  [/^manage\.py$/, 'web: python3 manage.py runserver --noreload $HOST:$PORT'],
  [/^(?:composer\.json|index\.php)$/, 'web: php -S $HOST:$PORT'],
  [/^(?:Gemfile|config\.ru)$/, 'web: bundle exec rackup --host $HOST --port $PORT'],
]

/** @example procfileExample(files) // 'web: php -S $HOST:$PORT' where an index.php is */
export function procfileExample({ paths }: Pick<ProjectFiles, 'paths'>): string {
  const top = [...paths].filter((path) => !path.includes('/'))
  const found = EXAMPLES.find(([file]) => top.some((path) => file.test(path)))
  return found?.[1] ?? 'web: ./my-server --port $PORT'
}
