# Random writes to tables of activities by several sessions at once: INSERT,
# COPY, UPDATE (of what rules read, of what they do not, of the lead, of the
# time), DELETE, TRUNCATE, on a plain table and on a partitioned one, late and
# future-dated rows, and savepoints rolled back.  In the end every lead's state must be
# what a recomputation by plain SQL makes of all activities.
use strict;
use warnings;
use IPC::Run qw(start finish);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{RANDOM_SEED} // 20261125;
note "seed $seed";
srand($seed);

sub one_of { return $_[ int rand @_ ]; }
sub chance { return rand() < $_[0]; }

my $node = PostgreSQL::Test::Cluster->new('random_activities');
$node->init;
$node->append_conf('postgresql.conf', "deadlock_timeout = 50ms\nfsync = off\nrestart_after_crash = on\nlog_statement = none\nlead_stage.now = '2026-03-01 09:00+00'");
$node->start;
$node->safe_psql('postgres', q{
SET client_min_messages = warning;
CREATE EXTENSION lead_stage;
INSERT INTO lead_stage.model (name) VALUES ('m');
INSERT INTO lead_stage.rule (model, name, kind, source, condition, points, half_life) VALUES
	('m', 'visit', 'engagement', 'web', 'kind = ''visit''', 3, '7 days'), ('m', 'long', 'engagement', 'web', 'n > 5', 2, '36 hours'),
	('m', 'any', 'engagement', 'web', NULL, 1, NULL), ('m', 'call', 'engagement', 'calls', 'kind <> ''missed''', 10, '30 days');
INSERT INTO lead_stage.transition (model, name, position, from_stage, to_stage, automatic, min_engagement, below_engagement) VALUES
	('m', 'warm', 1, 'lead', 'mql', true, 20, NULL), ('m', 'cold', 2, 'mql', 'nurture', true, NULL, 5), ('m', 'again', 3, 'nurture', 'mql', true, 30, NULL);
CREATE TABLE lead (id int PRIMARY KEY, name text);
CREATE TABLE web (id bigint GENERATED ALWAYS AS IDENTITY, lead_id int, at timestamptz, kind text, n int, note text);
CREATE INDEX ON web (lead_id);
CREATE TABLE calls (gone int, lead_id bigint, at timestamptz, kind text, note text) PARTITION BY RANGE (lead_id);
CREATE TABLE calls_low (note text, kind text, lead_id bigint, gone int, at timestamptz);
ALTER TABLE calls ATTACH PARTITION calls_low FOR VALUES FROM (MINVALUE) TO (10);
CREATE TABLE calls_high PARTITION OF calls DEFAULT;
ALTER TABLE calls DROP COLUMN gone;
CREATE INDEX ON calls (lead_id);
SELECT lead_stage.attach('lead', 'm');
SELECT lead_stage.attach_activity('web', 'lead', 'web', '{lead_id}');
SELECT lead_stage.attach_activity('calls', 'lead', 'calls', '{lead_id}');
SELECT lead_stage.publish('m');
INSERT INTO lead SELECT g FROM generate_series(1, 20) AS g;
});

# ---------------------------------------------------------------------------

sub lead { return one_of('NULL', 1 .. 23, 1 .. 20); }
sub at { return chance(0.05) ? 'NULL' : sprintf "timestamptz '2026-03-01 09:00+00' + interval '%d minutes'", chance(0.1) ? rand 5000 : -rand 50000; }
sub kind { return one_of("'visit'", "'missed'", "'spoke'", 'NULL'); }
sub web_row { return sprintf '(%s, %s, %s, %d)', lead(), at(), kind(), rand 10; }
sub call_row { return sprintf '(%d, %s, %s)', 1 + rand 22, at(), kind(); }
sub some { return one_of(sprintf('lead_id = %d', 1 + rand 20), sprintf('lead_id IN (%d, %d)', 1 + rand 20, 1 + rand 20), sprintf("at > '2026-02-%02d' AND lead_id %% 5 = %d", 1 + rand 27, rand 5)); }

sub statement
{
	my @choices = (
		(sub { 'INSERT INTO web (lead_id, at, kind, n) VALUES ' . join ', ', map { web_row() } 1 .. 1 + rand 5 }) x 5,
		(sub { 'INSERT INTO calls (lead_id, at, kind) VALUES ' . join ', ', map { call_row() } 1 .. 1 + rand 3 }) x 3,
		sub { sprintf 'INSERT INTO calls_low (lead_id, at, kind) VALUES (%d, %s, %s)', 1 + rand 9, at(), kind() },
		sub { "COPY web (lead_id, at, kind, n) FROM stdin;\n" . join('', map { sprintf "%d\t2026-02-%02d %02d:00+00\tvisit\t%d\n", 1 + rand 22, 1 + rand 28, rand 24, rand 10 } 1 .. 20) . "\\.\n" },
		sub { sprintf 'UPDATE web SET %s WHERE %s', one_of("note = 'x'", 'n = n + 3', 'kind = ' . kind(), 'lead_id = ' . lead(), 'at = ' . at(), "at = at - interval '1 hour', lead_id = lead_id + 1"), some() },
		sub { sprintf 'UPDATE calls SET %s WHERE %s', one_of("note = 'x'", 'kind = ' . kind(), 'lead_id = ' . (1 + int rand 22), 'at = ' . at()), some() },
		sub { sprintf 'DELETE FROM %s WHERE %s', one_of('web', 'web', 'calls', 'calls_high'), some() },
		sub { sprintf 'INSERT INTO lead VALUES (%d) ON CONFLICT DO NOTHING', 1 + rand 22 },
		sub { sprintf "UPDATE lead SET name = 'x' WHERE id = %d", 1 + rand 20 });

	return chance(0.01) ? 'TRUNCATE ' . one_of('web', 'calls', 'calls_low') : one_of(@choices)->();
}

sub script
{
	my $sql = "SET client_min_messages = error;\n";

	foreach (1 .. 60)
	{
		if (chance(0.75)) { $sql .= statement() . ";\n"; next; }
		$sql .= "BEGIN;\n" . statement() . ";\nSAVEPOINT s;\n" . statement() . ";\n" . statement() . ";\n" . one_of('ROLLBACK TO', 'RELEASE') . " s;\n" . statement() . ";\n" . one_of('COMMIT', 'COMMIT', 'ROLLBACK') . ";\n";
	}
	return $sql;
}

sub play
{
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my @running;

	foreach my $session (1 .. 3)
	{
		append_to_file("$dir/$session.sql", script());
		push @running, start [ $node->installed_command('psql'), '-X', '-q', '-d', $node->connstr('postgres'), '-f', "$dir/$session.sql" ], '>', \my $out, '2>', \my $err;
	}
	return @running;
}

# What a model of this size means, said a second time.
my $compare = q{
WITH activity AS (
	SELECT lead_id::int AS id, at, 'visit' AS rule, 604800.0 AS h FROM web WHERE kind = 'visit'
	UNION ALL SELECT lead_id, at, 'long', 129600 FROM web WHERE n > 5
	UNION ALL SELECT lead_id, at, 'any', NULL FROM web
	UNION ALL SELECT lead_id::int, at, 'call', 2592000 FROM calls WHERE kind <> 'missed'),
wanted AS (
	SELECT a.id, a.rule, count(*) AS matches, max(a.at) AS last_at,
		sum(coalesce(power(2::float8, -date_part('epoch', timestamptz '2026-03-01 09:00+00' - a.at) / a.h), 1)) AS weight
	FROM activity AS a JOIN lead USING (id) WHERE a.at <= '2026-03-01 09:00+00' GROUP BY 1, 2),
stored AS (
	SELECT s.id, r.name AS rule, e.matches, e.last_at, e.weight
	FROM lead_state AS s, lead_stage._score_entries(s.engagement_state, '2026-03-01 09:00+00') AS e JOIN lead_stage.rule AS r ON r.model = 'm' AND r.id = e.rule)
SELECT string_agg(format('lead %s, rule %s: %s %s %s, stored %s %s %s', id, rule, w.matches, w.last_at, w.weight, s.matches, s.last_at, s.weight), E'\n')
FROM wanted AS w FULL JOIN stored AS s USING (id, rule)
WHERE (w.matches, w.last_at) IS DISTINCT FROM (s.matches, s.last_at) OR abs(w.weight - s.weight) > 1e-9 * w.weight;
};
my $touches = q{
SELECT string_agg(id || ': ' || coalesce(t.at::text, '-') || ' ' || coalesce(s.last_touch_at::text, '-'), E'\n')
FROM (SELECT id, max(at) AS at FROM (SELECT lead_id AS id, at FROM web UNION ALL SELECT lead_id, at FROM calls) AS a
	WHERE at <= '2026-03-01 09:00+00' AND EXISTS (SELECT FROM lead AS l WHERE l.id = a.id) GROUP BY id) AS t
FULL JOIN (SELECT id, last_touch_at FROM lead_state WHERE last_touch_at IS NOT NULL) AS s USING (id)
WHERE t.at IS DISTINCT FROM s.last_touch_at;
};

sub check
{
	my $name = shift;

	# Leads that came after their activities know of them when they are counted.
	$node->safe_psql('postgres', q{SET client_min_messages = error; SELECT lead_stage.rescore_lead('lead', id) FROM lead WHERE id > 20});
	cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM lead_state WHERE engagement_state IS NOT NULL'), '>', 5, "$name: there is something to compare");
	is($node->safe_psql('postgres', $compare), '', "$name: scores are what all activities add up to");
	is($node->safe_psql('postgres', $touches), '', "$name: and so are last touches");
	is($node->safe_psql('postgres', q{SELECT * FROM lead_stage.verify_history('lead')}), '', "$name: history is whole");
}

finish $_ foreach play();
check('three sessions');

my @running = play();
finish $_ foreach @running;
check('again');

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|signal 11/, 'the server is well');
$node->stop;
done_testing();
