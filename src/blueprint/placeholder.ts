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
    const match = whole.endsWith('}}') ? /^\s*([A-Za-z_]\w*)(?:\.([A-Za-z_]\w*))?\s*$/.exec(inside) : null
    if (match === null) return { kind: 'malformed', text: whole }
    const [, name = '', column] = match
    return column === undefined ? { kind: 'extract', name } : { kind: 'feed', feed: name, column }
  })
}
