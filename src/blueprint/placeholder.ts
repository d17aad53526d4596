/** A placeholder of a scenario's text: a column of a feed, or a value that an earlier step extracted. */
export type Placeholder =
  | { readonly kind: 'feed'; readonly feed: string; readonly column: string }
  | { readonly kind: 'extract'; readonly name: string }
  | /** Braces with something else inside. */ { readonly kind: 'malformed'; readonly text: string }

/**
 * The placeholders of a text, in order.
 *
 * @example placeholdersIn('/users/{{user.id}}') // [{ kind: 'feed', feed: 'user', column: 'id' }]
 */
export function placeholdersIn(text: string): readonly Placeholder[] {
  return [...text.matchAll(/\{\{(.*?)(?:\}\}|$)/gs)].map(([whole, inside = '']) => {
    const [, feed, column] = /^\s*([A-Za-z_]\w*)\.([^{}]*[^{}\s])\s*$/.exec(inside) ?? []
    const [, name] = /^\s*([A-Za-z_]\w*)\s*$/.exec(inside) ?? []
    if (!whole.endsWith('}}')) return { kind: 'malformed', text: whole }
    if (feed !== undefined && column !== undefined) return { kind: 'feed', feed, column }
    return name === undefined ? { kind: 'malformed', text: whole } : { kind: 'extract', name }
  })
}
