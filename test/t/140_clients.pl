# Real clients, which know nothing of lead_stage: an application written with
# Django's ORM, which saves full rows from copies that may be stale, and one
# with psycopg 3, with typed and binary parameters and statements prepared
# before a publish.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $python = '/usr/bin/python3';
my %needs = (django => 'import django, psycopg2', psycopg => 'import psycopg');
my %has = map { $_ => system("$python -c '$needs{$_}' 2>/dev/null") == 0 } keys %needs;
plan skip_all => 'neither Django nor psycopg is installed' unless grep { $_ } values %has;

my $node = PostgreSQL::Test::Cluster->new('clients');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;

$node->safe_psql(
	'postgres', q{
CREATE EXTENSION lead_stage;
CREATE ROLE modeller LOGIN;
CREATE ROLE app LOGIN;
GRANT CREATE ON SCHEMA public TO modeller;
SET ROLE modeller;
CREATE TABLE lead (id bigserial PRIMARY KEY, company varchar(100) NOT NULL, employees int, need text);
SELECT lead_stage.import_model('{"model": {"name": "crm"},
 "rule": [{"name": "large", "kind": "fit", "condition": "employees > 100", "points": 20}],
 "criterion": [{"name": "need now", "question": "What do they need?", "condition": "need <> ''''"}],
 "transition": [{"name": "to mql", "from_stage": "lead", "to_stage": "mql", "automatic": true, "min_fit": 20},
                {"name": "qualify", "from_stage": "mql", "to_stage": "sql"},
                {"name": "recycle", "to_stage": "nurture", "reasons": ["no budget", "no time"]},
                {"name": "again", "from_stage": "nurture", "to_stage": "mql"}]}');
SELECT lead_stage.attach('lead', 'crm');
SELECT lead_stage.publish('crm');
GRANT SELECT, INSERT, UPDATE, DELETE ON lead TO app;
GRANT USAGE ON SEQUENCE lead_id_seq TO app;
});

sub run_app
{
	my ($app) = @_;
	my ($out, $err) = run_command([ $python, '-W', 'ignore', "$FindBin::Bin/../clients/$app", $node->host, $node->port, 'app' ]);
	is($err, '', "$app has no error");
	return [ split /\n/, $out ];
}

sub verify { is($node->safe_psql('postgres', q{SELECT * FROM lead_stage.verify_history('lead')}), '', 'verify_history finds nothing'); }

SKIP:
{
	skip 'Django is not installed', 4 unless $has{django};
	is_deeply(run_app('django_app.py'), [
		'created with every column|Respira|mql|to mql|20|None',
		# a full save sets stage_reason too, to what it was
		'moved by a full save|Respira|sql|to mql|20|ann',
		# company is saved; stage, reason and owner are what the first save made them
		'saved from a stale copy|Respira Inc.|sql|to mql|20|ann',
		'the first copy is stale as well|True',
		'moved by a fresh copy|Respira Inc.|nurture|no budget|20|ann',
		'refused|23514|lead_stage_transition|lead|lead cannot move from "nurture" to "customer"',
		'after the refusal|Respira Inc.|nurture|no budget|20|ann',
		'moved by a copy in milliseconds|Respira Inc.|mql|no budget|20|ann',
		'bulk_create|lead|mql|mql|mql',
		'bulk_update|lead|sql|sql|sql',
		'update|3',
		# in the order of the stages, not of their names
		q{counted|('lead', 1)|('nurture', 3)|('mql', 1)},
		'get_or_create|True|False',
		'saved under a lock|Bulk 1|mql|to mql|20|None' ],
		'a Django application');
	is( $node->safe_psql('postgres', q{SELECT event, from_stage, to_stage, name, owner, previous_owner, role FROM lead_history WHERE lead_id = 1 ORDER BY id}),
		join("\n",
			'created||lead|||',
			'stage|lead|mql|to mql||',
			'stage|mql|sql|qualify||',
			'owner|sql|||ann|',
			'refused|sql|mql|stale|ann|',
			'stage|sql|nurture|recycle|ann|',
			'stage|nurture|mql|again|ann|') =~ s/$/|app/gmr,
		'its history');
	verify();
}

SKIP:
{
	skip 'psycopg is not installed', 3 unless $has{psycopg};
	is_deeply(run_app('psycopg_app.py'), [
		'inserted|mql',
		'untyped|nurture|20',
		'text|nurture|20',
		'varchar|nurture|20',
		q{binary result|b'mql'},
		'binary COPY|lead|mql',
		'binary COPY of no stage|22P02',
		'prepared|20|20|20|20|20|20|20|20|20|20|25|25|25|25|None|25',
		'refused|23514|lead_stage_transition|public|lead|Model "crm" has no transition from "mql" to "customer".',
		'pipeline refused|lead_stage_transition',
		'pipeline undone|Air',
		'savepoint|lead_stage_reason',
		'kept|kept|mql' ],
		'an application of psycopg 3');
	verify();
}

$node->stop;
done_testing();
