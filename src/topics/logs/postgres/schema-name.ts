/**
 * Everything that topics keep in a database is in this schema; tables of the application are never touched.
 *
 * - `log` holds the events, in slices of time. A slice is closed when the next one is opened, sealed when nobody can write
 *   into it any more, and dropped as a whole when every group has read it; no row is ever updated or deleted, so that a
 *   snapshot that somebody holds for hours costs readers nothing.
 * - `progress` says how far each group is on each partition, and who reads it: the row with the highest `seq` counts. A
 *   change is a new row with the next number, and only one can have that, so that the primary key is the fence.
 * - `inbox`, in the database of a consumer's effects, has the events whose effects are there. Its tables are for days, used
 *   again in turn, and emptied as a whole.
 * - `tick` remembers snapshots, about one a second while somebody consumes: stepping stones for groups far behind.
 */
export const SCHEMA = 'tenfold_topics'
