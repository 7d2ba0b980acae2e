#!/bin/bash
# engagement.sh
#	  What counting activities costs: a COPY of them, single INSERTs and rescore,
#	  against the plain statements and the PL/pgSQL trigger that one would write
#	  instead.
#
# The floor stores the same of the same activities without any trigger: a COPY
# and one INSERT … SELECT of an aggregate ON CONFLICT DO UPDATE into a narrow
# table.  Contestants alternate in one session; prints medians of the clock and
# of the backend's time on a processor.  Then: transactions per second of
# single activities, how a statement's cost depends on how many leads there
# are, and how many updates of state stayed within their page.
#
# Connects as psql does (PGHOST, PGPORT, PGUSER) as a superuser on the server's
# own machine, works in a database of its own and drops it again.  LEADS,
# ACTIVITIES, RUNS, SECS and CURVE change the size (100000, 1000000, 3, 5,
# "10000 100000 1000000").
set -euo pipefail

leads=${LEADS:-100000}
activities=${ACTIVITIES:-1000000}
runs=${RUNS:-3}
seconds=${SECS:-5}
curve=${CURVE:-10000 100000 1000000}
dir=$(dirname "$0")
db=lead_stage_bench_$$

psql() { command psql -X -q -v ON_ERROR_STOP=1 "$@"; }
tps() { pgbench -n -M prepared -T "$seconds" -c 1 -D leads="$1" -f "$2" "$db" 2>/dev/null | sed -n 's/^tps = \([0-9]*\).*/\1/p'; }
median() { sort -n | sed -n "$(($1 / 2 + 1))p"; }

psql -d postgres -c "CREATE DATABASE $db"
work=$(mktemp -d)
trap 'rm -rf "$work"; psql -d postgres -c "DROP DATABASE IF EXISTS $db"' EXIT

{
	echo "\\i $dir/engagement.sql"
	for run in $(seq "$runs"); do echo "\\i $dir/engagement_run.sql"; done
	echo "\\i $dir/engagement_report.sql"
	# the server's file goes the way it came
	echo "SELECT format('COPY (SELECT 1) TO PROGRAM %L', 'cat >/dev/null; rm ' || :'file') \\gexec"
} | psql -d "$db" -v leads="$leads" -v activities="$activities"

# Single activities; the application of the floor adds to a score of the lead.
cat >"$work/ours" <<-'SQL'
	\set id random(1, :leads)
	INSERT INTO ours_activity VALUES (nextval('single'), :id, now(), 'visit', 10, 'https://example.com');
SQL
cat >"$work/floor" <<-'SQL'
	\set id random(1, :leads)
	BEGIN;
	INSERT INTO bare_activity VALUES (nextval('single'), :id, now(), 'visit', 10, 'https://example.com');
	UPDATE bare_lead SET score = score + 1 WHERE id = :id;
	COMMIT;
SQL
cat >"$work/floor in one statement" <<-'SQL'
	\set id random(1, :leads)
	WITH a AS (INSERT INTO bare_activity VALUES (nextval('single'), :id, now(), 'visit', 10, 'https://example.com') RETURNING lead_id) UPDATE bare_lead SET score = score + 1 FROM a WHERE id = lead_id;
SQL
psql -d "$db" -c "CREATE SEQUENCE single START 1000000000" -c "VACUUM ANALYZE"
before=$(psql -At -d "$db" -c "SELECT n_tup_upd || ' ' || n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'ours_lead_state'")
for run in $(seq "$runs"); do
	for what in floor ours 'floor in one statement'; do tps "$leads" "$work/$what" >>"$work/tps $what"; done
done
printf 'single activities, transactions per second:\n'
for what in floor 'floor in one statement' ours; do
	printf '  %-24s %s\n' "$what" "$(median "$runs" <"$work/tps $what")"
done
sleep 1
psql -At -d "$db" -c "SELECT format('  of %s updates of state, %s stayed within their page', n_tup_upd - ${before% *}, n_tup_hot_upd - ${before#* })
	FROM pg_stat_user_tables WHERE relname = 'ours_lead_state'"

printf 'by number of leads (with ten activities each): one activity, and a statement of 1000\n'
for leads in $curve; do
	psql -d "$db" -v leads="$leads" -f "$dir/engagement_curve.sql"
done
