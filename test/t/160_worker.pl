# The background worker: sweeps at the due moment, as each table's owner, in
# every database of the list; outlives errors, kills, dropped databases and
# dropped extensions; and does nothing on a standby until it is promoted.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'lead_stage'
lead_stage.databases = 'crm, nowhere'
lead_stage.sweep_interval = '3s'
restart_after_crash = on
autovacuum = off
log_line_prefix = '%m %b [%p] '
});
$node->start;

# A table of that owner in a schema of the same name, whose leads are mql and
# turn to nurture after an hour there.
sub pipeline
{
	my ($db, $owner) = @_;
	$node->safe_psql($db, qq{
SET client_min_messages = warning;
CREATE SCHEMA $owner AUTHORIZATION $owner;
SET ROLE $owner;
CREATE TABLE $owner.lead (id int PRIMARY KEY, size int);
INSERT INTO lead_stage.model (name) VALUES ('$owner');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, in_stage_for) VALUES ('$owner', 'cool', 'mql', 'nurture', true, '1 hour');
SELECT lead_stage.attach('$owner.lead', '$owner'), lead_stage.publish('$owner');
});
}

# Leads that fall due so many seconds from now.
sub leads
{
	my ($db, $owner, $ids, $seconds) = @_;
	$node->safe_psql($db, qq{
SET lead_stage.enforce = off;
INSERT INTO $owner.lead (id, size, stage, stage_since) SELECT n, 1, 'mql', now() - interval '1 hour' + ($seconds) * interval '1 second' FROM generate_series($ids) AS n;
SET lead_stage.enforce = on;
UPDATE $owner.lead SET size = 2, stage = 'mql' WHERE stage = 'mql' AND size = 1;
CALL lead_stage.rescore('$owner.lead');
});
}

sub wait_for
{
	my ($db, $query, $expected, $name) = @_;
	ok($node->poll_query_until($db, $query, $expected), $name);
}

sub cooled { my ($owner) = @_; return "SELECT count(*) FROM $owner.lead_history WHERE event = 'stage' AND to_stage = 'nurture'"; }

$node->safe_psql('postgres', 'CREATE ROLE ann; CREATE ROLE bob');
$node->safe_psql('postgres', 'CREATE DATABASE crm');
$node->safe_psql('crm', 'CREATE EXTENSION lead_stage');
pipeline('crm', 'ann');

# ---------------------------------------------------------------------------
# The moment

is($node->safe_psql('postgres', q{SELECT count(*), min(backend_type), min(application_name), count(datname) FROM pg_stat_activity WHERE backend_type LIKE 'lead_stage%'}),
	'1|lead_stage launcher|lead_stage|0', 'the launcher is seen in pg_stat_activity, connected to no database');

leads('crm', 'ann', '1, 6', '4 + n * 1.7');
wait_for('crm', cooled('ann'), '6', 'what falls due is done without anybody');
is($node->safe_psql('crm', q{SELECT count(*) FROM ann.lead_history AS h JOIN ann.lead AS l ON l.id = h.lead_id WHERE h.event = 'stage' AND h.to_stage = 'nurture' AND h.at = l.stage_since AND h.at = h.since + interval '1 hour'}),
	'6', 'with the instant at which it fell due');
cmp_ok($node->safe_psql('crm', q{SELECT max(extract(epoch FROM recorded_at - at)) FROM ann.lead_history WHERE to_stage = 'nurture'}),
	'<', 1.5, 'and at that instant, not when the interval is over');
is($node->safe_psql('crm', q{SELECT DISTINCT role FROM ann.lead_history WHERE to_stage = 'nurture'}), 'ann', 'by the owner of the table');

$node->stop;
my $log = slurp_file($node->logfile);
is(() = $log =~ /LOG:  database "nowhere" of "lead_stage.databases" does not exist/g, 1, 'a database that is missing is told once');
unlike($log, qr/ERROR|FATAL: (?!.*terminating)/, 'and nothing else is');
$node->start;

done_testing();
