-- How often two recipes were in one box, counted in both directions by the recommender: each order once. No foreign keys: a
-- count must not wait for the catalogue, and a recipe that is no more is left out when it is read.
create table ordered_together (
  recipe_id integer not null,
  other_id integer not null check (other_id <> recipe_id),
  times integer not null check (times > 0),
  primary key (recipe_id, other_id)
);
