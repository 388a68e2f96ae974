#!/bin/sh
# The database image runs this once, when it creates the data folder: a role and a rule for replicas.
set -eu
psql --username postgres --set ON_ERROR_STOP=1 --quiet <<'SQL'
create role replicator with replication login password 'replicator';
SQL
echo "host replication replicator all scram-sha-256" >> "$PGDATA/pg_hba.conf"
