-- The shop's database. Tables come first and are filled; keys and indexes (below the line) follow.
create table customers (
    id bigint, full_name text, email text, phone text, city text, segment text, password_hash text,
    created_at timestamptz not null, updated_at timestamptz not null
);
create table products (
    id bigint, sku text not null, name text not null, category text, price numeric(12, 2) not null,
    created_at timestamptz not null, updated_at timestamptz not null
);
create table stores (
    id bigint, name text not null, city text not null, region text not null, opened_on date not null,
    created_at timestamptz not null, updated_at timestamptz not null
);
create table orders (
    id bigint, customer_id bigint not null, store_id bigint not null, channel text not null,
    status text not null, ordered_at timestamptz not null, updated_at timestamptz not null
);
create table order_items (
    id bigint, order_id bigint not null, line_number integer not null, product_id bigint not null,
    quantity integer not null, unit_price numeric(12, 2), discount_amount numeric(12, 2) not null default 0,
    updated_at timestamptz not null
);
create schema moa;
create table moa.clock (now timestamptz not null);
----
alter table customers add primary key (id);
alter table products add primary key (id), add unique (sku);
alter table stores add primary key (id);
alter table orders
    add primary key (id),
    add check (channel in ('store', 'online')),
    add check (status in ('placed', 'completed', 'cancelled'));
alter table order_items
    add primary key (id),
    add foreign key (order_id) references orders (id) on delete cascade;
create index on customers (updated_at);
create index on products (updated_at);
create index on stores (updated_at);
create index on orders (updated_at);
create index on order_items (updated_at);
create index on order_items (order_id);
revoke temporary on database shop from public;
grant usage on schema moa to reader;
grant select on all tables in schema public, moa to reader;
analyze;
