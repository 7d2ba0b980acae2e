# Two years of incidents at Volvo IT: 49,323 irregular time stamps of 5,683 cases.
# A case is a lead and each step of it an activity.  However they come (row by
# row as time goes by, an hour's at once, shuffled, in pieces of which some are
# still in the future, or in one COPY), each lead ends with the same counts and
# weights, which are those of plain SQL over all rows, and in the same stage.
use strict;
use warnings;
use IPC::Run qw(start finish);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $data = $ENV{LEAD_STAGE_DATA} // '';
my $file = "$data/bpi2013_incident_events.csv.gz";
plan skip_all => 'the directory of real data (LEAD_STAGE_DATA) is not here' unless -e $file;

my $node = PostgreSQL::Test::Cluster->new('incidents');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nfsync = off\nautovacuum = on");
$node->start;

# The last step is of 2012-05-22; by the end most of the engagement has faded.
my $end = '2012-06-01 00:00:00+00';

# Stages follow from engagement alone, up and down, so that in the end it does
# not matter by which way a lead came there.
$node->safe_psql('postgres', qq{
CREATE EXTENSION lead_stage;
CREATE TABLE log (n int GENERATED ALWAYS AS IDENTITY, case_id text, step int, at timestamptz);
COPY log (case_id, step, at) FROM PROGRAM 'gzip -dc $file' (FORMAT csv, HEADER);
INSERT INTO lead_stage.model (name) VALUES ('incidents');
INSERT INTO lead_stage.category (model, name, max_points) VALUES ('incidents', 'work', 60);
INSERT INTO lead_stage.rule (model, name, kind, source, condition, points, cap, half_life, category) VALUES
	('incidents', 'accepted', 'engagement', 'log', 'step = 1', 4, 40, '30 days', 'work'), ('incidents', 'queued', 'engagement', 'log', 'step = 2', 3, NULL, '90 days', 'work'),
	('incidents', 'waits', 'engagement', 'log', 'step IN (4, 5, 6)', -2, NULL, '36 hours', NULL), ('incidents', 'moment', 'engagement', 'log', 'step % 2 = 1', 50, NULL, '2 minutes', NULL),
	('incidents', 'any', 'engagement', 'log', NULL, 1, 12, NULL, NULL);
INSERT INTO lead_stage.transition (model, name, position, from_stage, to_stage, automatic, min_engagement, below_engagement) VALUES
	('incidents', 'warm', 1, 'lead', 'mql', true, 8, NULL), ('incidents', 'hot', 2, 'mql', 'sal', true, 13, NULL),
	('incidents', 'cool', 3, 'sal', 'mql', true, NULL, 13), ('incidents', 'cold', 4, 'mql', 'lead', true, NULL, 8);
});

my @ways = qw(in_order hourly shuffled in_pieces one_copy);
foreach my $way (@ways)
{
	$node->safe_psql('postgres', qq{
	SET client_min_messages = warning; SET lead_stage.now = '2010-04-01 00:00+00';
	CREATE SCHEMA $way;
	CREATE TABLE $way.incident (case_id text PRIMARY KEY);
	CREATE TABLE $way.log (case_id text, step int, at timestamptz);
	SELECT lead_stage.attach('$way.incident', 'incidents');
	SELECT lead_stage.attach_activity('$way.log', '$way.incident', 'log', '{case_id}');
	});
}
$node->safe_psql('postgres', q{SELECT lead_stage.publish('incidents')});
$node->safe_psql('postgres', "SET lead_stage.now = '2010-04-01 00:00+00'; INSERT INTO $_.incident SELECT DISTINCT case_id FROM log") foreach @ways;

# ---------------------------------------------------------------------------
# The five ways

sub load
{
	my ($query, $loop) = @_;
	return qq{DO \$\$
	DECLARE r record;
	BEGIN
		FOR r IN $query LOOP
			PERFORM set_config('lead_stage.now', r.now::text, false);
			$loop
			IF r.place % 500 = 0 THEN COMMIT; END IF;
		END LOOP;
	END \$\$;
	};
}

my $row = 'INSERT INTO %s.log VALUES (r.case_id, r.step, r.at);';
my $sweep = "SET lead_stage.now = '$end'; CALL lead_stage.sweep();";
my %script = (
	in_order => load('SELECT l.*, at AS now, row_number() OVER w AS place FROM log AS l WINDOW w AS (ORDER BY at, n) ORDER BY at, n', sprintf $row, 'in_order'),
	hourly => load(q{SELECT date_trunc('hour', at) AS hour, max(at) AS now, row_number() OVER (ORDER BY date_trunc('hour', at)) AS place FROM log GROUP BY 1 ORDER BY 1},
		q{INSERT INTO hourly.log SELECT case_id, step, at FROM log WHERE at >= r.hour AND at < r.hour + interval '1 hour' ORDER BY n;}),
	shuffled => load(qq{SELECT l.*, '$end' AS now, row_number() OVER (ORDER BY md5(n::text)) AS place FROM log AS l ORDER BY md5(n::text)}, sprintf $row, 'shuffled'),
	# 200 pieces of the shuffled log, in the middle of its time: half of each is yet to come
	in_pieces => load(q{SELECT place, timestamptz '2011-04-01' + place * interval '1 hour' AS now FROM generate_series(0, 199) AS place},
		q{INSERT INTO in_pieces.log SELECT case_id, step, at FROM log WHERE piece = r.place;}),
	one_copy => "SET lead_stage.now = '$end'; COPY one_copy.log FROM PROGRAM 'gzip -dc $file' (FORMAT csv, HEADER);");
$node->safe_psql('postgres', q{ALTER TABLE log ADD piece int; UPDATE log SET piece = ('x' || left(md5(n::text), 6))::bit(24)::int % 200; CREATE INDEX ON log (at); CREATE INDEX ON log (piece); ANALYZE log});

my %running;
foreach my $way (@ways)
{
	my ($in, $out) = ("$script{$way}\n", '');
	$running{$way} = { started => time, out => \$out,
		handle => start [ $node->installed_command('psql'), '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out, '2>&1' };
}
foreach my $way (@ways)
{
	ok(finish($running{$way}{handle}), "$way: the log is loaded") or diag(${ $running{$way}{out} });
	note sprintf '%s: after %.1f s', $way, time - $running{$way}{started};
}
is($node->safe_psql('postgres', "SELECT count(*) FROM $_.log"), '49323', "$_: all of it") foreach @ways;
cmp_ok($node->safe_psql('postgres', q{SELECT sum(e.matches) FROM in_pieces.incident_state AS s, lead_stage._score_entries(s.engagement_state, '2011-04-10') AS e JOIN lead_stage.rule AS r ON r.name = 'any' AND r.id = e.rule}), '<', 25000,
	'in pieces: much is still to come');
$node->safe_psql('postgres', $sweep);

# ---------------------------------------------------------------------------
# What they come to, said a second time

my $wanted = qq{
CREATE TABLE rule (rule text, points float8, cap float8, h float8, steps int[]);
INSERT INTO rule VALUES ('accepted', 4, 40, 30 * 86400, '{1}'), ('queued', 3, 'inf', 90 * 86400, '{2}'), ('waits', -2, 'inf', 36 * 3600, '{4,5,6}'),
	('moment', 50, 'inf', 120, '{1,3,5,7,9,11,13}'), ('any', 1, 12, NULL, '{1,2,3,4,5,6,7,8,9,10,11,12,13}');
CREATE TABLE entry AS
	SELECT case_id, rule, count(*) AS matches, last_at,
		sum(CASE WHEN h IS NULL THEN 1 WHEN date_part('epoch', last_at - at) > 1000 * h THEN 0 ELSE power(2::float8, -date_part('epoch', last_at - at) / h) END) AS weight
	FROM (SELECT case_id, rule, h, at, max(at) OVER (PARTITION BY case_id, rule) AS last_at FROM log JOIN rule ON step = ANY (steps)) AS a
	GROUP BY 1, 2, 4;
CREATE TABLE engagement AS
	SELECT case_id, max(last_at) AS last_touch,
		least(60, coalesce(sum(v) FILTER (WHERE rule IN ('accepted', 'queued')), 0)) AS work, sum(v) FILTER (WHERE rule NOT IN ('accepted', 'queued')) AS rest
	FROM (SELECT e.*, least(cap, points * weight * CASE WHEN h IS NULL THEN 1 WHEN date_part('epoch', '$end' - last_at) > 1000 * h THEN 0
			ELSE power(2::float8, -date_part('epoch', '$end' - last_at) / h) END) AS v FROM entry AS e JOIN rule USING (rule)) AS e
	GROUP BY 1;
ANALYZE;
};
$node->safe_psql('postgres', $wanted);
is($node->safe_psql('postgres', 'SELECT count(DISTINCT case_id), count(*) > 15000, sum(matches) FROM entry'), '5683|t|124380', 'there is something to compare');

foreach my $way (@ways)
{
	is($node->safe_psql('postgres', qq{
	WITH stored AS MATERIALIZED (SELECT s.case_id, r.name AS rule, e.matches, e.last_at, e.weight
		FROM $way.incident_state AS s, lead_stage._score_entries(s.engagement_state, '-infinity') AS e LEFT JOIN lead_stage.rule AS r ON r.model = 'incidents' AND r.id = e.rule)
	SELECT string_agg(format('%s %s: %s %s %s, stored %s %s %s', case_id, rule, w.matches, w.last_at, w.weight, s.matches, s.last_at, s.weight), E'\\n')
	FROM entry AS w FULL JOIN stored AS s USING (case_id, rule)
	WHERE (w.matches, w.last_at) IS DISTINCT FROM (s.matches, s.last_at) OR abs(w.weight - s.weight) > 1e-9 * w.weight}), '',
		"$way: counts and weights are those of all rows");
	is($node->safe_psql('postgres', qq{
	SELECT string_agg(format('%s: %s %s, stored %s %s', case_id, work + rest, last_touch, lead_stage.engagement(s.engagement_state, '$end'), s.last_touch_at), E'\\n')
	FROM engagement AS w FULL JOIN $way.incident_state AS s USING (case_id)
	WHERE last_touch IS DISTINCT FROM s.last_touch_at
		OR coalesce(abs(work + rest - lead_stage.engagement(s.engagement_state, '$end')) > 1e-9 * (work + abs(rest) + 1), true)}), '',
		"$way: and so is the engagement, and the last touch");
	is($node->safe_psql('postgres', qq{
	SELECT string_agg(format('%s: %s %s', case_id, e, stage), E'\\n') FROM (SELECT case_id, work + rest AS e FROM engagement) AS w JOIN $way.incident AS l USING (case_id)
	WHERE stage::text IS DISTINCT FROM CASE WHEN e >= 13 THEN 'sal' WHEN e >= 8 THEN 'mql' ELSE 'lead' END}), '',
		"$way: the stage is what that asks for");
	is($node->safe_psql('postgres', qq{SELECT * FROM lead_stage.verify_history('$way.incident') LIMIT 5}), '', "$way: history is whole");
}
is($node->safe_psql('postgres', q{SELECT string_agg(stage || ' ' || (leads > 50), ', ' ORDER BY stage) FROM (SELECT stage, count(*) AS leads FROM one_copy.incident GROUP BY 1) AS s}),
	'lead true, mql true, sal true', 'every stage has its leads');

$node->stop;
done_testing();
