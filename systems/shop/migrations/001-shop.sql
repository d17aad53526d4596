create table product (id int primary key, name text not null, cents int not null);
create table "order" (id uuid primary key, product_id int not null references product, cents int not null);
