# Business time on real calendars, compared with a brute force made outside:
# every row of add.csv, between.csv and edge_vectors.csv, second by second.
use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = ($ENV{LEAD_STAGE_DATA} // '') . '/business_time';
plan skip_all => 'the directory of real data (LEAD_STAGE_DATA) is not here' unless -e "$data/calendars.json";

my $node = PostgreSQL::Test::Cluster->new('business_time');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION lead_stage');

# ---------------------------------------------------------------------------
# The calendars, as they are written down

sub literal { return defined $_[0] ? "'" . $_[0] =~ s/'/''/gr . "'" : 'NULL' }

my $calendars = decode_json(slurp_file("$data/calendars.json"));
foreach my $calendar (@$calendars)
{
	my $name = literal($calendar->{name});
	my $sql = "INSERT INTO lead_stage.calendar (name, time_zone) VALUES ($name, " . literal($calendar->{timezone}) . ");\n";
	$sql .= "INSERT INTO lead_stage.calendar_hours VALUES ($name, $_->{dow}, " . literal($_->{opens}) . ', ' . literal($_->{closes}) . ");\n"
	  foreach @{ $calendar->{hours} };
	foreach my $holiday (@{ $calendar->{holidays} })
	{
		$holiday = { date => $holiday } unless ref $holiday;
		$sql .= "INSERT INTO lead_stage.holiday VALUES ($name, "
		  . join(', ', map { literal($holiday->{$_}) } qw(date opens closes)) . ");\n";
	}
	$node->safe_psql('postgres', $sql);
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM lead_stage.calendar'), scalar(@$calendars), 'every calendar is stored');

# ---------------------------------------------------------------------------
# The vectors

$node->safe_psql('postgres', 'CREATE TABLE v (op text, calendar text, a timestamptz, b timestamptz, seconds bigint)');

sub load
{
	my ($file, $row) = @_;
	my $copy = '';
	my ($header, @lines) = split /\n/, slurp_file("$data/$file");

	$copy .= join("\t", $row->(split /,/, $_)) . "\n" foreach @lines;
	$node->safe_psql('postgres', "TRUNCATE v;\nCOPY v FROM stdin;\n$copy\\.\n");
	return scalar @lines;
}

# What differs, which should be nothing; each way through both functions.
my $answers = q{
	SELECT * FROM v
	WHERE CASE op WHEN 'add' THEN
				b <> lead_stage.add_business_time(calendar, a, seconds * interval '1 second')
				OR lead_stage.business_time_between(calendar, a, b) <> seconds * interval '1 second'
			ELSE
				lead_stage.business_time_between(calendar, a, b) <> seconds * interval '1 second'
				OR lead_stage.business_time_between(calendar, b, a) <> - seconds * interval '1 second' END
		OR op IS NULL OR a IS NULL OR b IS NULL OR seconds IS NULL};

my %rows = (
	'add.csv' => sub { ('add', @_[0, 1, 3, 2]) },
	'between.csv' => sub { ('between', @_[0 .. 3]) },
	'edge_vectors.csv' => sub { @_[0 .. 4] });
foreach my $file (sort keys %rows)
{
	my $n = load($file, $rows{$file});

	cmp_ok($n, '>', 50, "$file has vectors");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM v'), $n, "all of $file is loaded");
	is($node->safe_psql('postgres', $answers), '', "$file is answered exactly");

	# The same sums from the last to the first, and where nothing is open.
	is( $node->safe_psql('postgres', q{
		SELECT * FROM v WHERE op = 'add' AND seconds > 0 AND (
			lead_stage.business_time_between(calendar, lead_stage.add_business_time(calendar, b, - seconds * interval '1 second'), b)
				<> seconds * interval '1 second'
			OR NOT lead_stage.is_open(calendar, lead_stage.add_business_time(calendar, b, - seconds * interval '1 second'))
			OR NOT lead_stage.is_open(calendar, b - interval '1 microsecond'))}),
		'', "and backwards, and what was added ends in open time");

	# This comparison can fail.
	$node->safe_psql('postgres', 'UPDATE v SET seconds = seconds + 1');
	is($node->safe_psql('postgres', "SELECT count(*) > 0 FROM ($answers) AS d"), 't', 'a second more would be noticed');
}

# PostgreSQL asked about every minute of four years, as the vectors' brute
# force was: open by the wall clock and the tables alone.
is( $node->safe_psql('postgres', q{
	WITH minute AS MATERIALIZED (
		SELECT c.name, m AS at, m AT TIME ZONE c.time_zone AS wall
		FROM lead_stage.calendar AS c
			CROSS JOIN generate_series(timestamptz '2024-01-01 00:00+00', '2027-12-31 23:59+00', '47 minutes') AS m
	), judged AS (
		SELECT name, at, CASE WHEN d.day IS NOT NULL THEN coalesce(wall::time >= d.opens AND wall::time < d.closes, false)
			ELSE EXISTS (
				SELECT FROM lead_stage.calendar_hours AS h WHERE h.calendar = name
					AND (h.dow = extract(isodow FROM wall) AND wall::time >= h.opens
							AND (wall::time < h.closes OR h.closes <= h.opens)
						OR h.closes <= h.opens AND h.dow = extract(isodow FROM wall - interval '1 day') AND wall::time < h.closes)) END AS open
		FROM minute LEFT JOIN lead_stage.holiday AS d ON d.calendar = name AND d.day = wall::date
	)
	SELECT count(*) > 500000, count(*) FILTER (WHERE open) > 100000, count(*) FILTER (WHERE open <> lead_stage.is_open(name, at))
	FROM judged}),
	't|t|0', 'is_open agrees with the wall clock, every 47 minutes of four years');

$node->stop;
done_testing();
