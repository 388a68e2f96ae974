-- The search_path and the schemas in it. From here to the end of the transaction it is pg_catalog:
-- pg_get_triggerdef() qualifies the names that search_path does not find.

select pg_catalog.current_setting('search_path'),
       pg_catalog.current_schemas(false)::text[],
       pg_catalog.set_config('search_path', 'pg_catalog', true)
