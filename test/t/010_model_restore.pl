# Models, calendars and what is attached survive pg_dump and a restore with
# every number as it was, and the numbers go on from there; by a superuser, and
# dumped by a role that is none.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('model_restore');
$node->init;
$node->start;

$node->safe_psql('postgres', 'CREATE ROLE modeller; CREATE ROLE visitor LOGIN; CREATE DATABASE origin');
$node->safe_psql(
	'origin', q{
CREATE SCHEMA "Lead Types";
CREATE EXTENSION lead_stage SCHEMA "Lead Types";
CREATE SCHEMA crm AUTHORIZATION modeller;
SET ROLE modeller;
SELECT lead_stage.import_model(lead_stage.template(name)) FROM lead_stage.templates();
INSERT INTO lead_stage.version (model, definition) VALUES ('bant', lead_stage.export_model('bant'));
UPDATE lead_stage.model SET version = 1 WHERE name = 'bant';
-- A number in the middle that is free again, one at the end, and a name that
-- sorts before those it refers to.
DELETE FROM lead_stage.rule WHERE name = 'company_of_50';
INSERT INTO lead_stage.rule (model, name, kind) VALUES ('bant', 'short-lived', 'fit');
DELETE FROM lead_stage.rule WHERE name = 'short-lived';
UPDATE lead_stage.rule SET name = 'zebra "ü"' WHERE name = 'visit';
INSERT INTO lead_stage.milestone (model, name, signal) VALUES ('bant', 'a visit', 'zebra "ü"');
INSERT INTO lead_stage.holiday VALUES ('office', '2026-12-25', NULL, NULL, 'Christmas');
INSERT INTO lead_stage.rep VALUES ('bant', 'p', 'ann', 2, 5, '{[2026-01-01 00:00+00,infinity)}');
CREATE TABLE crm.lead (id int PRIMARY KEY);
CREATE TABLE crm.activity (lead_id int, at timestamptz);
INSERT INTO lead_stage.binding (leads, model, version) VALUES ('crm.lead', 'bant', 1);
INSERT INTO lead_stage.activity_binding (binding, activities, source, lead_key, at)
    SELECT id, 'crm.activity', 'web', '{lead_id}', 'at' FROM lead_stage.binding;
INSERT INTO lead_stage.model (name) VALUES ('short-lived');
DELETE FROM lead_stage.model WHERE name = 'short-lived';
});

# All rows of all tables, in a form that can be compared.
my $everything = q{
SELECT string_agg(query_to_xml(format('SELECT * FROM lead_stage.%I AS t ORDER BY t::text', relname), true, false, '')::text, '' ORDER BY relname)
FROM pg_class WHERE relnamespace = 'lead_stage'::regnamespace AND relkind = 'r'};

my $before = $node->safe_psql('origin', $everything);
like($before, qr/zebra/, 'there is something to save');

my $dir = PostgreSQL::Test::Utils::tempdir();
my %dump = (
	'a superuser' => [],
	'a visitor' => [ '--username=visitor', '--enable-row-security', '--exclude-schema=crm' ]);

foreach my $who (sort keys %dump)
{
	my $file = "$dir/" . ($who =~ s/ /_/r);
	(my $copy = $who) =~ s/ /_/;

	$node->command_ok([ 'pg_dump', '-Fc', '-f', $file, @{ $dump{$who} }, $node->connstr('origin') ],
		"dumped by $who");
	$node->safe_psql('postgres', "CREATE DATABASE $copy");

	# What the visitor does not dump has to be there.
	$node->safe_psql($copy, 'CREATE SCHEMA crm AUTHORIZATION modeller; SET ROLE modeller;
		CREATE TABLE crm.lead (id int PRIMARY KEY); CREATE TABLE crm.activity (lead_id int, at timestamptz)')
	  if $who eq 'a visitor';

	$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr($copy), $file ],
		"restored from the dump by $who");
	is($node->safe_psql($copy, $everything), $before, "every row is as it was, dumped by $who");

	is( $node->safe_psql(
			$copy, q{
SET ROLE modeller;
INSERT INTO lead_stage.rule (model, name, kind) VALUES ('bant', 'new', 'fit') RETURNING id;
INSERT INTO lead_stage.model (name) VALUES ('new') RETURNING id;
INSERT INTO lead_stage.version (model, definition) VALUES ('new', '{}') RETURNING version;
}),
		"5\n4\n2",
		"numbers go on after those given before, dumped by $who");
}

$node->stop;
done_testing();
