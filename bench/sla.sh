#!/bin/bash
# sla.sh
#	  What SLA clocks cost: a sweep that finds many clocks due against plain
#	  statements that write the same rows, a sweep that finds a few among very
#	  many, and a write that starts a clock against the same one without.
#
# Contestants take turns, so that whatever slows the machine slows all; printed
# are medians and their ratio.  The plain statements write what the sweep wrote:
# the same rows of state and history (and of leads, where an owner changes), as
# one UPDATE and one INSERT each, into tables with the same indexes and no
# triggers.
#
# Connects as psql does, works in databases of its own and drops them again.
# CLOCKS (100000) are due at once, OPEN (1000000) are open, WRITES (5000) single
# rows are written; RUNS (5).
set -euo pipefail

clocks=${CLOCKS:-100000}
open=${OPEN:-1000000}
writes=${WRITES:-5000}
runs=${RUNS:-5}
db=lead_stage_bench_$$

psql() { command psql -X -q -v ON_ERROR_STOP=1 "$@"; }

trap 'for d in a b; do psql -d postgres -c "SET client_min_messages = error" -c "DROP DATABASE IF EXISTS ${db}_$d"; done' EXIT
for d in a b; do psql -d postgres -c "CREATE DATABASE ${db}_$d"; done

# An office, leads, and two models that differ in their SLA only.
setup='
SET client_min_messages = warning;
CREATE EXTENSION lead_stage;
INSERT INTO lead_stage.calendar VALUES ($$office$$, $$Europe/Berlin$$);
INSERT INTO lead_stage.calendar_hours SELECT $$office$$, d, o, c
    FROM generate_series(1, 5) AS d, (VALUES (time $$09:00$$, time $$12:30$$), ($$13:30$$, $$17:30$$)) AS h (o, c);
INSERT INTO lead_stage.model (name, calendar) SELECT m, $$office$$ FROM unnest($${plain,clocked,escalated}$$::text[]) AS m;
INSERT INTO lead_stage.rule (model, name, kind, condition, points) SELECT m, $$rule $$ || i, $$fit$$, format($$a %% %s = 0$$, i), i
    FROM unnest($${plain,clocked,escalated}$$::text[]) AS m, generate_series(2, 6) AS i;
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage) SELECT m, $$qualify$$, $$lead$$, $$sql$$ FROM unnest($${plain,clocked,escalated}$$::text[]) AS m;
INSERT INTO lead_stage.sla (model, name, stage, target, met_at, pause_when, escalate_to)
    SELECT m, $$first call$$, $$sql$$, $$8 hours$$, $$called_at$$, $$waiting$$, CASE m WHEN $$escalated$$ THEN $$manager$$ END FROM unnest($${clocked,escalated}$$::text[]) AS m;
CREATE PROCEDURE make(leads text, model text) LANGUAGE plpgsql AS $p$
BEGIN
    EXECUTE format($$CREATE TABLE %I (id int PRIMARY KEY, a int, company text, note text, called_at timestamptz, waiting bool)$$, leads);
    PERFORM lead_stage.attach(leads::regclass, model);
    IF NOT EXISTS (SELECT FROM lead_stage.version AS v WHERE v.model = make.model) THEN
        PERFORM lead_stage.publish(model);
    END IF;
END $p$;
CREATE TABLE took (task text, contestant text, run int, ms float8);
'
for d in a b; do psql -d ${db}_$d -o /dev/null -c "$setup"; done

# time TASK CONTESTANT RUN STATEMENT: psql lines that time a statement
timed() {
	printf '%s\n' "SELECT clock_timestamp() AS started \\gset" "$4" \
		"INSERT INTO took VALUES ('$1', '$2', $3, extract(epoch FROM clock_timestamp() - :'started') * 1000);"
}

# ---------------------------------------------------------------------------
# Many due at once

many() {
	local model=$1 task=$2 run=$3
	cat <<-SQL
		SET client_min_messages = warning;
		CALL make('lead', '$model');
		SET lead_stage.now = '2026-03-02 09:00+00';
		INSERT INTO lead (id, a, company, note, stage) SELECT i, i, 'company ' || i, repeat('n', 100), 'sql' FROM generate_series(1, $clocks) AS i;
		CREATE TABLE plain (LIKE lead INCLUDING ALL);
		CREATE TABLE plain_state (LIKE lead_state INCLUDING ALL) WITH (fillfactor = 70);
		CREATE TABLE plain_history (LIKE lead_history INCLUDING ALL);
		INSERT INTO plain SELECT * FROM lead;
		INSERT INTO plain_state SELECT * FROM lead_state;
		INSERT INTO plain_history SELECT * FROM lead_history;
		SELECT max(id) AS last FROM lead_history \\gset
		VACUUM ANALYZE;
		CHECKPOINT;
		SET lead_stage.now = '2026-03-10 09:00+00';
	SQL
	timed "$task" sweep "$run" 'CALL lead_stage.sweep();'
	cat <<-SQL
		CREATE TABLE new_state AS SELECT * FROM lead_state;
		CREATE TABLE new_lead AS SELECT id, owner FROM lead WHERE owner IS NOT NULL;
		CREATE TABLE new_history AS SELECT * FROM lead_history WHERE id > :last ORDER BY id;
		ANALYZE;
		CHECKPOINT;
		SELECT count(*) = $clocks AS all_swept FROM new_history WHERE event = 'sla_breached' \\gset
		\\if :all_swept
		\\else
		\\warn not all clocks were swept
		\\quit
		\\endif
	SQL
	timed "$task" plain "$run" "BEGIN;
UPDATE plain_state AS s SET sla = n.sla, sla_due = n.sla_due, sla_state = n.sla_state, recheck_at = n.recheck_at FROM new_state AS n WHERE n.id = s.id;
$([ "$model" = clocked ] || echo 'UPDATE plain AS p SET owner = n.owner FROM new_lead AS n WHERE n.id = p.id;')
INSERT INTO plain_history SELECT * FROM new_history ORDER BY id;
COMMIT;"
	cat <<-SQL
		SET client_min_messages = error;
		SELECT lead_stage.detach('lead') \\gset
		DROP TABLE plain, plain_state, plain_history, new_state, new_history, new_lead;
		DROP TABLE lead, lead_history CASCADE;
	SQL
}

for run in $(seq "$runs"); do
	many clocked "$clocks clocks due at once" "$run" | psql -d ${db}_a -o /dev/null
	many escalated "$clocks due at once, each to a new owner" "$run" | psql -d ${db}_a -o /dev/null
done

# ---------------------------------------------------------------------------
# A write that starts a clock

{
	echo 'SET client_min_messages = warning;'
	for model in plain clocked; do
		cat <<-SQL
			CALL make('$model', '$model');
			CALL make('bulk_$model', '$model');
			INSERT INTO $model (id, a, company, note) SELECT i, i, 'company ' || i, repeat('n', 100) FROM generate_series(1, $writes * $runs) AS i;
			INSERT INTO bulk_$model (id, a, company, note) SELECT i, i, 'company ' || i, repeat('n', 100) FROM generate_series(1, $clocks * $runs) AS i;
		SQL
	done
	echo 'VACUUM ANALYZE;'
	for run in $(seq "$runs"); do
		order='plain clocked'
		[ $((run % 2)) = 0 ] || order='clocked plain'
		for model in $order; do
			timed "$writes rows moved to a stage, one at a time" "$model" "$run" "DO \$\$ BEGIN FOR i IN $writes * ($run - 1) + 1 .. $writes * $run LOOP UPDATE $model SET stage = 'sql' WHERE id = i; END LOOP; END \$\$;"
		done
		for model in $order; do
			timed "$clocks rows moved to a stage at once" "$model" "$run" "UPDATE bulk_$model SET stage = 'sql' WHERE id BETWEEN $clocks * ($run - 1) + 1 AND $clocks * $run;"
		done
		for model in $order; do
			timed "$clocks rows inserted into a stage" "$model" "$run" "INSERT INTO bulk_$model (id, a, company, note, stage) SELECT i, i, 'company ' || i, repeat('n', 100), 'sql' FROM generate_series(1000000000 + $clocks * ($run - 1) + 1, 1000000000 + $clocks * $run) AS i;"
		done
		# what the checkpointer and vacuum owe is not for the next run to pay
		echo 'CHECKPOINT;'
	done
} | psql -d ${db}_a -o /dev/null

# ---------------------------------------------------------------------------
# A few due of many open: at each of the sweeps a hundred, all else much later.
# Eight hours after 10:00 in Berlin are half an hour into the next day's work.

fill() {
	cat <<-SQL
		SET client_min_messages = warning;
		CALL make('lead', 'clocked');
	SQL
	for run in $(seq 0 "$runs"); do
		cat <<-SQL
			SET lead_stage.now = '2026-03-02 09:0$run+00';
			INSERT INTO lead (id, a, company, note, stage) SELECT $run * 100 + i, i, 'company ' || i, repeat('n', 100), 'sql' FROM generate_series(1, 100) AS i;
		SQL
	done
	cat <<-SQL
		SET lead_stage.now = '2026-04-01 09:00+00';
		INSERT INTO lead (id, a, company, note, stage) SELECT 10000 + i, i, 'company ' || i, repeat('n', 100), 'sql' FROM generate_series(1, $1 - 100) AS i;
		VACUUM ANALYZE;
		CHECKPOINT;
	SQL
}
[ "$runs" -lt 10 ] || runs=9
fill 1000 | psql -d ${db}_a -o /dev/null
fill "$open" | psql -d ${db}_b -o /dev/null
# The first sweep of a session reads the model and the calendar: not measured.
for run in $(seq "$runs"); do
	for d in a b; do
		name="of 1000 open"
		[ $d = a ] || name="of $open open"
		{
			echo "SET lead_stage.now = '2026-03-03 09:3$((run - 1)):30+00';"
			echo 'CALL lead_stage.sweep();'
			echo "SET lead_stage.now = '2026-03-03 09:3$run:30+00';"
			timed '100 clocks due' "$name" "$run" 'CALL lead_stage.sweep();'
			echo "SELECT count(*) = 100 * ($run + 1) AS right FROM lead_history WHERE event = 'sla_breached' \\gset"
			printf '%s\n' '\if :right' '\else' '\warn wrong number of clocks swept' '\quit' '\endif'
		} | psql -d ${db}_$d -o /dev/null
	done
done
psql -d ${db}_b -c "COPY took TO STDOUT" | psql -d ${db}_a -c "COPY took FROM STDIN"

# ---------------------------------------------------------------------------

psql -d ${db}_a -v few="of $open open" <<'SQL'
\pset footer off
SELECT version();
WITH ratio AS (
    SELECT t.task, t.contestant, f.contestant AS against, percentile_cont(0.5) WITHIN GROUP (ORDER BY t.ms) AS ms,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY f.ms) AS against_ms, percentile_cont(0.5) WITHIN GROUP (ORDER BY t.ms / f.ms) AS ratio
    FROM took AS t JOIN took AS f USING (task, run)
    WHERE t.contestant IN ('sweep', 'clocked', :'few') AND f.contestant IN ('plain', 'of 1000 open') AND t.contestant <> f.contestant
    GROUP BY 1, 2, 3)
SELECT task, contestant, round(ms::numeric, 1) AS ms, against, round(against_ms::numeric, 1) AS against_ms, round(ratio::numeric, 2) AS ratio
FROM ratio ORDER BY task;
SQL
