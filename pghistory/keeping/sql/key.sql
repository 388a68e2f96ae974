-- Where an event table is, and the type, identity and sequence of its key.

select n.nspname::pg_catalog.text, pg_catalog.format_type(a.atttypid, null),
    a.attidentity <> '', pg_catalog.pg_get_serial_sequence(%(table)s, 'pgh_id')
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'pgh_id'
where c.oid = pg_catalog.to_regclass(%(table)s)
