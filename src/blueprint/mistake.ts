/**
 * No value has this type: where the compiler shows it, its message says what is wrong. A plain literal type in its place
 * would make the whole object `never`, and the error would stand on the wrong property.
 */
export interface Mistake<Message extends string> {
  readonly [mistake]: Message
}
declare const mistake: unique symbol
