# Every example in README.md and doc/*.md does what the page says, the demo
# prints what is in demo/demo.out, and every link leads somewhere.
#
# A page is run from top to bottom in a database of its own, in one session of a
# superuser, with TimeZone UTC and the extension created (unless the page does):
#
#   ```sql          is run
#   ``` or ```text  directly after it is what psql -q prints; compared as it is,
#                   but for blanks at the ends of lines; a line "..." stands
#                   for any lines.  Without one the SQL must not raise an error,
#                   and what it prints is not compared.
#   <!-- run        is run, but not shown: what a page needs to be repeatable,
#   -->             such as SET lead_stage.now; must not raise an error
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $mark = '=== end of block ===';

# The steps of a page: [ line, sql, expected or undef ]
sub steps
{
	my ($text) = @_;
	my (@steps, @body);
	my ($in, $after_sql, $start, $number) = ('', 0, 0, 0);

	foreach my $line (split /\n/, $text)
	{
		$number++;
		if ($in eq '')
		{
			if ($line =~ /^```(\w*)$/)
			{
				# Output belongs to the SQL right before it.
				$in = $1 eq 'sql' ? 'sql' : ($1 eq '' || $1 eq 'text') && $after_sql ? 'output' : 'other';
				($start, @body) = ($number);
			}
			elsif ($line =~ /^<!-- run$/)
			{
				$in = 'hidden';
				($start, @body) = ($number);
			}
			elsif ($line !~ /^\s*$/)
			{
				$after_sql = 0;
			}
		}
		elsif ($line eq ($in eq 'hidden' ? '-->' : '```'))
		{
			push @steps, [ $start, join("\n", @body), undef ] if $in eq 'sql' || $in eq 'hidden';
			$steps[-1][2] = join("\n", @body) if $in eq 'output';
			$after_sql = ($in eq 'sql');
			$in = '';
		}
		else
		{
			push @body, $line;
		}
	}
	die "block of line $start has no end" if $in ne '';
	return @steps;
}

sub tidy
{
	my ($text) = @_;
	$text =~ s/[ \t]+$//mg;
	$text =~ s/\n+$//;
	$text =~ s/^\n+//;
	return $text;
}

sub pattern
{
	my $pattern = join('\n', map { $_ eq '...' ? '(?s:.*)' : quotemeta } split /\n/, $_[0]);
	return qr/\A$pattern\z/;
}

my $node = PostgreSQL::Test::Cluster->new('documentation');
$node->init;
$node->start;

sub run_psql
{
	my ($sql, @options) = @_;
	my $output;
	my @command = ('psql', '-X', '-q', '-d', $node->connstr('page'), @options);

	local $ENV{PGOPTIONS} = '-c TimeZone=UTC -c DateStyle=ISO';
	IPC::Run::run(\@command, '<', \$sql, '>&', \$output);
	return $output;
}

# What is wrong with a page, in words.
sub problems
{
	my ($text) = @_;
	my @problems;
	my @steps = steps($text);

	return () unless @steps;
	$node->safe_psql('postgres', 'CREATE DATABASE page');
	$node->safe_psql('page', 'CREATE EXTENSION lead_stage')
	  unless $text =~ /^CREATE EXTENSION lead_stage/m;

	# The mark goes to where errors and notices go: both are unbuffered, and
	# psql empties its output after each query.
	my $script = "\\set SHOW_CONTEXT never\n\\pset pager off\n";
	$script .= "$_->[1]\n\\warn '$mark'\n" foreach @steps;
	my @printed = split /^\Q$mark\E\n/m, run_psql($script), -1;

	foreach my $step (@steps)
	{
		my ($line, $sql, $expected) = @$step;
		my $got = tidy(shift(@printed) // '(nothing: the session had ended)');

		if (!defined $expected)
		{
			push @problems, "line $line raised an error:\n$got" if $got =~ /^(ERROR|FATAL|psql:.*):  /m || $got =~ /^invalid command/m;
		}
		elsif ($got !~ pattern(tidy($expected)))
		{
			push @problems, "line $line printed:\n$got\n-- and not:\n" . tidy($expected);
		}
	}

	$node->safe_psql('postgres', 'DROP DATABASE page');
	$node->safe_psql('postgres', "DROP ROLE $_")
	  foreach split /\n/, $node->safe_psql('postgres', q{SELECT quote_ident(rolname) FROM pg_roles WHERE oid >= 16384});
	return @problems;
}

# This test can fail.
my $right = "```sql\nSELECT 1 AS one;\n```\n```text\n one \n-----\n   1\n(1 row)\n```\n";
is_deeply([ problems($right) ], [], 'a right page is right');
is(scalar(problems($right =~ s/   1$/   2/mr)), 1, 'wrong output is noticed');
is(scalar(problems($right =~ s/^\(1 row\)$/.../mr)), 0, 'what is left out may be anything');
is(scalar(problems($right =~ s/^ one $/.../mr =~ s/   1$/   2/mr)), 1, 'what is not left out is compared');
is(scalar(problems("```sql\nSELECT 1/0;\n```\n")), 1, 'an error that is not shown is noticed');
is(scalar(problems("```sql\nSELECT 1/0;\n```\n```text\nERROR:  division by zero\n```\n")), 0, 'an error that is shown is right');
is(scalar(problems("<!-- run\nSELECT 1/0;\n-->\n")), 1, 'an error in what is hidden is noticed');
is(scalar(problems("```sql\nSELECT 1\n```\n\n```text\n```\n```sql\n;\n```\n```\n```\n")), 1, 'output where none should be is noticed');

# An anchor as GitHub makes it from a heading.
sub anchors
{
	my ($text) = @_;
	my %anchors;

	while ($text =~ /^#+ +(.*?) *$/mg)
	{
		my $anchor = lc($1 =~ s/`//gr);
		$anchor =~ s/[^\w\- ]//g;
		$anchor =~ s/ /-/g;
		$anchors{$anchor} = 1;
	}
	return \%anchors;
}

my @pages = ('README.md', 'CHANGELOG.md', sort glob('doc/*.md'));
my %text = map { $_ => slurp_file($_) } @pages;

foreach my $page (@pages)
{
	my @problems = problems($text{$page});
	is(join("\n\n", @problems), '', "the examples of $page");

	my ($dir) = $page =~ m,^(.*/),;
	my @broken;
	while ($text{$page} =~ /\]\(([^)#]*)(?:#([^)]*))?\)/g)
	{
		my ($file, $anchor) = ($1, $2);
		next if $file =~ /^https?:/;
		my $target = $file eq '' ? $page : ($dir // '') . $file;
		$target =~ s,[^/]+/\.\./,,;
		push @broken, $target unless -e $target;
		push @broken, "$target#$anchor"
		  if defined $anchor && defined $text{$target} && !anchors($text{$target})->{$anchor};
	}
	is(join(' ', @broken), '', "the links of $page");
}

# The reference has all that there is: public functions, settings, and the
# columns of what stands beside a table.
$node->safe_psql('postgres', 'CREATE DATABASE page');
$node->safe_psql('page', q{
CREATE EXTENSION lead_stage;
CREATE TABLE lead (id int PRIMARY KEY);
INSERT INTO lead_stage.model (name) VALUES ('m');
SELECT lead_stage.attach('lead', 'm'), lead_stage.publish('m');
});
sub missing_in
{
	my ($page, $query) = @_;
	return join ' ', grep { $text{$page} !~ /(?<![a-z_.])\Q$_\E(?:(?<=\()|(?![a-z_]))/ } split /\n/, $node->safe_psql('page', $query);
}
is(missing_in('doc/reference.md', q{
	SELECT proname || '(' FROM pg_proc WHERE pronamespace = 'lead_stage'::regnamespace AND proname !~ '^_'}),
	'', 'every public function is in the reference');
is(missing_in('doc/reference.md', q{LOAD 'lead_stage'; SELECT name FROM pg_settings WHERE name LIKE 'lead\_stage.%'}),
	'', 'every setting is in the reference');
is(missing_in('doc/reference.md', q{
	SELECT DISTINCT a.attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
	WHERE c.relname LIKE 'lead\_%' AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
		AND a.attnum > 0 AND a.attname <> 'lead_id'}),
	'', 'every column beside a table is in the reference');
is(missing_in('doc/model.md', q{
	SELECT DISTINCT a.attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
	WHERE c.relnamespace = 'lead_stage'::regnamespace AND c.relkind = 'r' AND a.attnum > 0}),
	'', 'every column of a model is on its page');
$node->safe_psql('postgres', 'DROP DATABASE page');

# The demo, squeezed as demo/run.sh does.
$node->safe_psql('postgres', 'CREATE DATABASE page');
is(tidy(run_psql(slurp_file('demo/demo.sql')) =~ s/\n{3,}/\n\n/gr),
	tidy(slurp_file('demo/demo.out')), 'what the demo prints');

$node->stop;
done_testing();
