-- What subscribers share, where their own rows are on shards: one statement can't see two subscribers there.

-- Who signs in says an address; where the rows are is decided by the number.
create table login (
  email text primary key check (email = lower(email)),
  user_id integer not null unique
);

-- A row appears with the first box of a slot; the check holds whatever happens at the same time.
create table delivery_slot (
  region text not null check (region in ('de', 'at', 'nl', 'ie', 'pt')),
  delivery_week integer not null,
  slot text not null,
  capacity integer not null check (capacity > 0),
  taken integer not null check (taken between 0 and capacity),
  primary key (region, delivery_week, slot)
);

-- An order that has its place: the same request again takes no second one.
create table slot_place (
  user_id integer not null,
  idempotency_key text not null,
  primary key (user_id, idempotency_key)
);
