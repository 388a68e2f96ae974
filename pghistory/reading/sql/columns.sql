-- The columns of each table that search_path finds by its name.

select asked.name, pg_catalog.array_agg(a.attname::text)
  from pg_catalog.unnest(%(names)s::text[]) as asked (name)
  join pg_catalog.pg_attribute a on a.attrelid = pg_catalog.to_regclass(asked.name)
 where a.attnum > 0
   and not a.attisdropped
 group by asked.name
