/** Services that consume a topic, by name: each is a group of its name. */
export function consumersOf(
  services: Readonly<Record<string, { readonly name: string; readonly consumes: readonly string[] }>>,
  topic: string,
): readonly string[] {
  return Object.values(services)
    .filter(({ consumes }) => consumes.includes(topic))
    .map(({ name }) => name)
    .toSorted()
}
