# The leads of X Education, a wide real table: 37 columns whose names have
# spaces and capitals, a uuid for a key.  The file is copied in as it was
# published; the scores are computed once more here, and again after the points
# of the rules have changed.
use strict;
use warnings;
use IO::Uncompress::Gunzip qw($GunzipError);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $file = ($ENV{LEAD_STAGE_DATA} // '') . '/x_education_leads.csv.gz';
plan skip_all => 'the directory of real data (LEAD_STAGE_DATA) is not here' unless -e $file;

# ---------------------------------------------------------------------------
# The file

my $in = IO::Uncompress::Gunzip->new($file) or die $GunzipError;
my $csv = join '', <$in>;
my (@names, @leads);
foreach my $line (split /\n/, $csv)
{
	my @values;
	while ($line =~ /\G(?:"((?:[^"]|"")*)"|([^,]*))(,|$)/gc)
	{
		push @values, defined $1 ? $1 =~ s/""/"/gr : $2;
		last if $3 eq '';
	}
	if (!@names) { @names = @values; next; }
	my %lead;
	@lead{@names} = @values;
	push @leads, \%lead;
}
is(scalar @names, 37, 'columns in the file');
is(scalar @leads, 6916, 'leads in the file');

# ---------------------------------------------------------------------------
# The rules: how they are written in SQL, and what they mean.  An empty field is
# null, and "Select" is what the form says until somebody chooses.

my @rules = (
	[ 'add form', 25, 'origin', q("Lead Origin" = 'Lead Add Form'), sub { $_[0]{'Lead Origin'} eq 'Lead Add Form' } ],
	[ 'google', 5, 'origin', q(lower("Lead Source") = 'google'), sub { lc $_[0]{'Lead Source'} eq 'google' } ],
	[ 'reference', 10, 'origin', q("Lead Source" IN ('Reference', 'Welingak Website')), sub { $_[0]{'Lead Source'} =~ /^(Reference|Welingak Website)$/ } ],
	[ 'working', 30, undef, q("What is your current occupation" = 'Working Professional'), sub { $_[0]{'What is your current occupation'} eq 'Working Professional' } ],
	[ 'no mail', -15, undef, q("Do Not Email"), sub { $_[0]{'Do Not Email'} eq 'Yes' } ],
	[ 'long visits', 20, 'behaviour', q("Total Time Spent on Website" > 600), sub { $_[0]{'Total Time Spent on Website'} > 600 } ],
	[ 'many pages', 8, 'behaviour', q("TotalVisits" >= 3 AND "Page Views Per Visit" >= 2.5), sub { $_[0]{TotalVisits} >= 3 && $_[0]{'Page Views Per Visit'} >= 2.5 } ],
	[ 'answers', 12, 'behaviour', q("Last Activity" LIKE 'SMS%' OR "Last Notable Activity" = 'SMS Sent'), sub { $_[0]{'Last Activity'} =~ /^SMS/ || $_[0]{'Last Notable Activity'} eq 'SMS Sent' } ],
	[ 'specialised', 6, undef, q(nullif("Specialization", 'Select') IS NOT NULL), sub { $_[0]{Specialization} !~ /^(Select)?$/ } ],
	[ 'abroad', -5, undef, q("Country" <> 'India'), sub { $_[0]{Country} ne '' && $_[0]{Country} ne 'India' } ],
	[ 'profile', 10, undef, q("Asymmetrique Profile Score" BETWEEN 17 AND 20), sub { my $s = $_[0]{'Asymmetrique Profile Score'}; $s ne '' && $s >= 17 && $s <= 20 } ],
	[ 'junk', -40, undef, q("Tags" ~* '(invalid|wrong) number' OR "Lead Quality" = 'Worst'), sub { $_[0]{Tags} =~ /(invalid|wrong) number/i || $_[0]{'Lead Quality'} eq 'Worst' } ],
	[ 'copy asked', 3, undef, q("A free copy of Mastering The Interview"), sub { $_[0]{'A free copy of Mastering The Interview'} eq 'Yes' } ],
	[ 'switched off', 500, undef, q("Search"), undef ],
	[ 'ratio', 4, undef, q("Total Time Spent on Website" / "TotalVisits" > 300), sub { $_[0]{TotalVisits} ne '' && $_[0]{TotalVisits} > 0 && int($_[0]{'Total Time Spent on Website'} / $_[0]{TotalVisits}) > 300 } ]);
my %most = (origin => 28, behaviour => 30);
my $mql_from = 40;

sub score
{
	my ($lead) = @_;
	my ($sum, %category) = (0);

	foreach my $rule (@rules)
	{
		my ($name, $points, $category, $condition, $holds) = @$rule;
		next unless $holds && $holds->($lead);
		if (defined $category) { $category{$category} += $points; } else { $sum += $points; }
	}
	$sum += $category{$_} > $most{$_} ? $most{$_} : $category{$_} foreach keys %category;
	return $sum;
}

# ---------------------------------------------------------------------------

my $node = PostgreSQL::Test::Cluster->new('x_education');
$node->init;
$node->start;

sub quoted { my ($value) = @_; return defined $value ? "'" . $value =~ s/'/''/gr . "'" : 'NULL'; }

my %type = (
	'Prospect ID' => 'uuid PRIMARY KEY', 'Lead Number' => 'int UNIQUE', 'Converted' => 'int', 'TotalVisits' => 'int',
	'Total Time Spent on Website' => 'int', 'Page Views Per Visit' => 'numeric', 'Asymmetrique Activity Score' => 'int',
	'Asymmetrique Profile Score' => 'int', map { $_ => 'boolean' } ('Do Not Email', 'A free copy of Mastering The Interview', 'Search'));
my $columns = join ', ', map { "\"$_\" " . ($type{$_} // 'text') } @names;
my $rules = join ', ', map { '(' . join(', ', quoted('x education'), quoted($_->[0]), "'fit'", quoted($_->[3]), $_->[1], quoted($_->[2]), $_->[4] ? 'true' : 'false') . ')' } @rules;

$node->safe_psql(
	'postgres', qq{
CREATE SCHEMA "Lead Types";
CREATE EXTENSION lead_stage SCHEMA "Lead Types";
CREATE ROLE "X Education";
CREATE ROLE loader LOGIN;
GRANT USAGE ON SCHEMA "Lead Types" TO "X Education";
CREATE SCHEMA "X Education" AUTHORIZATION "X Education";
SET ROLE "X Education";
CREATE TABLE "X Education"."Lead Scoring" ($columns);
GRANT USAGE ON SCHEMA "X Education" TO loader;
GRANT INSERT ON "X Education"."Lead Scoring" TO loader;
INSERT INTO lead_stage.model (name) VALUES ('x education');
INSERT INTO lead_stage.category (model, name, max_points) VALUES ('x education', 'origin', $most{origin}), ('x education', 'behaviour', $most{behaviour});
INSERT INTO lead_stage.rule (model, name, kind, condition, points, category, enabled) VALUES $rules;
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('x education', 'scores', 'lead', 'mql', true, $mql_from);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, condition) VALUES ('x education', 'converts', 'mql', 'sql', '"Converted" = 1');
INSERT INTO lead_stage.criterion (model, name, question, condition) VALUES ('x education', 'quality', 'How good is it?', '"Lead Quality" IN (''High in Relevance'', ''Might be'')');
SELECT lead_stage.attach('"X Education"."Lead Scoring"', 'x education');
SELECT lead_stage.publish('x education');
});

# Whoever loads the file may insert, and no more: not even use our types' schema.
my $began = time;
$node->psql('postgres',
	qq{COPY "X Education"."Lead Scoring" (} . join(', ', map { "\"$_\"" } @names) . qq{) FROM stdin (FORMAT csv, HEADER);\n$csv\\.\n},
	on_error_stop => 1, on_error_die => 1, stderr => \my $warnings, extra_params => [ '-U', 'loader' ]);
note sprintf 'COPY of %d rows took %.2f s', scalar @leads, time - $began;

# A division by zero counts as false and names the rule and the row, and no row
# is lost.  (TotalVisits is 0 or null in many.)
my $zero = grep { $_->{TotalVisits} eq '0' } @leads;
my $warned = () = $warnings =~ /^.*WARNING:.*ratio.*$/mg;
is($warned, $zero, "$zero rows divide by zero, each says so");

sub lines { return [ split /\n/, $node->safe_psql('postgres', $_[0]) ]; }

sub same
{
	my ($got, $expected, $name) = @_;
	my @differences = map { ($got->[$_] // '(nothing)') ne ($expected->[$_] // '(nothing)') ? "got $got->[$_], expected $expected->[$_]" : () }
	  0 .. ($#$got > $#$expected ? $#$got : $#$expected);

	ok(@$got > 0 && !@differences, $name) or diag(scalar(@differences) . " differ\n" . join("\n", grep { defined } @differences[ 0 .. 4 ]));
}

my $state = q{SELECT "Prospect ID", fit_score, stage, coalesce(stage_reason, '') FROM "X Education"."Lead Scoring" ORDER BY "Prospect ID"};

my %stage;
sub expected
{
	my @lines;
	foreach my $lead (sort { $a->{'Prospect ID'} cmp $b->{'Prospect ID'} } @leads)
	{
		my $score = score($lead);
		my $id = $lead->{'Prospect ID'};
		$stage{$id} //= 'lead';
		$stage{$id} = 'mql' if $stage{$id} eq 'lead' && $score >= $mql_from;
		push @lines, "$id|$score|$stage{$id}|" . ($stage{$id} eq 'lead' ? '' : 'scores');
	}
	return \@lines;
}

same(lines($state), expected(), 'every score and stage after COPY');
my $mqls = grep { $_ eq 'mql' } values %stage;
note "$mqls MQLs of " . scalar @leads;
cmp_ok($mqls, '>', 500, 'some are MQLs');
cmp_ok($mqls, '<', 6000, 'and some are not');
is($node->safe_psql('postgres', q{SELECT count(*) FILTER (WHERE event = 'created'), count(*) FILTER (WHERE event = 'stage'), count(*) FROM "X Education"."Lead Scoring_history"}),
	@leads . "|$mqls|" . (@leads + $mqls), 'one created row each, one move for each MQL');

# The published rules answer why, in SQL too.
is($node->safe_psql('postgres', q{SELECT count(*) FILTER (WHERE "fit_working"), count(*) FILTER (WHERE "criterion_quality") FROM "X Education"."Lead Scoring_signals"}),
	join('|', scalar(grep { $rules[3][4]->($_) } @leads), scalar(grep { $_->{'Lead Quality'} =~ /^(High in Relevance|Might be)$/ } @leads)),
	'the signals view counts what Perl counts');

# ---------------------------------------------------------------------------
# Sales mark the conversions, all at once: one bad lead refuses the statement
# whole, and those that hold up to the check go through.  (Operators, too, are
# looked up by search_path: stage = 'mql' needs the types' schema in it.)

my $refused = $node->psql('postgres', q{SET search_path = public, "Lead Types"; UPDATE "X Education"."Lead Scoring" SET stage = 'sql' WHERE stage = 'mql'}, stderr => \my $stderr);
is($refused, 3, 'an UPDATE of all MQLs is refused');
like($stderr, qr/lead cannot move from "mql" to "sql"/, 'with the refused move');
same(lines($state), expected(), 'and changes nothing');

my @good = grep { $stage{ $_->{'Prospect ID'} } eq 'mql' && $_->{Converted} && $_->{'Lead Quality'} =~ /^(High in Relevance|Might be)$/ } @leads;
is($node->safe_psql('postgres', q{SET search_path = public, "Lead Types"; WITH moved AS (UPDATE "X Education"."Lead Scoring" AS l SET stage = 'sql'
	FROM "X Education"."Lead Scoring_signals" AS s WHERE s."Prospect ID" = l."Prospect ID" AND stage = 'mql'
	AND s.criterion_quality AND s.transition_converts RETURNING 1) SELECT count(*) FROM moved}),
	scalar @good, 'those who meet the check become SQLs');
$stage{ $_->{'Prospect ID'} } = 'sql' foreach @good;

# ---------------------------------------------------------------------------
# Other points: the leads as they are keep their scores until they are written
# or rescored.

my $reset = sub {
	my $lines = expected();
	s/\|sql\|scores$/|sql|/ foreach @$lines;
	return $lines;
};
same(lines($state), $reset->(), 'scores are as before');
my $old = $reset->();

$node->safe_psql(
	'postgres', q{
SET ROLE "X Education";
UPDATE lead_stage.rule SET points = 18 WHERE name = 'answers';
UPDATE lead_stage.rule SET points = -25 WHERE name = 'no mail';
UPDATE lead_stage.rule SET enabled = false WHERE name = 'ratio';
UPDATE lead_stage.rule SET name = 'ABROAD, far "away"' WHERE name = 'abroad';
UPDATE lead_stage.category SET max_points = 33 WHERE name = 'behaviour';
});
same(lines($state), $old, 'a draft changes nothing');
$node->safe_psql('postgres', q{SET ROLE "X Education"; SELECT lead_stage.publish('x education', 'other points')});
same(lines($state), $old, 'publish alone changes no lead');

$rules[7][1] = 18;
$rules[4][1] = -25;
$rules[14][4] = undef;
$most{behaviour} = 33;
my %old_score = map { (split /\|/)[ 0, 1 ] } @$old;
my $history_before = $node->safe_psql('postgres', q{SELECT count(*) FROM "X Education"."Lead Scoring_history"});
my $mqls_before = grep { $_ eq 'mql' } values %stage;

$began = time;
$node->psql('postgres', q{SET ROLE "X Education"; CALL lead_stage.rescore('"X Education"."Lead Scoring"', 1000)}, on_error_die => 1, stderr => \$stderr);
note sprintf 'rescore took %.2f s', time - $began;
my @notices = $stderr =~ /rescored (\d+) leads/g;
is_deeply(\@notices, [ 1000, 2000, 3000, 4000, 5000, 6000, 6916 ], 'rescore says how far it is');

my $new = $reset->();
same(lines($state), $new, 'every score and stage after rescore');
my $moved = grep({ $_ eq 'mql' } values %stage) - $mqls_before;
cmp_ok($moved, '>', 0, "$moved leads became MQLs by the new points");
is($node->safe_psql('postgres', q{SELECT count(*) FROM "X Education"."Lead Scoring_history"}), $history_before + $moved, 'only moves are history');
cmp_ok(scalar(grep { my ($id, $score) = split /\|/; $old_score{$id} != $score } @$new), '>', 1000, 'many scores changed');

# Rows whose score stays are left alone: rescored again, no row is rewritten.
my $pages = q{SELECT md5(string_agg(ctid::text || xmin, ',' ORDER BY "Prospect ID")) FROM "X Education"."Lead Scoring"};
my $before = $node->safe_psql('postgres', $pages);
$node->safe_psql('postgres', q{SET ROLE "X Education"; CALL lead_stage.rescore('"X Education"."Lead Scoring"')});
is($node->safe_psql('postgres', $pages), $before, 'a second rescore rewrites no row');

is($node->safe_psql('postgres', q{SELECT count(*) FROM lead_stage.verify_history('"X Education"."Lead Scoring"')}), '0', 'verify_history finds nothing');
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT version::text, ',' ORDER BY version::text) FROM "X Education"."Lead Scoring_history"}), '1,2', 'history tells the versions apart');

# explain, for a lead of each score, by the key as text and as uuid.
my $each = q{SELECT DISTINCT ON (fit_score) "Prospect ID", fit_score FROM "X Education"."Lead Scoring" ORDER BY fit_score, "Prospect ID"};
is($node->safe_psql('postgres', qq{
	SELECT count(*) > 30, bool_and(l.fit_score = e.points), bool_and(l.fit_score = f.points) FROM ($each) AS l
	CROSS JOIN LATERAL (SELECT sum(points) AS points FROM lead_stage.explain('"X Education"."Lead Scoring"', l."Prospect ID")) AS e
	CROSS JOIN LATERAL (SELECT sum(points) AS points FROM lead_stage.explain('"X Education"."Lead Scoring"', l."Prospect ID"::text)) AS f}),
	't|t|t', 'the lines of explain add up to every score there is');

$node->stop;
done_testing();
