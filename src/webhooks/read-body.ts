/** The whole body, or undefined if it has more bytes than that: the rest is not read then. */
export async function readBody(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  bytesMax: number,
): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunks) {
    length += chunk.byteLength
    if (length > bytesMax) return undefined
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}
