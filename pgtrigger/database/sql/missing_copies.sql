-- The triggers on TRUNCATE that a table has and its partitions lack. pg_trigger.tgtype has a bit for
-- each clause: 1 row, 2 before, 32 truncate.

select t.tgname::pg_catalog.text, t.tgtype & 2 > 0, t.tgenabled::pg_catalog.text,
    fn.nspname::pg_catalog.text, f.proname::pg_catalog.text,
    n.nspname::pg_catalog.text, c.relname::pg_catalog.text
from pg_catalog.pg_trigger t
join pg_catalog.pg_proc f on f.oid = t.tgfoid
join pg_catalog.pg_namespace fn on fn.oid = f.pronamespace
cross join lateral pg_catalog.pg_partition_tree(t.tgrelid) part
join pg_catalog.pg_class c on c.oid = part.relid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where t.tgrelid = pg_catalog.to_regclass(%s) and t.tgtype & 33 = 32 and t.tgqual is null
    and pg_catalog.starts_with(t.tgname::pg_catalog.text, %s) and part.level > 0
    and not exists (
        select from pg_catalog.pg_trigger k where k.tgrelid = part.relid and k.tgname = t.tgname
    )
order by 7, 1
