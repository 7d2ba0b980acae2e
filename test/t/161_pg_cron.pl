# Without the worker: the one line for pg_cron that the documentation gives,
# run by the real pg_cron, through a connection and in its background worker.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $sharedir = `pg_config --sharedir`;
chomp $sharedir;
plan skip_all => 'pg_cron is not installed (Debian: postgresql-NN-cron)' unless -e "$sharedir/extension/pg_cron.control";

# The line as the documentation has it.
my $page = slurp_file('doc/operations.md');
my ($line) = $page =~ /^    (SELECT cron\.schedule\(.*\);)$/m or die 'doc/operations.md has no line for pg_cron';

# More leads than sweep takes at a time, due by now.
sub start
{
	my ($name, @settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	$node->append_conf('postgresql.conf', join "\n", q{shared_preload_libraries = 'pg_cron'}, q{cron.database_name = 'crm'}, 'autovacuum = off', @settings);
	$node->append_conf('postgresql.conf', q{cron.host = '} . $node->host . q{'});
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE crm');
	$node->safe_psql('crm', qq{
CREATE EXTENSION lead_stage;
CREATE EXTENSION pg_cron;
CREATE ROLE crm_owner;
CREATE ROLE clock LOGIN IN ROLE crm_owner;
CREATE SCHEMA crm AUTHORIZATION crm_owner;
GRANT USAGE ON SCHEMA cron TO clock;
CREATE TABLE not_his (id int PRIMARY KEY);
SET ROLE crm_owner;
CREATE TABLE crm.lead (id int PRIMARY KEY);
INSERT INTO lead_stage.model (name) VALUES ('m');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, in_stage_for) VALUES ('m', 'cool', 'lead', 'nurture', true, '1 hour');
SELECT lead_stage.attach('crm.lead', 'm'), lead_stage.publish('m');
RESET ROLE;
SELECT lead_stage.attach('not_his', 'm');
SET lead_stage.now = '2026-01-01';
INSERT INTO crm.lead SELECT generate_series(1, 2500);
INSERT INTO not_his VALUES (1);
RESET lead_stage.now;
SET SESSION AUTHORIZATION clock;
$line});
	return $node;
}

my @nodes = (start('connection'), start('background', 'cron.use_background_workers = on'));
foreach my $node (@nodes)
{
	my $name = $node->name;
	ok($node->poll_query_until('crm', q{SELECT count(*) = 2500 FROM crm.lead WHERE stage = 'nurture'}), "$name: everything that is due is done within the minute");
	is($node->safe_psql('crm', q{SELECT count(*), count(DISTINCT lead_id), string_agg(DISTINCT role, ',') FROM crm.lead_history WHERE event = 'stage'}),
		'2500|2500|clock', "$name: each once, by the role that scheduled it");
	ok($node->poll_query_until('crm', q{SELECT count(*) > 0 FROM cron.job_run_details WHERE status = 'succeeded'}), "$name: pg_cron calls it a success");
	is($node->safe_psql('crm', q{SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'}), '0', "$name: and nothing failed");
	is($node->safe_psql('crm', q{SELECT stage FROM not_his}), 'lead', "$name: the tables of others are left alone");
	$node->stop;
}

done_testing();
