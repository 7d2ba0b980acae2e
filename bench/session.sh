#!/bin/bash
# session.sh
#	  What the first write of a new session costs: the backend's own processor
#	  time for one statement of a session that has done nothing before.
#
#	bare       a plain table
#	floor      a plain table, and a plain INSERT of the row of history
#	peer       a table with the PL/pgSQL triggers that one would write by hand
#	ours       an attached table with ten fit rules and six transitions
#	preloaded  the same, where session_preload_libraries = 'lead_stage', which
#	           loads the library when the session begins
#
# Each write has a connection of its own, and the contestants take turns.  Prints
# medians, what each costs over bare, and the pages of memory that the session
# touched for the first time meanwhile, which on a virtual machine cost the most.
# Connects as psql does, as a superuser, to a server on this machine (Linux);
# works in a database of its own and drops it again.  RUNS changes the number.
set -euo pipefail

runs=${RUNS:-200}
db=lead_stage_bench_$$
work=$(mktemp -d)

psql() { command psql -X -q -v ON_ERROR_STOP=1 -d "${1:-$db}" "${@:2}"; }
median() { sort -g "$1" | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }
minus() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%+.2f", a - b}'; }
export PGOPTIONS='-c client_min_messages=warning -c jit=off'

command psql -X -q -d postgres -c "CREATE DATABASE $db"
trap 'rm -rf "$work"; command psql -X -q -d postgres -c "DROP DATABASE IF EXISTS $db"' EXIT

psql "$db" <<-'SQL' >/dev/null
	CREATE EXTENSION lead_stage;
	CREATE TABLE ours (id bigint PRIMARY KEY, email text, role_type text, region text, employees int, budget int, note text);
	INSERT INTO lead_stage.model (name) VALUES ('bench');
	INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES
	    ('bench', 'r1', 'fit', $$role_type = 'executive'$$, 20), ('bench', 'r2', 'fit', $$role_type IN ('physician', 'nurse')$$, 10),
	    ('bench', 'r3', 'fit', $$role_type = 'student'$$, -20), ('bench', 'r4', 'fit', $$region IN ('UK', 'IE', 'DE')$$, 15),
	    ('bench', 'r5', 'fit', $$region = 'US'$$, -20), ('bench', 'r6', 'fit', $$employees >= 50$$, 5),
	    ('bench', 'r7', 'fit', $$employees >= 200$$, 10), ('bench', 'r8', 'fit', $$budget IS NOT NULL$$, 5),
	    ('bench', 'r9', 'fit', $$budget > 50000$$, 10), ('bench', 'r10', 'fit', $$note ILIKE '%urgent%'$$, 5);
	INSERT INTO lead_stage.transition (model, name, from_stage, to_stage) VALUES
	    ('bench', 'up', 'lead', 'nurture'), ('bench', 'up2', 'nurture', 'mql'), ('bench', 'up3', 'mql', 'sal'),
	    ('bench', 'up4', 'sal', 'sql'), ('bench', 'up5', 'sql', 'opportunity'), ('bench', 'up6', 'opportunity', 'customer');
	SELECT lead_stage.attach('ours', 'bench');
	SELECT lead_stage.publish('bench');
	CREATE TABLE bare (LIKE ours INCLUDING DEFAULTS INCLUDING INDEXES);
	CREATE TABLE floor (LIKE ours INCLUDING DEFAULTS INCLUDING INDEXES);
	CREATE TABLE peer (LIKE ours INCLUDING DEFAULTS INCLUDING INDEXES);
	CREATE TABLE floor_history (LIKE ours_history INCLUDING ALL);
	CREATE TABLE peer_history (LIKE ours_history INCLUDING ALL);
	CREATE SEQUENCE floor_seq; ALTER TABLE floor_history ALTER id SET DEFAULT nextval('floor_seq');
	CREATE SEQUENCE peer_seq; ALTER TABLE peer_history ALTER id SET DEFAULT nextval('peer_seq');
	CREATE FUNCTION peer_judge() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
	    NEW.fit_score :=
	        CASE WHEN NEW.role_type = 'executive' THEN 20 ELSE 0 END
	        + CASE WHEN NEW.role_type IN ('physician', 'nurse') THEN 10 ELSE 0 END
	        + CASE WHEN NEW.role_type = 'student' THEN -20 ELSE 0 END
	        + CASE WHEN NEW.region IN ('UK', 'IE', 'DE') THEN 15 ELSE 0 END
	        + CASE WHEN NEW.region = 'US' THEN -20 ELSE 0 END
	        + CASE WHEN NEW.employees >= 50 THEN 5 ELSE 0 END
	        + CASE WHEN NEW.employees >= 200 THEN 10 ELSE 0 END
	        + CASE WHEN NEW.budget IS NOT NULL THEN 5 ELSE 0 END
	        + CASE WHEN NEW.budget > 50000 THEN 10 ELSE 0 END
	        + CASE WHEN NEW.note ILIKE '%urgent%' THEN 5 ELSE 0 END;
	    IF TG_OP = 'INSERT' OR NEW.stage <> OLD.stage THEN
	        NEW.stage_since := now();
	    END IF;
	    RETURN NEW;
	END $$;
	CREATE TRIGGER judge BEFORE INSERT OR UPDATE ON peer FOR EACH ROW EXECUTE FUNCTION peer_judge();
	CREATE FUNCTION peer_record() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
	    IF TG_OP = 'INSERT' THEN
	        INSERT INTO peer_history (lead_id, at, recorded_at, version, fit_score, to_stage, event, role)
	            VALUES (NEW.id, now(), now(), 1, NEW.fit_score, NEW.stage, 'created', session_user);
	    ELSIF NEW.stage <> OLD.stage THEN
	        INSERT INTO peer_history (lead_id, at, recorded_at, since, version, fit_score, from_stage, to_stage, event, name, role)
	            VALUES (NEW.id, now(), now(), OLD.stage_since, 1, NEW.fit_score, OLD.stage, NEW.stage, 'stage', 'up', session_user);
	    END IF;
	    RETURN NULL;
	END $$;
	CREATE TRIGGER record AFTER INSERT OR UPDATE ON peer FOR EACH ROW EXECUTE FUNCTION peer_record();
	-- each move has a lead of its own
	INSERT INTO ours (id) SELECT -n FROM generate_series(1, 10000) AS n;
	INSERT INTO peer (id) SELECT -n FROM generate_series(1, 10000) AS n;
	INSERT INTO bare SELECT * FROM ours;
	INSERT INTO floor SELECT * FROM ours;
	INSERT INTO floor_history SELECT * FROM ours_history;
	VACUUM (ANALYZE);
SQL

# measure NAME OPTIONS SQL: appends milliseconds and page faults of this one write.
measure()
{
	local now="SELECT split_part(pg_read_file(format('/proc/%s/schedstat', pg_backend_pid())), ' ', 1)::numeric / 1e6,
	                  split_part(pg_read_file(format('/proc/%s/stat', pg_backend_pid())), ' ', 10)"

	PGOPTIONS="$PGOPTIONS $2" psql "$db" -A -t -F ' ' <<-SQL | awk -v name="$work/$1" 'NR == 1 {ms = $1; faults = $2} END {print $1 - ms >> (name ".ms"); print $2 - faults >> (name ".faults")}'
		$now;
		$3
		$now;
	SQL
}

insert="(id, email, role_type, region, employees, budget, note) VALUES"
created="INSERT INTO floor_history (lead_id, at, recorded_at, version, fit_score, to_stage, event, role, evidence) VALUES"
moved="INSERT INTO floor_history (lead_id, at, recorded_at, since, version, fit_score, from_stage, to_stage, event, name, role, evidence) VALUES"
preload='-c session_preload_libraries=lead_stage'
for ((run = 1; run <= runs; run++)); do
	for ours in ours preloaded; do
		id=$run; [ $ours = ours ] || id=$((run + 100000))
		options=; [ $ours = ours ] || options=$preload
		measure insert.$ours "$options" "INSERT INTO ours $insert ($id, 'a@example.com', 'nurse', 'UK', 300, 4000, 'new');"
		id=-$run; [ $ours = ours ] || id=-$((run + 5000))
		measure update.$ours "$options" "UPDATE ours SET stage = 'nurture' WHERE id = $id;"
	done
	for t in bare peer floor; do
		created_too=; moved_too=
		if [ $t = floor ]; then
			created_too="$created ($run, now(), now(), 1, 40, 'lead', 'created', session_user, B'1010110');"
			moved_too="$moved (-$run, now(), now(), now(), 1, 40, 'lead', 'nurture', 'stage', 'up', session_user, B'1010110');"
		fi
		measure insert.$t '' "INSERT INTO $t $insert ($run, 'a@example.com', 'nurse', 'UK', 300, 4000, 'new'); $created_too"
		measure update.$t '' "UPDATE $t SET stage = 'nurture', stage_since = now() WHERE id = -$run; $moved_too"
	done
done

psql "$db" -A -t -c "SELECT version()"
printf '%-34s %10s %10s %12s %12s\n' "first statement of a session" "ms" "over bare" "page faults" "over bare"
for what in insert update; do
	for t in bare floor peer ours preloaded; do
		printf '%-34s %10.2f %10s %12.0f %12s\n' "$what, $t" "$(median "$work/$what.$t.ms")" \
			"$(minus "$(median "$work/$what.$t.ms")" "$(median "$work/$what.bare.ms")")" "$(median "$work/$what.$t.faults")" \
			"$(awk -v a="$(median "$work/$what.$t.faults")" -v b="$(median "$work/$what.bare.faults")" 'BEGIN {printf "%+.0f", a - b}')"
	done
done
