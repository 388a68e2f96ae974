-- The sequence of the key of an event table, null if the role may not read it.

select case when pg_catalog.has_sequence_privilege(s.name, 'select') then s.name end
from pg_catalog.pg_get_serial_sequence(%s, 'pgh_id') as s(name)
