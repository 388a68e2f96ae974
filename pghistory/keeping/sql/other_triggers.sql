-- The triggers of a table that are not those of the engine.

select tgname::pg_catalog.text, pg_catalog.pg_get_triggerdef(oid) from pg_catalog.pg_trigger
where tgrelid = pg_catalog.to_regclass(%s) and not tgisinternal and tgparentid = 0
    and not pg_catalog.starts_with(tgname::pg_catalog.text, %s)
order by 1
