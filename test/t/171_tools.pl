# What doc/ has for the tools of analysts, on a live database: every query of
# the Grafana dashboard runs and finds something, for a role that may only
# read; the dbt sources name the columns that there are, all of them.
use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('tools');
$node->init;
$node->start;

# A quoted name, as only a careful dashboard survives it.
$node->safe_psql('postgres', q{
CREATE SCHEMA crm;
CREATE TABLE crm."Lead s" (
    id int PRIMARY KEY, source text,
    role_type text, organisation_type text, region text, service_interest text,
    webinar_attended bool, consultation_requested bool, pricing_requested bool,
    eligibility_asked bool, asked_for_call bool,
    need_now bool, service_match bool, timeline text, decision_process text, next_step_agreed bool,
    first_call_at timestamptz, meeting_at timestamptz);
CREATE EXTENSION lead_stage;
SELECT lead_stage.import_model(lead_stage.template('respiratory'));
SELECT lead_stage.attach('crm."Lead s"', 'respiratory');
SELECT lead_stage.publish('respiratory');
SET lead_stage.now = '2026-03-02 10:00+00';
INSERT INTO crm."Lead s" (id, source, role_type, organisation_type, region, service_interest, webinar_attended)
    SELECT g, 'search', 'executive', 'hospital', 'UK', 'home_oxygen', g > 3 FROM generate_series(1, 20) AS g;
SET lead_stage.now = '2026-03-02 12:00+00';
UPDATE crm."Lead s" SET stage = 'sal' WHERE id BETWEEN 8 AND 18;
SET lead_stage.now = '2026-03-03 12:00+00';
UPDATE crm."Lead s" SET need_now = true, service_match = true, timeline = '0-3 months', decision_process = 'board', next_step_agreed = true, stage = 'sql' WHERE id BETWEEN 8 AND 14;
UPDATE crm."Lead s" SET stage = 'nurture', stage_reason = 'no need now' WHERE id IN (4, 15);
SET lead_stage.now = '2026-03-03 13:00+00';
UPDATE crm."Lead s" SET first_call_at = lead_stage.now() WHERE id < 12;
CREATE ROLE analyst LOGIN;
GRANT USAGE ON SCHEMA crm TO analyst;
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO analyst;
});

# ---------------------------------------------------------------------------
# The dashboard, with Grafana's variables and macros put in as Grafana does.

my $dashboard = decode_json(slurp_file('doc/grafana/lead_stage.json'));
my %variable = (by => 'source');

sub sql_for
{
	my ($sql) = @_;
	$sql =~ s/\$\{(\w+):sqlstring\}/"'" . ($variable{$1} =~ s,','',gr) . "'"/ge;
	$sql =~ s/\$__timeGroupAlias\((\w+), *'1d'\)/floor(extract(epoch from $1)\/86400)*86400 AS "time"/g;
	$sql =~ s/\$__timeFilter\(([\w.]+)\)/$1 BETWEEN '2026-03-01T00:00:00Z' AND '2026-12-31T00:00:00Z'/g;
	$sql =~ s/\$__timeFrom\(\)/'2026-03-01T00:00:00Z'/g;
	$sql =~ s/\$__timeTo\(\)/'2026-04-01T00:00:00Z'/g;
	$sql =~ s/\$(history|live|tasks|leads|by)\b/$variable{$1}/g;
	fail("what is $1 in $sql?") if $sql =~ /(\$\w+|\$\{[^}]*\})/;
	return "SET ROLE analyst; SET lead_stage.now = '2026-03-04 09:00+00'; $sql";
}

sub rows
{
	my ($sql) = @_;
	my ($out, $err);
	# A superuser sets the clock, and then is the analyst.
	$sql =~ s/^(SET ROLE analyst;) (SET lead_stage.now = '[^']*';)/$2 $1/;
	$node->psql('postgres', $sql, stdout => \$out, stderr => \$err);
	return $err ne '' ? "error: $err" : scalar(split /\n/, $out);
}

foreach my $v (grep { $_->{type} eq 'query' } @{ $dashboard->{templating}{list} })
{
	my $sql = sql_for($v->{query});
	$sql =~ s/^(SET ROLE analyst;) (SET lead_stage.now = '[^']*';)/$2 $1/;
	$variable{ $v->{name} } = $node->safe_psql('postgres', $sql);
	like($variable{ $v->{name} }, qr/^crm\."Lead s/, "the variable $v->{name} is $variable{ $v->{name} }");
}
my %seen;
foreach my $panel (@{ $dashboard->{panels} })
{
	ok(!$seen{ $panel->{id} }++, "panel $panel->{id} is there once");
	cmp_ok($panel->{gridPos}{x} + $panel->{gridPos}{w}, '<=', 24, "$panel->{title}: within the grid");
	foreach my $target (@{ $panel->{targets} })
	{
		my $rows = rows(sql_for($target->{rawSql}));
		like($rows, qr/^[1-9]\d*$/, "$panel->{title}: rows found");
	}
}
foreach my $annotation (@{ $dashboard->{annotations}{list} })
{
	is(rows(sql_for($annotation->{target}{rawSql})), 1, "$annotation->{name}: the version is found");
}
unlike(rows(sql_for('SELECT * FROM $live WHERE nothing')), qr/^\d+$/, 'this test can fail');

# ---------------------------------------------------------------------------
# The sources: as much YAML as is in the file.

my ($suffix, %listed, %described);
foreach my $line (split /\n/, slurp_file('doc/dbt/sources.yml'))
{
	next if $line =~ /^\s*#/;
	unlike($line, qr/\t|\s$/, "no tab and no blank at an end: $line") if $line =~ /\t|\s$/;
	$suffix = $1 if $line =~ /^        identifier: "\{\{ var\('lead_stage_leads', 'lead'\) \}\}_(\w+)"$/;
	push @{ $listed{$suffix} }, $1 if $line =~ /^          - name: (\w+)$/;
	$described{$suffix}++ if $line =~ /^            description: \S/;
}
is(join(' ', sort keys %listed), 'history journey live tasks visits', 'the sources are the relations for readers');
foreach my $relation (sort keys %listed)
{
	my $there = $node->safe_psql('postgres', qq{
		SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = to_regclass('crm."Lead s_$relation"') AND attnum > 0 AND NOT attisdropped AND attname <> CASE '$relation' WHEN 'history' THEN 'lead_id' ELSE 'id' END});
	is(join(' ', @{ $listed{$relation} }), $there, "$relation: the columns are those that there are");
	is($described{$relation}, scalar @{ $listed{$relation} }, "$relation: each is described");
}
my ($events) = slurp_file('doc/dbt/sources.yml') =~ /values: \[([^\]]*)\]/;
is($node->safe_psql('postgres', 'SELECT count(*) FROM crm."Lead s_history" WHERE event <> ALL (string_to_array(' . "'$events', ', '))"), '0', 'every event is one of the values accepted');

$node->stop;
done_testing();
