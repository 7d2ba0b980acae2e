# Random models, and random writes by several sessions at once: inserts,
# updates, moves, upserts, merges, key changes, deletions, transactions and
# subtransactions undone and not.  A log that the user's own triggers keep is
# then replayed by plain SQL: stage, score, state and every row of history must
# be what the replay says.
#
# RANDOM_SEED repeats a run as far as concurrency allows.
use strict;
use warnings;
use IPC::Run qw(start finish);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{RANDOM_SEED} // 20261124;
note "seed $seed";
srand($seed);

my $sessions = 3;
my $statements = 150;

sub one_of { return $_[ int rand @_ ]; }
sub chance { return rand() < $_[0]; }

my $node = PostgreSQL::Test::Cluster->new('random_writes');
$node->init;
$node->append_conf('postgresql.conf', "deadlock_timeout = 50ms\nfsync = off\nlog_statement = none");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION lead_stage');

# ---------------------------------------------------------------------------
# The model

my @conditions = (
	'a > 3', 'a % 2 = 0', 'b', 'NOT b', 'c > a', 'c IS NULL', 'a + c > 8',
	"kind = 'x'", "kind IN ('y', 'z')", "kind LIKE '%x' OR b", 'a BETWEEN 2 AND 5', 'coalesce(c, 0) < 4');

sub quote { my $v = shift; return 'NULL' if !defined $v; $v =~ s/'/''/g; return "'$v'"; }

# INSERTs for a model; the tables of rules are the replay's source too.
sub model
{
	my $sql = sprintf "INSERT INTO lead_stage.model (name, on_refused) VALUES ('m', %s);\n", quote(one_of('error', 'keep'));

	$sql .= sprintf "INSERT INTO lead_stage.category (model, name, max_points) VALUES ('m', 'c1', %d), ('m', 'c2', NULL);\n", 5 + rand 20;
	foreach my $n (1 .. 8)
	{
		$sql .= sprintf "INSERT INTO lead_stage.rule (model, name, kind, condition, points, category, enabled) VALUES ('m', 'r$n', 'fit', %s, %d, %s, %s);\n",
		  quote(one_of(@conditions)), -10 + rand 40,
		  quote(one_of(undef, 'c1', 'c2')), chance(0.9) ? 'true' : 'false';
	}
	foreach my $to (qw(mql sql opportunity))
	{
		$sql .= sprintf "INSERT INTO lead_stage.criterion (model, name, required_for, condition) VALUES ('m', 'for $to', '$to', %s);\n", quote(one_of(@conditions))
		  if chance(0.6);
	}
	# Automatic moves go up only; by hand, anywhere.
	my @up = (['lead', 'nurture'], ['lead', 'mql'], ['nurture', 'mql'], ['mql', 'sal'], ['sal', 'sql'], ['sql', 'opportunity']);
	my $n = 0;
	foreach my $move (@up)
	{
		$n++;
		$sql .= sprintf "INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, automatic, min_fit, condition, hold_for) VALUES ('m', 't%02d', '%s', '%s', %s, true, %s, %s, %s);\n",
		  $n, @$move, chance(0.5) ? int rand 5 : 'NULL', chance(0.7) ? int rand 40 : 'NULL', chance(0.5) ? quote(one_of(@conditions)) : 'NULL',
		  chance(0.2) ? "'1 day'" : 'NULL';
	}
	foreach my $from (undef, qw(lead nurture mql sal sql lost customer))
	{
		foreach my $to (qw(disqualified lost lead nurture mql sal sql opportunity customer))
		{
			next if (defined $from && $from eq $to) || !chance(defined $from ? 0.35 : 0.2);
			$n++;
			$sql .= sprintf "INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, min_fit, condition, reasons, hold_for) VALUES ('m', 't%02d', %s, '%s', %s, %s, %s, %s, %s);\n",
			  $n, quote($from), $to, chance(0.5) ? int rand 5 : 'NULL', chance(0.2) ? int rand 30 : 'NULL', chance(0.4) ? quote(one_of(@conditions)) : 'NULL',
			  one_of('NULL', "'{}'", "'{r1,r2}'"), chance(0.3) ? "'1 day'" : 'NULL';
		}
	}
	$sql .= sprintf "INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('m', 'm1', %s), ('m', 'm2', %s);\n",
	  map { quote(one_of(@conditions)) } 1, 2;
	return $sql;
}

# ---------------------------------------------------------------------------
# The writes

my @keys = (1 .. 25);

sub key { return one_of(@keys); }
sub kind { return quote(one_of('x', 'y', 'z', 'ax', undef)); }
sub number { return one_of('NULL', 0 .. 9); }
sub flag { return one_of('true', 'false', 'NULL'); }
sub stage { return quote(one_of(qw(disqualified lost lead nurture mql sal sql opportunity customer))); }
sub reason { return quote(one_of('r1', 'r2', 'r3', ' ', undef)); }
sub owner { return quote(one_of('ann', 'bob', 'eve', undef)); }
sub row { return sprintf '(%d, %s, %s, %s, %s, %s)', key(), number(), flag(), number(), kind(), quote(one_of(undef, undef, 'spawn')); }
sub some { return one_of(sprintf('id = %d', key()), sprintf('id IN (%d, %d)', key(), key()), sprintf('id %% 7 = %d', rand 7), sprintf('id = %d', 100 + key()), sprintf('id = %d', 200 + key())); }

sub assignments
{
	my %set = (
		a => number(), b => flag(), c => number(), kind => kind(), owner => owner(),
		note => quote(one_of('n', 'spawn', undef)), fit_score => 999);
	my @columns = sort keys %set;
	my %chosen = map { $_ => 1 } map { one_of(@columns) } 1 .. 1 + rand 3;

	return join ', ', map { "$_ = $set{$_}" } sort keys %chosen;
}

sub statement
{
	my $columns = 'id, a, b, c, kind, note';
	my @choices = (
		sub { sprintf 'INSERT INTO lead (%s) VALUES %s', $columns, join ', ', map { row() } 1 .. 1 + rand 3 },
		sub { sprintf 'INSERT INTO lead (%s, stage, stage_reason, owner) SELECT v.*, %s, %s, %s FROM (VALUES %s) AS v', $columns, stage() . '::lead_stage', reason(), owner(), '(' . join(', ', key(), (one_of(1 .. 9)), 'true', 5, "'x'", 'NULL::text') . ')' },
		sub { sprintf 'INSERT INTO lead (%s) VALUES %s ON CONFLICT DO NOTHING', $columns, join ', ', map { row() } 1 .. 1 + rand 3 },
		sub { sprintf 'INSERT INTO lead (%s, stage) VALUES (%d, 1, true, 5, NULL, NULL, %s) ON CONFLICT DO NOTHING', $columns, key(), stage() },
		sub { sprintf 'INSERT INTO lead (%s) VALUES %s ON CONFLICT (id) DO UPDATE SET %s', $columns, row(), one_of('a = EXCLUDED.a', 'a = EXCLUDED.a, b = EXCLUDED.b, kind = EXCLUDED.kind', "owner = 'up'", 'note = EXCLUDED.note') },
		(sub { sprintf 'UPDATE lead SET %s WHERE %s', assignments(), some() }) x 5,
		(sub { sprintf 'UPDATE lead SET stage = %s, stage_reason = %s WHERE %s', stage(), reason(), some() }) x 3,
		sub { sprintf 'UPDATE lead SET stage = %s, stage_reason = %s, %s WHERE %s', stage(), reason(), assignments(), some() },
		sub { sprintf 'DELETE FROM lead WHERE %s', some() },
		sub { my $k = key(); sprintf 'UPDATE lead SET id = %d, %s WHERE id = %d', $k + 100, assignments(), $k },
		sub { my $k = key(); sprintf 'UPDATE lead SET id = %d WHERE id = %d', $k, $k + 100 },
		sub { sprintf 'MERGE INTO lead USING (VALUES (%d), (%d)) AS v (k) ON id = v.k WHEN MATCHED AND a > 7 THEN DELETE WHEN MATCHED THEN UPDATE SET a = %s WHEN NOT MATCHED THEN INSERT (id, a, kind) VALUES (v.k, %s, %s)', 1 + int(rand 12), 13 + int(rand 12), number(), number(), kind() },
		sub { sprintf 'WITH gone AS (DELETE FROM lead WHERE %s RETURNING id) INSERT INTO lead (id, a) SELECT id + 50, 5 FROM gone ON CONFLICT DO NOTHING', some() },
	);

	return one_of(@choices)->();
}

sub block
{
	my $inner = join "\n", map { '    ' . statement() . ';' } 1 .. 1 + rand 3;
	my $fails = chance(0.4) ? "    RAISE division_by_zero;\n" : '';

	return "DO \$\$ BEGIN\n  " . statement() . ";\n  BEGIN\n$inner\n$fails  EXCEPTION WHEN OTHERS THEN " . (chance(0.5) ? statement() : 'NULL') . ";\n  END;\nEXCEPTION WHEN check_violation OR unique_violation THEN NULL;\nEND \$\$";
}

sub transaction
{
	my $sql = "BEGIN" . one_of('', '', ' ISOLATION LEVEL REPEATABLE READ', ' ISOLATION LEVEL SERIALIZABLE') . ";\n";

	foreach (1 .. 1 + rand 4)
	{
		if (chance(0.4))
		{
			$sql .= "SAVEPOINT s;\n" . join('', map { statement() . ";\n" } 1 .. 1 + rand 2);
			$sql .= one_of('ROLLBACK TO', 'ROLLBACK TO', 'RELEASE') . " s;\n";
		}
		else { $sql .= (chance(0.2) ? block() : statement()) . ";\n"; }
	}
	return $sql . one_of('COMMIT', 'COMMIT', 'COMMIT', 'ROLLBACK') . ";\n";
}

sub script
{
	my $sql = "SET client_min_messages = error;\n";

	foreach (1 .. $statements)
	{
		$sql .= chance(0.2) ? transaction() : (chance(0.2) ? block() : statement()) . ";\n";
	}
	return $sql;
}

# ---------------------------------------------------------------------------
# The log, and its replay

my $log = q{
CREATE TABLE log (no bigserial PRIMARY KEY, op text, stored jsonb, wrote jsonb, new jsonb);

-- Sorts before our trigger: what was written, which goes on through a move to
-- another partition.  And a statement inside of a statement.
CREATE FUNCTION before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.wrote := jsonb_build_object('old', to_jsonb(OLD) - 'wrote', 'new', to_jsonb(NEW) - 'wrote');
    ELSIF NEW.wrote IS NULL THEN
        NEW.wrote := jsonb_build_object('new', to_jsonb(NEW) - 'wrote');
    END IF;
    IF NEW.note = 'spawn' THEN
        NEW.note := 'spawned';
        BEGIN
            INSERT INTO lead (id, a, b) VALUES (NEW.id + 200, NEW.a, NEW.b) ON CONFLICT DO NOTHING;
            IF NEW.a = 3 THEN RAISE division_by_zero; END IF;
        EXCEPTION WHEN division_by_zero THEN NULL;
        END;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER before BEFORE INSERT OR UPDATE ON lead FOR EACH ROW EXECUTE FUNCTION before();
CREATE FUNCTION after() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.wrote ? 'old' THEN
        DELETE FROM log WHERE no = (SELECT max(no) FROM log WHERE op = 'DELETE' AND stored -> 'id' = NEW.wrote -> 'old' -> 'id');
        INSERT INTO log (op, stored, wrote, new) VALUES ('UPDATE', NEW.wrote -> 'old', NEW.wrote -> 'new', to_jsonb(NEW) - 'wrote');
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO log (op, stored) VALUES (TG_OP, to_jsonb(OLD) - 'wrote');
    ELSE
        INSERT INTO log (op, stored, wrote, new)
            VALUES (TG_OP, CASE TG_OP WHEN 'UPDATE' THEN to_jsonb(OLD) - 'wrote' END, NEW.wrote -> 'new', to_jsonb(NEW) - 'wrote');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER zz AFTER INSERT OR UPDATE OR DELETE ON lead FOR EACH ROW EXECUTE FUNCTION after();

CREATE TABLE replayed (no bigserial, id int, event text, from_stage lead_stage, to_stage lead_stage, name text, fit int, owner text);
CREATE TABLE held (id int PRIMARY KEY);
CREATE TABLE difference (what text);

-- A condition of a row, in plain SQL; null: always.
CREATE FUNCTION holds(condition text, r jsonb) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE result bool;
BEGIN
    IF condition IS NULL THEN RETURN true; END IF;
    EXECUTE format('SELECT (%s) FROM jsonb_to_record($1) AS r (a int, b bool, c int, kind text)', condition) INTO result USING r;
    RETURN coalesce(result, false);
END $$;

CREATE FUNCTION fit(r jsonb) RETURNS int LANGUAGE sql AS $$
    SELECT coalesce(sum(least(total, CASE WHEN cap THEN max_points END)), 0)::int
    FROM (SELECT r.category, c.max_points, c.max_points IS NOT NULL AS cap, sum(r.points) AS total
          FROM lead_stage.rule AS r LEFT JOIN lead_stage.category AS c ON (c.model, c.name) = (r.model, r.category)
          WHERE r.model = 'm' AND r.enabled AND holds(r.condition, $1) GROUP BY 1, 2, 3) AS g
$$;

CREATE FUNCTION criteria_hold(from_stage lead_stage, to_stage lead_stage, r jsonb) RETURNS bool LANGUAGE sql AS $$
    SELECT coalesce(bool_and(holds(c.condition, r)), true) FROM lead_stage.criterion AS c
    WHERE c.model = 'm' AND c.required_for > from_stage AND c.required_for <= to_stage
$$;

CREATE FUNCTION moves(from_stage lead_stage, r jsonb, score int) RETURNS SETOF lead_stage.transition LANGUAGE sql AS $$
    SELECT t.* FROM lead_stage.transition AS t
    WHERE t.model = 'm' AND t.to_stage <> $1
          AND CASE WHEN t.from_stage IS NULL THEN $1 NOT IN ('disqualified', 'lost', 'customer') ELSE t.from_stage = $1 END
          AND (t.min_fit IS NULL OR $3 >= t.min_fit) AND holds(t.condition, $2) AND criteria_hold($1, t.to_stage, $2)
    ORDER BY t.position NULLS LAST, t.name COLLATE "C"
$$;

CREATE FUNCTION replay() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    w record; old lead; wrote lead; t lead_stage.transition;
    at lead_stage; score int; on_hold bool; goes_on bool; entered lead_stage[]; wants_reason bool; moved bool;
BEGIN
    FOR w IN SELECT * FROM log ORDER BY no LOOP
        old := jsonb_populate_record(NULL::lead, w.stored);
        wrote := jsonb_populate_record(NULL::lead, w.wrote);
        IF w.op = 'DELETE' THEN
            INSERT INTO replayed (id, event, from_stage, fit, owner) VALUES (old.id, 'deleted', old.stage, old.fit_score, old.owner);
            DELETE FROM held WHERE id = old.id;
            CONTINUE;
        END IF;
        IF w.op = 'UPDATE' AND (old.id, old.a, old.b, old.c, old.kind, old.stage, old.owner, old.fit_score, old.stage_since)
           IS NOT DISTINCT FROM (wrote.id, wrote.a, wrote.b, wrote.c, wrote.kind, wrote.stage, wrote.owner, wrote.fit_score, wrote.stage_since) THEN
            IF old.stage <> (w.new ->> 'stage')::lead_stage THEN INSERT INTO difference VALUES (format('write %s moved a lead though nothing changed', w.no)); END IF;
            CONTINUE;
        END IF;
        score := fit(w.wrote);
        goes_on := true;
        IF w.op = 'INSERT' THEN
            at := 'lead'; old.owner := wrote.owner; on_hold := false;
            INSERT INTO replayed (id, event, to_stage, fit, owner) VALUES (wrote.id, 'created', 'lead', score, wrote.owner);
        ELSE
            at := old.stage;
            on_hold := EXISTS (SELECT FROM held WHERE id = old.id);
            IF wrote.id <> old.id THEN
                INSERT INTO replayed (id, event, from_stage, fit, owner) VALUES (old.id, 'rekeyed', at, score, old.owner);
                INSERT INTO replayed (id, event, to_stage, fit, owner) VALUES (wrote.id, 'rekeyed', at, score, old.owner);
                DELETE FROM held WHERE id = old.id;
            END IF;
        END IF;
        IF wrote.stage <> at THEN
            moved := false;
            FOR t IN SELECT * FROM moves(at, w.wrote, score) AS m WHERE m.to_stage = wrote.stage LOOP
                CONTINUE WHEN t.reasons IS NOT NULL AND (wrote.stage_reason IS NULL OR btrim(wrote.stage_reason) = ''
                              OR (t.reasons <> '{}' AND wrote.stage_reason <> ALL (t.reasons)));
                INSERT INTO replayed (id, event, from_stage, to_stage, name, fit, owner) VALUES (wrote.id, 'stage', at, t.to_stage, t.name, score, old.owner);
                goes_on := t.to_stage > at; at := t.to_stage; on_hold := t.hold_for IS NOT NULL; moved := true;
                EXIT;
            END LOOP;
            IF NOT moved THEN
                INSERT INTO replayed (id, event, from_stage, to_stage, fit, owner) VALUES (wrote.id, 'refused', at, wrote.stage, score, old.owner);
                goes_on := false;
                IF (SELECT on_refused FROM lead_stage.model WHERE name = 'm') = 'error' THEN
                    INSERT INTO difference VALUES (format('write %s should have been refused', w.no));
                END IF;
            END IF;
        END IF;
        entered := ARRAY[at];
        WHILE goes_on AND NOT on_hold LOOP
            SELECT m.* INTO t FROM moves(at, w.wrote, score) AS m WHERE m.automatic AND m.to_stage <> ALL (entered) LIMIT 1;
            EXIT WHEN NOT FOUND;
            INSERT INTO replayed (id, event, from_stage, to_stage, name, fit, owner) VALUES (wrote.id, 'stage', at, t.to_stage, t.name, score, old.owner);
            at := t.to_stage; on_hold := t.hold_for IS NOT NULL; entered := entered || at;
        END LOOP;
        INSERT INTO replayed (id, event, from_stage, name, fit, owner)
            SELECT wrote.id, 'milestone', at, m.name, score, old.owner FROM lead_stage.milestone AS m
            WHERE m.model = 'm' AND holds(m.condition, w.wrote) AND (w.op = 'INSERT' OR NOT holds(m.condition, w.stored)) ORDER BY m.name;
        IF wrote.owner IS DISTINCT FROM old.owner THEN
            INSERT INTO replayed (id, event, from_stage, fit, owner) VALUES (wrote.id, 'owner', at, score, wrote.owner);
        END IF;
        IF on_hold THEN INSERT INTO held VALUES (wrote.id) ON CONFLICT DO NOTHING; ELSE DELETE FROM held WHERE id = wrote.id; END IF;
        IF (w.new ->> 'stage')::lead_stage <> at OR (w.new ->> 'fit_score')::int <> score THEN
            INSERT INTO difference VALUES (format('write %s: %s with %s, not %s with %s', w.no, w.new ->> 'stage', w.new ->> 'fit_score', at, score));
        END IF;
    END LOOP;
END $$;
};

my $compare = q{
DO 'BEGIN PERFORM replay(); END';
WITH a AS (SELECT id, row_number() OVER (PARTITION BY id ORDER BY no) AS n, event, from_stage, to_stage, name, fit, owner FROM replayed),
     b AS (SELECT lead_id AS id, row_number() OVER (PARTITION BY lead_id ORDER BY id) AS n, event, from_stage, to_stage, name, fit_score AS fit, owner FROM lead_history)
INSERT INTO difference SELECT format('event %s of lead %s: replayed %s, recorded %s', n, id, a, b)
    FROM a FULL JOIN b USING (id, n)
    WHERE (a.event, a.from_stage, a.to_stage, a.name, a.fit, a.owner) IS DISTINCT FROM (b.event, b.from_stage, b.to_stage, b.name, b.fit, b.owner)
    ORDER BY id, n;
INSERT INTO difference SELECT format('score of lead %s is %s, not %s', l.id, l.fit_score, fit(to_jsonb(l))) FROM lead AS l WHERE l.fit_score <> fit(to_jsonb(l));
INSERT INTO difference SELECT format('hold of lead %s', id) FROM held FULL JOIN (SELECT id, true AS state FROM lead_state WHERE hold_until IS NOT NULL) AS s USING (id)
    WHERE s.state IS NULL OR NOT EXISTS (SELECT FROM held AS h WHERE h.id = s.id);
INSERT INTO difference SELECT format('state of lead %s, who is gone', id) FROM lead_state WHERE id NOT IN (SELECT id FROM lead);
INSERT INTO difference SELECT format('verify_history: %s %s', key, problem) FROM lead_stage.verify_history('lead');
SELECT string_agg(what, E'\n') FROM (SELECT what FROM difference LIMIT 10) AS d;
};

# ---------------------------------------------------------------------------

my %tables = (
	'a plain table' => 'CREATE TABLE lead (id int PRIMARY KEY, a int, b bool, c int, kind text, note text, wrote jsonb)',
	'partitions' => 'CREATE TABLE lead (id int PRIMARY KEY, a int, b bool, c int, kind text, note text, wrote jsonb) PARTITION BY RANGE (id);
		CREATE TABLE lead_low PARTITION OF lead FOR VALUES FROM (0) TO (60);
		CREATE TABLE lead_high (wrote jsonb, kind text, gone int, c int, note text, b bool, a int, id int NOT NULL);
		ALTER TABLE lead_high DROP COLUMN gone;
		ALTER TABLE lead ATTACH PARTITION lead_high DEFAULT');
my @rounds = ('a plain table', 'partitions', 'a plain table', 'partitions');

foreach my $round (0 .. $#rounds)
{
	my $name = "$rounds[$round], model " . ($round + 1);
	my $db = "round_$round";
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my @running;

	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template1");
	$node->safe_psql($db, 'CREATE EXTENSION lead_stage');
	$node->safe_psql($db, "SET client_min_messages = warning;\n$tables{ $rounds[$round] };\n" . model() . "SELECT lead_stage.attach('lead', 'm'); SELECT lead_stage.publish('m');\n$log");
	foreach my $session (1 .. $sessions)
	{
		my $file = "$dir/$session.sql";

		append_to_file($file, script());
		push @running, start [ $node->installed_command('psql'), '-X', '-q', '-d', $node->connstr($db), '-f', $file ], '>', \my $out, '2>', \my $err;
	}
	finish $_ foreach @running;

	my $events = $node->safe_psql($db, 'SELECT count(*) FROM lead_history');
	my $kinds = $node->safe_psql($db, 'SELECT count(DISTINCT event) FROM lead_history');
	my $leads = $node->safe_psql($db, 'SELECT count(*) FROM lead');

	note "$name: $leads leads, $events events";
	cmp_ok($events, '>', 200, "$name: there is something to compare");
	cmp_ok($kinds, '>=', 5, "$name: of most kinds");
	is($node->safe_psql($db, "SET client_min_messages = warning;\n$compare"), '', "$name: no difference");
}

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'the server is well');
$node->stop;
done_testing();
