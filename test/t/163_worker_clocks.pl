# SLA clocks beside the background worker: each warning and each breach happens
# once, at its instant, whoever notices it: the worker, one that is killed in
# the middle, sweeps by hand, or writes.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('clocks');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'lead_stage'
lead_stage.databases = 'postgres'
lead_stage.sweep_interval = '300ms'
restart_after_crash = on
autovacuum = off
});
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION lead_stage;
CREATE ROLE crm_owner;
CREATE SCHEMA crm AUTHORIZATION crm_owner;
SET ROLE crm_owner;
CREATE TABLE crm.lead (id int PRIMARY KEY, called_at timestamptz, note int);
SELECT lead_stage.import_model('{"model": {"name": "m"},
 "transition": [{"name": "back", "from_stage": "mql", "to_stage": "nurture", "automatic": false}, {"name": "hot", "from_stage": "lead", "to_stage": "mql", "automatic": true}],
 "sla": [{"name": "call", "stage": "mql", "target": "4 seconds", "warn_before": "2 seconds", "met_at": "called_at", "escalate_to": "boss", "breach_to": "nurture"},
         {"name": "later", "stage": "mql", "target": "30 days"}]}');
SELECT lead_stage.attach('crm.lead', 'm'), lead_stage.publish('m');
CREATE FUNCTION crm.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.id = 1500 AND new.stage = 'mql' THEN PERFORM pg_advisory_xact_lock(42); END IF; RETURN new; END $$;
CREATE TRIGGER wait BEFORE UPDATE ON crm.lead FOR EACH ROW EXECUTE FUNCTION crm.wait();
});

# Sessions that send as they are told.
sub session
{
	my ($in, $out) = ('', '');
	my $self = { in => \$in, out => \$out };
	$self->{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', '-' ], '<', \$in, '>', \$out, '2>&1', IPC::Run::timer(180));
	return $self;
}

# Killed in the middle: the second batch of the warnings waits for this lock.
my $holder = session();
${ $holder->{in} } .= "SELECT pg_advisory_lock(42), 'said';\n";
$holder->{run}->pump until ${ $holder->{out} } =~ /said/;
$node->safe_psql('postgres', 'INSERT INTO crm.lead SELECT generate_series(1, 3000)');
ok($node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity AS a JOIN pg_locks AS l USING (pid) WHERE a.backend_type = 'lead_stage sweeper' AND l.locktype = 'advisory' AND NOT l.granted}), 'a sweeper is in the middle');
my $pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'lead_stage sweeper'});
kill 'KILL', $pid if $pid;
eval { ${ $holder->{in} } .= "\\q\n"; $holder->{run}->finish };
ok($node->poll_query_until('postgres', q{SELECT 1}, '1'), 'and is killed');

# Many at the same time.
my @others = map { session() } 1 .. 2;
${ $_->{in} } .= "CALL lead_stage.sweep(50);\nUPDATE crm.lead SET note = coalesce(note, 0) + 1, called_at = NULL WHERE id % 3 = 0;\nCALL lead_stage.sweep(70);\nSELECT 'said';\n" foreach @others;
foreach my $other (@others) { $other->{run}->pump until ${ $other->{out} } =~ /said\n|ERROR/; unlike(${ $other->{out} }, qr/ERROR/, 'a sweep by hand and writes beside the worker'); ${ $other->{in} } .= "\\q\n"; $other->{run}->finish; }
ok($node->poll_query_until('postgres', q{SELECT count(*) = 3000 FROM crm.lead WHERE stage = 'nurture'}), 'every lead is breached');

is($node->safe_psql('postgres', q{SELECT event, name, to_stage, CASE event WHEN 'owner' THEN owner END, count(*), count(DISTINCT lead_id) FROM crm.lead_history WHERE event NOT IN ('created') GROUP BY 1, 2, 3, 4 ORDER BY event COLLATE "C", name COLLATE "C"}),
	join("\n", 'owner|call||boss|3000|3000', 'sla_breached|call|||3000|3000', 'sla_cancelled|call|||3000|3000', 'sla_cancelled|later|||3000|3000', 'sla_started|call|||3000|3000', 'sla_started|later|||3000|3000', 'sla_warned|call|||3000|3000', 'stage|call|nurture||3000|3000', 'stage|hot|mql||3000|3000'),
	'each event of a clock happens once for each lead');
is($node->safe_psql('postgres', q{
SELECT w.event, count(*) FROM crm.lead_history AS s JOIN crm.lead_history AS w USING (lead_id, name)
WHERE s.event = 'sla_started' AND w.at = s.at + CASE w.event WHEN 'sla_warned' THEN interval '2 seconds' WHEN 'sla_breached' THEN '4 seconds' END AND w.recorded_at >= w.at GROUP BY 1 ORDER BY 1}),
	"sla_breached|3000\nsla_warned|3000", 'at its instant');
is($node->safe_psql('postgres', q{SELECT * FROM lead_stage.verify_history('crm.lead')}), '', 'verify_history finds nothing');
is($node->safe_psql('postgres', q{SELECT count(*) FROM crm.lead_state WHERE recheck_at < now()}), '0', 'nothing is left to do');

$node->stop;
done_testing();
