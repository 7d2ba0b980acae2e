# The leads of X Education, 6,916 with what became of them: the area under the
# curve that backtest and suggest_points tell is the one computed here, from the
# file and the rules in words, without the extension.
use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use IO::Uncompress::Gunzip qw($GunzipError);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = $ENV{LEAD_STAGE_DATA} // '';
plan skip_all => 'the directory of real data (LEAD_STAGE_DATA) is not here'
  unless -e "$data/x_education_leads.csv.gz";

# ---------------------------------------------------------------------------
# The file.  Quoted fields may hold commas and line breaks.

my $in = IO::Uncompress::Gunzip->new("$data/x_education_leads.csv.gz") or die $GunzipError;
my $text = do { local $/; <$in> };
$text =~ s/\r\n/\n/g;
my (@records, @record);
while ($text =~ /\G(?:"((?:[^"]|"")*)"|([^,\n]*))(,|\n|\z)/gc)
{
	my $end = $3;
	push @record, defined $1 ? $1 =~ s/""/"/gr : $2;
	next if $end eq ',';
	push @records, [@record] if @record > 1;
	@record = ();
	last if $end eq '';
}
my @names = @{ shift @records };
my @leads = map { my %lead; @lead{@names} = @$_; \%lead } @records;
is(scalar @leads, 6916, 'leads in the file');

# ---------------------------------------------------------------------------
# The rules: points, as SQL over the table made below, and as Perl over the file.

my $number = sub { length $_[0] ? $_[0] : undef };
my @rules = (
	[ 'reference', 25, q{origin = 'Lead Add Form'}, sub { $_[0]{'Lead Origin'} eq 'Lead Add Form' } ],
	[ 'working', 30, q{occupation = 'Working Professional'}, sub { $_[0]{'What is your current occupation'} eq 'Working Professional' } ],
	[ 'unemployed', 5, q{occupation = 'Unemployed'}, sub { $_[0]{'What is your current occupation'} eq 'Unemployed' } ],
	[ 'long visit', 20, q{seconds > 600}, sub { length $_[0]{'Total Time Spent on Website'} && $_[0]{'Total Time Spent on Website'} > 600 } ],
	[ 'visit', 8, q{seconds BETWEEN 120 AND 600}, sub { length $_[0]{'Total Time Spent on Website'} && $_[0]{'Total Time Spent on Website'} >= 120 && $_[0]{'Total Time Spent on Website'} <= 600 } ],
	[ 'often', 4, q{visits >= 5}, sub { length $_[0]{'TotalVisits'} && $_[0]{'TotalVisits'} >= 5 } ],
	[ 'chat', -6, q{source = 'Olark Chat'}, sub { $_[0]{'Lead Source'} eq 'Olark Chat' } ],
	[ 'no mail', -15, q{do_not_email}, sub { $_[0]{'Do Not Email'} eq 'Yes' } ],
	[ 'city unknown', -2, q{city IS NULL OR city = 'Select'}, sub { $_[0]{'City'} eq '' || $_[0]{'City'} eq 'Select' } ]);
# "long visit", "visit" and "often" give at most 22 together.
my %capped = map { $_ => 1 } ('long visit', 'visit', 'often');

# Points of a lead; "points" from rule to points.
sub score
{
	my ($lead, %points) = @_;
	my ($score, $group) = (0, 0);
	foreach my $rule (@rules)
	{
		next unless $rule->[3]->($lead);
		if ($capped{ $rule->[0] }) { $group += $points{ $rule->[0] }; }
		else { $score += $points{ $rule->[0] }; }
	}
	return $score + ($group > 22 ? 22 : $group);
}

# The area under the curve by the sum of ranks (Mann and Whitney), a tie having
# the rank of its middle: [ score, outcome ] …
sub area
{
	my @pairs = sort { $a->[0] <=> $b->[0] } @_;
	my ($ranks, $positive) = (0, 0);
	for (my $i = 0; $i < @pairs;)
	{
		my $j = $i;
		$j++ while $j < @pairs && $pairs[$j][0] == $pairs[$i][0];
		foreach my $k ($i .. $j - 1)
		{
			next unless $pairs[$k][1];
			$ranks += ($i + 1 + $j) / 2;
			$positive++;
		}
		$i = $j;
	}
	return ($ranks - $positive * ($positive + 1) / 2) / ($positive * (@pairs - $positive));
}

# ---------------------------------------------------------------------------

my $node = PostgreSQL::Test::Cluster->new('x_education');
$node->init;
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;

sub value { my ($v) = @_; return 'NULL' if !defined $v || $v eq ''; $v =~ s/'/''/g; return "'$v'"; }
my @insert = map {
	my $l = $_;
	'(' . join(', ', map { value($_) } $l->{'Prospect ID'}, $l->{'Lead Origin'}, $l->{'Lead Source'}, $l->{'Do Not Email'} eq 'Yes' ? 'true' : 'false',
		$l->{'TotalVisits'}, $l->{'Total Time Spent on Website'}, $l->{'What is your current occupation'}, $l->{'City'}, $l->{'Converted'} ? 'true' : 'false') . ')'
} @leads;

$node->safe_psql('postgres', join("\n",
	'CREATE EXTENSION lead_stage;',
	'CREATE TABLE lead (id uuid PRIMARY KEY, origin text, source text, do_not_email bool, visits int, seconds int, occupation text, city text, converted bool);',
	q{INSERT INTO lead_stage.model (name) VALUES ('x');},
	q{INSERT INTO lead_stage.category VALUES ('x', 'visits', 22);},
	(map { sprintf q{INSERT INTO lead_stage.rule (model, name, kind, points, condition, category) VALUES ('x', '%s', 'fit', %d, %s, %s);},
		$_->[0], $_->[1], value($_->[2]), $capped{ $_->[0] } ? q{'visits'} : 'NULL' } @rules),
	q{SELECT lead_stage.attach('lead', 'x');},
	q{SELECT lead_stage.publish('x');},
	'INSERT INTO lead VALUES ' . join(', ', @insert) . ';'));
is($node->safe_psql('postgres', 'SELECT count(*), count(*) FILTER (WHERE converted) FROM lead'), '6916|2670', 'leads and conversions in the table');

# ---------------------------------------------------------------------------
# backtest

my %points = map { $_->[0] => $_->[1] } @rules;
my @scored = map { [ score($_, %points), $_->{'Converted'} ] } @leads;
my $auc = area(@scored);
my @bands = map { [ split /\|/ ] } split /\n/,
  $node->safe_psql('postgres', q{SELECT band, min_score, max_score, leads, outcomes, rate, lift, auc FROM lead_stage.backtest('lead', 'converted')});

is(scalar @bands, 10, 'ten bands');
cmp_ok(abs($_->[7] - $auc), '<', 1e-12, "the area of band $_->[0] is $auc") foreach $bands[0], $bands[9];
cmp_ok($auc, '>', 0.7, 'which is better than chance');
note join "\n", map { join "\t", @$_ } @bands;

# A band goes by the middle of a tie.
my (%of_score, @expected);
foreach my $s (@scored) { $of_score{ $s->[0] }[0]++; $of_score{ $s->[0] }[1] += $s->[1]; }
my $before = 0;
foreach my $score (sort { $a <=> $b } keys %of_score)
{
	my ($n, $converted) = @{ $of_score{$score} };
	my $band = int(10 * ($before + ($n - 1) / 2) / @leads);
	$expected[$band]{min} //= $score;
	$expected[$band]{max} = $score;
	$expected[$band]{leads} += $n;
	$expected[$band]{outcomes} += $converted;
	$before += $n;
}
is_deeply(
	[ map { [ @$_[ 0 .. 4 ] ] } @bands ],
	[ map { my $b = $expected[$_] // {}; [ $_ + 1, $b->{min} // '', $b->{max} // '', $b->{leads} // 0, $b->{outcomes} // 0 ] } 0 .. 9 ],
	'the bands are right');
my @rates = map { $_->[5] } grep { $_->[3] > 0 } @bands;
cmp_ok($rates[-1], '>', 2 * $rates[0], 'the highest scores convert more often');
cmp_ok(abs($_->[6] - $_->[5] / (2670 / 6916)), '<', 1e-9, "lift of band $_->[0]") foreach grep { $_->[3] > 0 } @bands;

# ---------------------------------------------------------------------------
# suggest_points

my @rows = map { [ split /\|/ ] } split /\n/,
  $node->safe_psql('postgres', q{SELECT rule, points, suggested, leads, outcomes, weight, auc_now, auc_suggested FROM lead_stage.suggest_points('lead', 'converted')});
is(scalar @rows, scalar @rules, 'a proposal for each rule');
my @held_out = grep { hex(substr(md5_hex($_->{'Prospect ID'}), 0, 7)) % 4 == 0 } @leads;
my @training = grep { hex(substr(md5_hex($_->{'Prospect ID'}), 0, 7)) % 4 != 0 } @leads;
my $all_yes = grep { $_->{'Converted'} } @training;
my $share = $all_yes / @training;
my %suggested;
foreach my $rule (@rules)
{
	my ($row) = grep { $_->[0] eq $rule->[0] } @rows;
	my @with = grep { $rule->[3]->($_) } @training;
	my $yes = grep { $_->{'Converted'} } @with;
	my $odds_with = ($yes + $share) / (@with - $yes + 1 - $share);
	my $odds_without = ($all_yes - $yes + $share) / (@training - @with - ($all_yes - $yes) + 1 - $share);
	my $weight = log($odds_with / $odds_without);
	is_deeply([ @$row[ 1, 3, 4 ] ], [ $rule->[1], scalar @with, $yes ], "$rule->[0]: points, leads, outcomes");
	cmp_ok(abs($row->[5] - $weight), '<', 1e-9, "$rule->[0]: weight $weight");
	$suggested{ $rule->[0] } = sprintf '%.0f', 10 * $weight / log 2;
	is($row->[2], $suggested{ $rule->[0] }, "$rule->[0]: points");
}
cmp_ok(abs($rows[0][6] - area(map { [ score($_, %points), $_->{'Converted'} ] } @held_out)), '<', 1e-12, 'the area on held-out leads as they are scored now');
cmp_ok(abs($rows[0][7] - area(map { [ score($_, %suggested), $_->{'Converted'} ] } @held_out)), '<', 1e-12, 'and with the proposed points');
note "held out: $rows[0][6] now, $rows[0][7] proposed";

$node->stop;
done_testing();
