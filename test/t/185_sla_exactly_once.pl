# Many sweeps and writers at the same leads, one of them killed in the middle:
# every clock warns once and is broken once, at its own instants.
use strict;
use warnings;
use IPC::Run qw(start finish);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $leads = 600;
my $node = PostgreSQL::Test::Cluster->new('exactly_once');
$node->init;
# A killed backend takes the others with it: the server must come back.
$node->append_conf('postgresql.conf', "restart_after_crash = on\nlog_statement = none\ndeadlock_timeout = 50ms");
$node->start;

# Clocks of 8 hours from seconds that differ, round the clock, warned 2 hours
# before.
$node->safe_psql(
	'postgres', qq{
CREATE EXTENSION lead_stage;
CREATE TABLE lead (id int PRIMARY KEY, n int DEFAULT 0, waiting bool);
INSERT INTO lead_stage.model (name, calendar) VALUES ('m', 'always');
INSERT INTO lead_stage.rule (model, name, kind, condition) VALUES ('m', 'r', 'fit', 'n > 3');
INSERT INTO lead_stage.transition (model, name, to_stage) VALUES ('m', 'to sql', 'sql');
INSERT INTO lead_stage.sla (model, name, stage, target, warn_before, pause_when, escalate_to)
	VALUES ('m', 'call', 'sql', '8 hours', '2 hours', 'waiting', 'manager'), ('m', 'offer', 'sql', '9 hours', NULL, NULL, NULL);
SELECT lead_stage.attach('lead', 'm');
SELECT lead_stage.publish('m');
} . qq{DO \$\$ BEGIN
	FOR i IN 1 .. $leads LOOP
		PERFORM set_config('lead_stage.now', (timestamptz '2026-03-02 10:00+00' + i * interval '1 second')::text, false);
		INSERT INTO lead (id, stage) VALUES (i, 'sql');
	END LOOP;
END \$\$;});

my $now = "SET lead_stage.now = '2026-03-04 10:00+00';\n";
my $dir = PostgreSQL::Test::Utils::tempdir();

# Runs scripts at the same time; returns how many ended well.
sub together
{
	my @running;
	foreach my $script (@_)
	{
		my $file = "$dir/" . scalar(@running) . '.sql';
		open my $out, '>', $file or die $!;
		print $out $script;
		close $out;
		push @running, start [ $node->installed_command('psql'), '-XqAt', '-d', $node->connstr('postgres'), '-f', $file ], '>', \my $o, '2>', \my $e;
	}
	return grep { $_ } map { finish $_ } @running;
}

sub sweeper { return $now . "CALL lead_stage.sweep($_[0]);\n" x 3; }

sub writer
{
	my ($step) = @_;
	return $now . join '', map { 'UPDATE lead SET n = n + 1 WHERE id = ' . (1 + ($_ * $step) % $leads) . ";\n" } 1 .. 200;
}

# One sweep is killed while it holds what it has swept but not committed.
my $victim = IPC::Run::start([ $node->installed_command('psql'), '-XqAt', '-d', $node->connstr('postgres') ],
	'<', \"${now}BEGIN;\nCALL lead_stage.sweep(300);\nSELECT 'pid ' || pg_backend_pid();\nSELECT pg_sleep(100);\n", '>', \my $said, '2>', \my $complained);
$victim->pump until $said =~ /pid (\d+)/ || !$victim->pumpable;
my ($pid) = $said =~ /pid (\d+)/;
ok($pid, 'a sweep waits with its transaction open');
my $swept = $node->safe_psql('postgres', q{SELECT count(*) FROM lead_history WHERE event IN ('sla_warned', 'sla_breached')});
is($swept, 0, 'nothing of it is seen');
is(kill('KILL', $pid), 1, 'it is killed');
eval { finish $victim };
$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';

is(scalar together(sweeper(7), writer(7), sweeper(50), writer(11), sweeper(1000), writer(13)), 6, 'sweeps and writers at the same time');

my $per_clock = q{
	SELECT count(*), count(*) FILTER (WHERE n = 1 AND right_time) FROM (
		SELECT h.lead_id, h.event, h.name, count(*) AS n,
			bool_and(h.at = timestamptz '2026-03-02 10:00+00' + h.lead_id * interval '1 second'
				+ CASE WHEN h.event = 'sla_warned' THEN interval '6 hours' WHEN h.name = 'call' THEN '8 hours' ELSE '9 hours' END
				AND h.recorded_at > timestamptz '2026-03-04') AS right_time
		FROM lead_history AS h WHERE event IN ('sla_warned', 'sla_breached') GROUP BY 1, 2, 3) AS c};
is($node->safe_psql('postgres', $per_clock), 3 * $leads . '|' . 3 * $leads, 'each clock warned once and was broken once, at its instant');
is( $node->safe_psql('postgres', q{SELECT count(*), count(DISTINCT lead_id) FROM lead_history WHERE event = 'owner' AND owner = 'manager' AND name = 'call'}),
	"$leads|$leads", 'and each lead was escalated once');
is($node->safe_psql('postgres', q{SELECT count(*) FROM lead WHERE owner IS DISTINCT FROM 'manager'}), 0, 'to the manager');
is($node->safe_psql('postgres', q{SELECT count(*) FROM lead_state WHERE recheck_at <= '2026-03-04 10:00+00'}), 0, 'nothing is due any more');
is($node->safe_psql('postgres', q{SELECT * FROM lead_stage.verify_history('lead')}), '', 'verify_history finds nothing');

$node->stop;
done_testing();
