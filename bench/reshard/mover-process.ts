import { connectDatabase } from '../../src/sql/database.ts'
import { createResharder } from '../../src/shards/reshard/resharder.ts'

// Drives a move until it rests: mover-process.ts MOVE URL… (of each shard, as superuser). The benchmark kills it.

const [move, ...urls] = process.argv.slice(2)
const admins = urls.map((url) => connectDatabase({ url, connectionsMax: 6 }))
const resharder = createResharder({
  places: { count: urls.length, admin: (shard) => admins[shard]!, url: (shard) => urls[shard]! },
})
await resharder.drive(Number(move), new AbortController().signal)
await Promise.all(admins.map((admin) => admin.end()))
