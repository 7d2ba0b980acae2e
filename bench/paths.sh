#!/bin/bash
# paths.sh
#	  What leads cost on the ways that bench/write.sh does not measure.
#
#	copy        COPY, against a COPY into a table with a no-op BEFORE ROW trigger
#	            and the history rows written by a plain statement
#	rules       10, 50 and 200 fit rules: what one more costs a row
#	partitions  100 partitions, against one table
#	oltp        single-row statements by pgbench with two clients
#	memory      the most memory that a backend takes for a load and for many
#	            single-row statements (Linux, server on this machine)
#
# Names given as arguments are measured, all without any.  Contestants take
# turns, and figures are medians.  Connects as psql does, works in a database
# of its own and drops it again.  LEADS, RUNS, SECONDS_EACH, LOAD and
# STATEMENTS change the size.
set -euo pipefail

leads=${LEADS:-100000}
runs=${RUNS:-5}
seconds=${SECONDS_EACH:-10}
load=${LOAD:-5000000}
statements=${STATEMENTS:-1000000}
db=lead_stage_bench_$$
work=$(mktemp -d)

psql() { command psql -X -q -v ON_ERROR_STOP=1 -d "${1:-$db}" "${@:2}"; }
ask() { psql "$db" -A -t -c "$1"; }
median() { sort -g | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / b}'; }
line() { printf '%-62s %10.6s %10.6s %8s   %s\n' "$@"; }
export PGOPTIONS='-c client_min_messages=warning'

command psql -X -q -d postgres -c "CREATE DATABASE $db"
trap 'rm -rf "$work"; command psql -X -q -d postgres -c "DROP DATABASE IF EXISTS $db"' EXIT

columns='id, email, role_type, region, employees, budget, note'
row() { echo "n + $1, 'lead' || n || '@example.com', (ARRAY['executive', 'nurse', 'student'])[1 + n % 3],
              (ARRAY['UK', 'IE', 'FR', 'US'])[1 + n % 4], n % 500, n % 90000, 'some note about the lead ' || n"; }
table="(id bigint PRIMARY KEY, email text, role_type text, region text, employees int, budget int, note text)"

psql "$db" <<-SQL >/dev/null
	SET client_min_messages = warning;
	CREATE EXTENSION lead_stage;
	ALTER DATABASE $db SET jit = off;
	ALTER DATABASE $db SET max_parallel_workers_per_gather = 0;
	CREATE FUNCTION attached(leads text, rules int, how text DEFAULT '') RETURNS void LANGUAGE plpgsql AS \$\$
	BEGIN
	    EXECUTE format('CREATE TABLE %I $table %s', leads, how);
	    IF how <> '' THEN
	        FOR i IN 0 .. 99 LOOP
	            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS 100, REMAINDER %s)', leads || '_' || i, leads, i);
	        END LOOP;
	    END IF;
	    INSERT INTO lead_stage.model (name) VALUES (leads);
	    INSERT INTO lead_stage.rule (model, name, kind, condition, points)
	        SELECT leads, 'r' || i, 'fit', (ARRAY[format('employees >= %s', i), format('budget > %s', i * 100),
	            format('role_type = %L', 'role' || i), format('region IN (''UK'', ''IE'', %L)', 'R' || i)])[1 + i % 4], 1
	        FROM generate_series(1, rules) AS i;
	    INSERT INTO lead_stage.transition (model, name, from_stage, to_stage)
	        SELECT leads, m.n, m.f::lead_stage, m.t::lead_stage FROM (VALUES ('up', 'lead', 'nurture'), ('down', 'nurture', 'lead')) AS m (n, f, t);
	    PERFORM lead_stage.attach(leads::regclass, leads);
	    PERFORM lead_stage.publish(leads);
	END \$\$;
	CREATE FUNCTION plain(leads text, like_table text, how text DEFAULT '') RETURNS void LANGUAGE plpgsql AS \$\$
	BEGIN
	    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS, PRIMARY KEY (id)) %s', leads, like_table, how);
	    IF how <> '' THEN
	        FOR i IN 0 .. 99 LOOP
	            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS 100, REMAINDER %s)', leads || '_' || i, leads, i);
	        END LOOP;
	    END IF;
	END \$\$;
SQL

# timed FILE WARMUP: milliseconds that the backend's own processor time took for the
# statements in it, in a session of its own that has run the warm-up before.
timed()
{
	psql "$db" -A -t <<-SQL | tail -n 1
		SET client_min_messages = warning;
		$2
		SELECT split_part(pg_read_file(format('/proc/%s/schedstat', pg_backend_pid())), ' ', 1) AS began \gset
		\i $1
		SELECT (split_part(pg_read_file(format('/proc/%s/schedstat', pg_backend_pid())), ' ', 1)::numeric - :began) / 1e6;
	SQL
}

measure_copy()
{
	psql "$db" <<-SQL >/dev/null
		SELECT attached('copied', 10);
		SELECT plain('copy_floor', 'copied');
		CREATE TABLE copy_history (LIKE copied_history INCLUDING ALL);
		CREATE SEQUENCE copy_seq;
		ALTER TABLE copy_history ALTER id SET DEFAULT nextval('copy_seq');
		CREATE TRIGGER noop BEFORE INSERT ON copy_floor FOR EACH ROW WHEN (false) EXECUTE FUNCTION suppress_redundant_updates_trigger();
	SQL
	for ((run = 0; run < runs; run++)); do
		local file=$work/copy.tsv from=$((run * leads))
		ask "COPY (SELECT $(row "$from") FROM generate_series(1, $leads) AS n) TO STDOUT" >"$file"
		echo "\\copy copied ($columns) FROM $file" >"$work/ours"
		{
			echo "\\copy copy_floor ($columns) FROM $file"
			echo "INSERT INTO copy_history (lead_id, at, recorded_at, version, fit_score, to_stage, event, role, evidence)
			      SELECT n + $from, now(), now(), 1, 40, 'lead', 'created', session_user, B'1010110'::varbit FROM generate_series(1, $leads) AS n;"
		} >"$work/floor"
		timed "$work/floor" "INSERT INTO copy_floor (id) VALUES (-$run);" >>"$work/copy.floor"
		timed "$work/ours" "INSERT INTO copied (id) VALUES (-$run);" >>"$work/copy.ours"
	done
	local floor ours
	floor=$(median <"$work/copy.floor"); ours=$(median <"$work/copy.ours")
	line "COPY of $leads, ms (target 1.10)" "$floor" "$ours" "$(ratio "$ours" "$floor")" "ours / floor"
}

measure_rules()
{
	local t10 t50 t200
	for n in 10 50 200; do ask "SELECT attached('rules_$n', $n)" >/dev/null; done
	for ((run = 0; run < runs; run++)); do
		for n in 10 50 200; do
			echo "INSERT INTO rules_$n ($columns) SELECT $(row "$((run * leads + 1))") FROM generate_series(1, $leads) AS n;" >"$work/ours"
			timed "$work/ours" "INSERT INTO rules_$n (id) VALUES (-$run) ON CONFLICT DO NOTHING;" >>"$work/rules.$n"
		done
	done
	t10=$(median <"$work/rules.10"); t50=$(median <"$work/rules.50"); t200=$(median <"$work/rules.200")
	line "10 and 50 rules, INSERT of $leads, ms" "$t10" "$t50" "$(ratio "$t50" "$t10")" "$(awk -v a="$t10" -v b="$t50" -v n="$leads" 'BEGIN {printf "%.0f ns a rule", (b - a) / 40 / n * 1e6}')"
	line "10 and 200 rules (target 60 ns)" "$t10" "$t200" "$(ratio "$t200" "$t10")" "$(awk -v a="$t10" -v b="$t200" -v n="$leads" 'BEGIN {printf "%.0f ns a rule", (b - a) / 190 / n * 1e6}')"
}

measure_partitions()
{
	ask "SELECT attached('one', 10), attached('many', 10, 'PARTITION BY HASH (id)'), plain('bare_one', 'one'), plain('bare_many', 'one', 'PARTITION BY HASH (id)')" >/dev/null
	for ((run = 0; run < runs; run++)); do
		for t in bare_one bare_many one many; do
			echo "INSERT INTO $t ($columns) SELECT $(row "$((run * leads + 1))") FROM generate_series(1, $leads) AS n;" >"$work/ours"
			timed "$work/ours" "INSERT INTO $t (id) SELECT -n - $((run * 2000)) FROM generate_series(1, 2000) AS n;" >>"$work/parts.$t"
		done
	done
	local one many
	one=$(median <"$work/parts.bare_one"); many=$(median <"$work/parts.bare_many")
	line "100 partitions, not attached, INSERT of $leads, ms" "$one" "$many" "$(ratio "$many" "$one")" "100 / one"
	one=$(median <"$work/parts.one"); many=$(median <"$work/parts.many")
	line "100 partitions, attached (target 1.15)" "$one" "$many" "$(ratio "$many" "$one")" "100 / one"
}

tps() { PGOPTIONS="-c client_min_messages=warning -c synchronous_commit=$2" pgbench -n -c 2 -j 2 -T "$seconds" -M prepared -f "$work/$1.pgbench" "$db" 2>/dev/null | awk '/^tps/ {print $3}'; }

measure_oltp()
{
	ask "SELECT attached('busy', 10), plain('busy_bare', 'busy')" >/dev/null
	for t in busy busy_bare; do
		ask "INSERT INTO $t ($columns) SELECT $(row 0) FROM generate_series(1, $leads) AS n"
		ask "CREATE SEQUENCE ${t}_keys START $((leads + 1))"
		cat >"$work/$t.pgbench" <<-SQL
			\\set id random(1, $leads)
			\\set n random(1, 90000)
			INSERT INTO $t ($columns) VALUES (nextval('${t}_keys'), 'x@example.com', 'nurse', 'UK', 300, :n, 'new');
			UPDATE $t SET budget = :n WHERE id = :id;
			UPDATE $t SET note = 'called ' || :n WHERE id = :id;
		SQL
		ask "VACUUM ANALYZE $t"
	done
	for commit in on off; do
		for ((run = 0; run < runs; run++)); do
			for t in busy_bare busy; do tps $t $commit >>"$work/oltp.$t.$commit"; done
		done
		local bare ours target=0.95
		[ $commit = on ] || target=0.85
		bare=$(median <"$work/oltp.busy_bare.$commit"); ours=$(median <"$work/oltp.busy.$commit")
		line "OLTP, 3 statements, tps, sync commit $commit (target $target)" "${bare%.*}" "${ours%.*}" "$(ratio "$ours" "$bare")" "ours / bare"
	done
}

# The most anonymous memory (kB) that the backend of "psql -f" had meanwhile.
peak()
{
	{ echo "SELECT pg_backend_pid() \\g (tuples_only=on format=unaligned) $work/pid"; echo '\! sleep 0.2'; cat "$1"; } >"$work/peak.sql"
	rm -f "$work/pid"
	psql "$db" -f "$work/peak.sql" >/dev/null &
	local client=$! most=0 now
	until [ -s "$work/pid" ]; do sleep 0.05; done
	while now=$(awk '/^RssAnon/ {print $2}' "/proc/$(cat "$work/pid")/status" 2>/dev/null) && [ -n "$now" ]; do
		[ "$now" -le "$most" ] || most=$now
		sleep 0.2
	done
	wait $client
	echo $most
}

measure_memory()
{
	ask "SELECT attached('kept', 10)" >/dev/null
	local small large
	echo "INSERT INTO kept ($columns) SELECT $(row 0) FROM generate_series(1, 10000) AS n;" >"$work/load"
	small=$(peak "$work/load")
	echo "INSERT INTO kept ($columns) SELECT $(row 10000) FROM generate_series(1, $load) AS n;" >"$work/load"
	large=$(peak "$work/load")
	line "memory of an INSERT of 10,000 and of $load, kB" "$small" "$large" "$(ratio "$large" "$small")" ""
	for n in 10000 "$statements"; do
		cat >"$work/statements.$n" <<-SQL
			DO \$\$BEGIN
			    FOR i IN 1 .. $n LOOP
			        UPDATE kept SET budget = budget + 1 WHERE id = 1 + i % 10000;
			        IF i % 10000 = 0 THEN COMMIT; END IF;
			    END LOOP;
			END\$\$;
		SQL
	done
	small=$(peak "$work/statements.10000"); large=$(peak "$work/statements.$statements")
	line "memory of 10,000 and of $statements single-row UPDATEs, kB" "$small" "$large" "$(ratio "$large" "$small")" ""
}

ask "SELECT version()"
ask "SELECT string_agg(name || ' ' || setting, ', ' ORDER BY name) FROM pg_settings WHERE name IN ('fsync', 'wal_level', 'shared_preload_libraries')"
line "" "floor" "ours" "ratio" ""
for what in "${@:-copy rules partitions oltp memory}"; do
	for one in $what; do "measure_$one"; done
done
