#!/bin/bash
# write.sh
#	  What judging and recording cost: the same leads written to a table with a
#	  model, to one with the PL/pgSQL triggers that a DBA would write instead,
#	  and, as the floor, the same rows of leads and history written by plain
#	  statements without any trigger.
#
# Every task is run for each of them in turn, in one session, so that whatever
# slows the machine slows all.  Prints medians and their ratios to the floor.
# Connects as psql does (PGHOST, PGPORT, PGUSER), works in a database of its
# own and drops it again.  LEADS and RUNS change the size (200000 and 5).
set -euo pipefail

leads=${LEADS:-200000}
runs=${RUNS:-5}
db=lead_stage_bench_$$

psql() { command psql -X -q -v ON_ERROR_STOP=1 "$@"; }

psql -d postgres -c "CREATE DATABASE $db"
trap 'psql -d postgres -c "DROP DATABASE IF EXISTS $db"' EXIT

psql -d "$db" -v leads="$leads" -v runs="$runs" -f "$(dirname "$0")/write.sql"
