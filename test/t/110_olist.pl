# The marketing funnel of Olist, a Brazilian marketplace: 6,003 leads of sellers
# and 641 deals, replayed in the order of time through a small model, as an
# application's single-row statements and as an ETL job's monthly batches.
#
# What must come out is computed here, from the files and the definition of the
# model in words, without the extension: every column of ours on every lead,
# every row of history, and who was where at several dates.
use strict;
use warnings;
use FindBin;
use IO::Uncompress::Gunzip qw($GunzipError);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Time::Local qw(timegm);

my $data = $ENV{LEAD_STAGE_DATA} // '';
plan skip_all => 'the directory of real data (LEAD_STAGE_DATA) is not here'
  unless -e "$data/olist_mql.csv.gz" && -e "$data/olist_closed_deals.csv.gz";

# ---------------------------------------------------------------------------
# The files

# The rows of a CSV file, as hashes.
sub rows
{
	my ($file) = @_;
	my $in = IO::Uncompress::Gunzip->new("$data/$file") or die "$file: $GunzipError";
	my (@names, @rows);

	while (defined(my $line = <$in>))
	{
		my @values;
		chomp $line;
		push @values, defined $1 ? $1 =~ s/""/"/gr : $2
		  while $line =~ /\G(?:"((?:[^"]|"")*)"|([^,]*))(?:,|$)/gc && @values < ($line =~ tr/,//) + 1;
		if (!@names) { @names = @values; next; }
		my %row;
		@row{@names} = @values;
		push @rows, \%row;
	}
	return @rows;
}

sub instant
{
	my ($text) = @_;
	my ($y, $m, $d, $h, $min, $s) = $text =~ /^(\d+)-(\d+)-(\d+)(?: (\d+):(\d+):(\d+))?$/ or die $text;
	return timegm($s // 0, $min // 0, $h // 0, $d, $m - 1, $y);
}

sub clock { my @t = gmtime shift; return sprintf '%04d-%02d-%02d %02d:%02d:%02d+00', $t[5] + 1900, $t[4] + 1, @t[ 3, 2, 1, 0 ]; }
sub month { return substr clock(shift), 0, 7; }

# First contacts bear a date only, and are taken at its midnight.  One deal is
# dated two days before the first contact: it can be booked only after it.
my (@leads, %contact, %deal);
foreach my $row (rows('olist_mql.csv.gz'))
{
	my $id = $row->{mql_id};
	$contact{$id} = instant($row->{first_contact_date});
	push @leads, $row;
}
@leads = sort { $contact{ $a->{mql_id} } <=> $contact{ $b->{mql_id} } || $a->{mql_id} cmp $b->{mql_id} } @leads;

my $early = 0;
foreach my $row (rows('olist_closed_deals.csv.gz'))
{
	my $id = $row->{mql_id};
	my $won = instant($row->{won_date});
	if ($won < $contact{$id}) { $early++; $won = $contact{$id}; }
	$row->{at} = $won;
	$deal{$id} = $row;
}
my @deals = sort { $a->{at} <=> $b->{at} || $a->{mql_id} cmp $b->{mql_id} } values %deal;

is(scalar @leads, 6003, 'leads in the file');
is(scalar @deals, 641, 'deals in the file');
is($early, 1, 'deals dated before their first contact');

# ---------------------------------------------------------------------------
# The model, once for the extension …

my $model = q({
"model": {"name": "olist", "title": "Sellers of Olist"},
"category": [{"name": "channel", "max_points": 25}],
"rule": [
  {"id": 1, "name": "paid search", "kind": "fit", "condition": "origin = 'paid search'", "points": 20, "category": "channel"},
  {"id": 2, "name": "organic search", "kind": "fit", "condition": "origin = 'organic search'", "points": 15, "category": "channel"},
  {"id": 3, "name": "referral", "kind": "fit", "condition": "origin = 'referral'", "points": 30, "category": "channel"},
  {"id": 4, "name": "direct", "kind": "fit", "condition": "origin = 'direct traffic'", "points": 10, "category": "channel"},
  {"id": 5, "name": "top page", "kind": "fit", "points": 10, "category": "channel",
   "condition": "landing_page_id IN ('b76ef37428e6799c421989521c0e5077', '22c29808c4f815213303f8933030604c')"},
  {"id": 6, "name": "no origin", "kind": "fit", "condition": "coalesce(origin, 'unknown') IN ('unknown', 'other')", "points": -5},
  {"id": 7, "name": "big", "kind": "fit", "condition": "lead_type IN ('online big', 'online top', 'industry')", "points": 20},
  {"id": 8, "name": "manufacturer", "kind": "fit", "condition": "business_type = 'manufacturer'", "points": 5},
  {"id": 9, "name": "revenue", "kind": "fit", "condition": "declared_monthly_revenue >= 10000", "points": 15},
  {"id": 10, "name": "weekend", "kind": "fit", "condition": "extract(isodow FROM first_contact_date) >= 6", "points": -1},
  {"id": 11, "name": "home", "kind": "fit", "condition": "business_segment LIKE 'ho%'", "points": 3}],
"criterion": [
  {"name": "need now", "question": "Which segment do they sell in?", "condition": "business_segment IS NOT NULL", "position": 1},
  {"name": "service match", "question": "What kind of seller are they?", "condition": "lead_type IS NOT NULL", "position": 2},
  {"name": "next step", "question": "Who has talked to them?", "condition": "sdr_id IS NOT NULL", "position": 3},
  {"name": "decision", "question": "Do they make or resell?", "required_for": "opportunity", "condition": "business_type IS NOT NULL", "position": 4}],
"transition": [
  {"name": "to mql", "from_stage": "lead", "to_stage": "mql", "position": 1, "automatic": true, "min_fit": 20},
  {"name": "park", "from_stage": "lead", "to_stage": "nurture", "position": 2, "automatic": true,
   "condition": "coalesce(origin, 'unknown') IN ('unknown', 'other')"},
  {"name": "wake up", "from_stage": "nurture", "to_stage": "mql", "position": 3, "automatic": true, "min_fit": 15},
  {"name": "qualify", "from_stage": "mql", "to_stage": "sql", "position": 4},
  {"name": "fast track", "from_stage": "lead", "to_stage": "sql", "position": 5, "condition": "sr_id IS NOT NULL"},
  {"name": "take over", "from_stage": "sql", "to_stage": "opportunity", "position": 6, "automatic": true, "condition": "sr_id IS NOT NULL"},
  {"name": "win", "from_stage": "opportunity", "to_stage": "customer", "position": 7, "condition": "seller_id IS NOT NULL", "reasons": []},
  {"name": "give up", "to_stage": "lost", "position": 8, "in_stage_for": "150 days", "reasons": ["no reply", "no budget"]},
  {"name": "come back", "from_stage": "lost", "to_stage": "mql", "position": 9, "reasons": []}],
"example": [
  {"name": "a referral", "lead": {"origin": "referral"}, "expected": "mql"},
  {"name": "no checks", "lead": {"origin": "referral"}, "steps": [{"stage": "sql"}], "expected": "mql"},
  {"name": "nothing known", "lead": {}, "expected": "nurture"}]
});

# … and once for us.

my @rules = (
	[ 20, 1, sub { ($_[0]{origin} // '') eq 'paid search' } ],
	[ 15, 1, sub { ($_[0]{origin} // '') eq 'organic search' } ],
	[ 30, 1, sub { ($_[0]{origin} // '') eq 'referral' } ],
	[ 10, 1, sub { ($_[0]{origin} // '') eq 'direct traffic' } ],
	[ 10, 1, sub { ($_[0]{landing_page_id} // '') =~ /^(b76ef37428e6799c421989521c0e5077|22c29808c4f815213303f8933030604c)$/ } ],
	[ -5, 0, \&no_origin ],
	[ 20, 0, sub { ($_[0]{lead_type} // '') =~ /^(online big|online top|industry)$/ } ],
	[ 5,  0, sub { ($_[0]{business_type} // '') eq 'manufacturer' } ],
	[ 15, 0, sub { ($_[0]{declared_monthly_revenue} // 0) >= 10000 } ],
	[ -1, 0, sub { my $dow = (gmtime $contact{ $_[0]{mql_id} })[6]; $dow == 0 || $dow == 6 } ],
	[ 3,  0, sub { ($_[0]{business_segment} // '') =~ /^ho/ } ]);

my %rank = (disqualified => 1, lost => 2, lead => 3, nurture => 4, mql => 5, sal => 6, sql => 7, opportunity => 8, customer => 9);
my @stages = sort { $rank{$a} <=> $rank{$b} } keys %rank;
my $patience = 150 * 86400;

sub no_origin { return ($_[0]{origin} // 'unknown') =~ /^(unknown|other)$/; }

sub judge_fit
{
	my ($lead) = @_;
	my ($channel, $other, $bits) = (0, 0, '');

	foreach my $rule (@rules)
	{
		my $holds = $rule->[2]->($lead) ? 1 : 0;
		$bits .= $holds;
		next unless $holds;
		if ($rule->[1]) { $channel += $rule->[0]; } else { $other += $rule->[0]; }
	}
	$channel = 25 if $channel > 25;
	$lead->{fit_score} = $channel + $other;
	$lead->{evidence} = $bits =~ s/0+$//r;
}

sub criteria_hold
{
	my ($lead, $from, $to) = @_;
	my %needed = (sql => [ 'business_segment', 'lead_type', 'sdr_id' ], opportunity => ['business_type']);

	foreach my $stage (keys %needed)
	{
		next if $rank{$from} >= $rank{$stage} || $rank{$stage} > $rank{$to};
		return 0 if grep { !defined $lead->{$_} } @{ $needed{$stage} };
	}
	return 1;
}

# History of every table that we replay into.
my %history;

sub event
{
	my ($lead, $event, $at, %is) = @_;
	push @{ $history{ $lead->{table} }{ $lead->{mql_id} } },
	  { evidence => '', since => '', from => '', to => '', name => '', reason => '', owner => $lead->{owner} // '',
		previous => '', event => $event, at => $at, fit => $lead->{fit_score}, %is };
}

sub move
{
	my ($lead, $at, $to, $name, $reason) = @_;
	event($lead, 'stage', $at, from => $lead->{stage}, to => $to, since => $lead->{stage_since}, name => $name,
		reason => $reason // '', owner => $lead->{old_owner} // '', evidence => $lead->{evidence});
	@$lead{qw(stage stage_since stage_reason)} = ($to, $at, $reason);
}

sub move_automatically
{
	my ($lead, $at) = @_;
	my %entered = ($lead->{stage} => 1);

	while (1)
	{
		my $stage = $lead->{stage};
		my ($to, $name) =
			$stage eq 'lead' && $lead->{fit_score} >= 20 ? ('mql', 'to mql')
		  : $stage eq 'lead' && no_origin($lead) ? ('nurture', 'park')
		  : $stage eq 'nurture' && $lead->{fit_score} >= 15 ? ('mql', 'wake up')
		  : $stage eq 'sql' && defined $lead->{sr_id} && criteria_hold($lead, 'sql', 'opportunity') ? ('opportunity', 'take over')
		  : return;
		return if $entered{$to}++;
		move($lead, $at, $to, $name, $name);
	}
}

# The constraint that refuses a manual move, or the transition's name.
sub manual
{
	my ($lead, $at, $to, $reason) = @_;
	my $from = $lead->{stage};
	my $name =
		$from eq 'mql' && $to eq 'sql' ? 'qualify'
	  : $from eq 'lead' && $to eq 'sql' && defined $lead->{sr_id} ? 'fast track'
	  : $from eq 'opportunity' && $to eq 'customer' && defined $lead->{seller_id} ? 'win'
	  : $from eq 'lost' && $to eq 'mql' ? 'come back'
	  : $to eq 'lost' && $from !~ /^(customer|lost|disqualified)$/ && $at - $lead->{stage_since} >= $patience ? 'give up'
	  : '';
	return 'lead_stage_transition' unless $name && criteria_hold($lead, $from, $to);
	my $fits =
		$name =~ /^(win|come back)$/ ? ($reason // '') =~ /\S/
	  : $name eq 'give up' ? ($reason // '') =~ /^no (reply|budget)$/
	  : 1;
	return $fits ? "+$name" : 'lead_stage_reason';
}

sub insert_lead
{
	my ($table, $row, $at) = @_;
	my $lead = { %$row, table => $table, stage => 'lead', stage_since => $at, stage_reason => undef, owner => undef };
	$lead->{origin} = undef if $lead->{origin} eq '';
	judge_fit($lead);
	event($lead, 'created', $at, to => 'lead', evidence => $lead->{evidence});
	move_automatically($lead, $at);
	return $lead;
}

# Returns the constraint that refused the update.  Kept rows stay but for the
# stage.
sub update_lead
{
	my ($lead, $at, $keep, %set) = @_;
	my ($to, $reason) = (delete $set{stage} // $lead->{stage}, delete $set{stage_reason});
	my %before = %$lead;
	my $refused = '';

	@$lead{ keys %set } = values %set;
	judge_fit($lead);
	$lead->{old_owner} = $before{owner};
	if ($to eq $lead->{stage})
	{
		move_automatically($lead, $at);
	}
	else
	{
		my $way = manual($lead, $at, $to, $reason);
		if ($way =~ s/^\+//)
		{
			my $up = $rank{$to} > $rank{ $lead->{stage} };
			move($lead, $at, $to, $way, $reason);
			move_automatically($lead, $at) if $up;
		}
		elsif ($keep)
		{
			$refused = $way;
			event($lead, 'refused', $at, from => $lead->{stage}, to => $to, since => $lead->{stage_since},
				owner => $before{owner} // '', evidence => $lead->{evidence});
		}
		else
		{
			%$lead = %before;
			return $way;
		}
	}
	event($lead, 'owner', $at, from => $lead->{stage}, since => $lead->{stage_since}, previous => $before{owner} // '')
	  if ($lead->{owner} // '') ne ($before{owner} // '');
	return $refused;
}

# ---------------------------------------------------------------------------
# The database: leads of a role that is no superuser, written by one that may
# do no more than write leads (and set the clock).

my $node = PostgreSQL::Test::Cluster->new('olist');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'");
$node->start;

my $columns = q(mql_id text, first_contact_date date NOT NULL, landing_page_id text, origin text,
	sdr_id text, sr_id text, seller_id text, business_segment text, lead_type text, business_type text,
	declared_monthly_revenue numeric);
$node->safe_psql(
	'postgres', qq{
CREATE EXTENSION lead_stage;
CREATE ROLE crm;
CREATE ROLE app LOGIN;
GRANT SET ON PARAMETER lead_stage.now TO app;
CREATE SCHEMA olist AUTHORIZATION crm;
SET ROLE crm;
GRANT USAGE ON SCHEMA olist TO app;
CREATE TABLE olist.lead ($columns, PRIMARY KEY (mql_id));
CREATE TABLE olist."Seller leads" ($columns, PRIMARY KEY (first_contact_date, mql_id)) PARTITION BY RANGE (first_contact_date);
CREATE TABLE olist."2017" PARTITION OF olist."Seller leads" FOR VALUES FROM ('2017-01-01') TO ('2018-01-01');
CREATE TABLE olist."2018 1" PARTITION OF olist."Seller leads" FOR VALUES FROM ('2018-01-01') TO ('2018-04-01');
CREATE TABLE olist."rest" PARTITION OF olist."Seller leads" DEFAULT;
CREATE TABLE olist.deal (mql_id text PRIMARY KEY, month text, sdr_id text, sr_id text, seller_id text, business_segment text,
	lead_type text, business_type text, declared_monthly_revenue numeric);
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA olist TO app;
SELECT lead_stage.import_model(\$\$$model\$\$);
SELECT lead_stage.import_model(jsonb_set(\$\$$model\$\$, '{model,on_refused}', '"keep"'), 'olist monthly');
SELECT lead_stage.attach('olist.lead', 'olist');
SELECT lead_stage.attach('olist."Seller leads"', 'olist monthly', '{"stage": "Etapa", "owner": "responsável"}');
SELECT lead_stage.publish('olist');
SELECT lead_stage.publish('olist monthly');
});

sub value { my ($value) = @_; return defined $value && $value ne '' ? "'" . $value =~ s/'/''/gr . "'" : 'NULL'; }
sub copied { return join "\t", map { defined && $_ ne '' ? $_ : '\N' } @_; }

# Runs a script as the application; what it wrote to stderr, by line.
sub run_as_app
{
	my ($script) = @_;
	my $started = time;
	my ($stdout, $stderr);

	$node->psql('postgres', join("\n", @$script), on_error_stop => 0, on_error_die => 0,
		stdout => \$stdout, stderr => \$stderr, extra_params => [ '-U', 'app', '-q' ]);
	note sprintf '%d lines of script took %.1f s', scalar @$script, time - $started;
	return $stderr;
}

# Compares two lists of lines; a long list is not printed whole.
sub same
{
	my ($got, $expected, $name) = @_;
	my @differences;

	for my $i (0 .. ($#$got > $#$expected ? $#$got : $#$expected))
	{
		my ($g, $e) = ($got->[$i] // '(nothing)', $expected->[$i] // '(nothing)');
		push @differences, "line $i\n  got      $g\n  expected $e" if $g ne $e;
	}
	ok(@$got > 0 && !@differences, $name)
	  or diag(scalar(@$got) . ' lines, ' . scalar(@$expected) . ' expected, ' . scalar(@differences) . " differ\n"
		  . join("\n", grep { defined } @differences[ 0 .. 4 ]));
}

sub lines { return [ split /\n/, $node->safe_psql('postgres', $_[0]) ]; }

# ---------------------------------------------------------------------------
# As single rows: each lead and each step of a deal is a statement of its own,
# in the order of time.  Every fifth deal is tried as an SQL before anything is
# known, every third as a customer without a reason or a seller.

my (%single, @refusals);

sub deal_columns
{
	my ($deal) = @_;
	my %set = map { $_ => $deal->{$_} ne '' ? $deal->{$_} : undef }
	  qw(sdr_id sr_id business_segment lead_type business_type declared_monthly_revenue);
	$set{owner} = $set{sdr_id};
	return %set;
}

{
	my @script = ('\set VERBOSITY verbose');
	my $attempts = 0;
	my $now = 0;

	my $set_clock = sub {
		my ($at) = @_;
		push @script, "SET lead_stage.now = '" . clock($at) . "';" if $at != $now;
		$now = $at;
	};
	my $try = sub {
		my ($id, %set) = @_;
		my $refused = update_lead($single{$id}, $now, 0, %set);
		if ($refused)
		{
			push @script, '\warn attempt ' . ++$attempts;
			push @refusals, "attempt $attempts", "23514 $refused";
		}
		push @script, 'UPDATE olist.lead SET ' . join(', ', map { "$_ = " . value($set{$_}) } sort keys %set)
		  . " WHERE mql_id = '$id';";
		return $refused;
	};

	my @todo = (
		(map { [ $contact{ $_->{mql_id} }, 1, $_ ] } @leads),
		(map { [ $_->{at}, 2, $_ ] } @deals));
	for my $month (1 .. 12)
	{
		push @todo, [ timegm(0, 0, 0, 1, (5 + $month) % 12, 2017 + int((5 + $month) / 12)), 0 ];
	}
	@todo = sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] } @todo;

	my $number = 0;
	foreach my $todo (@todo)
	{
		my ($at, $kind, $row) = @$todo;
		$set_clock->($at);
		if ($kind == 0)
		{
			push @script, 'UPDATE olist.lead SET stage = \'lost\', stage_reason = \'no reply\''
			  . " WHERE stage IN ('lead', 'nurture', 'mql') AND stage_since <= lead_stage.now() - interval '150 days';";
			foreach my $lead (sort { $a->{mql_id} cmp $b->{mql_id} } values %single)
			{
				next unless $lead->{stage} =~ /^(lead|nurture|mql)$/ && $at - $lead->{stage_since} >= $patience;
				update_lead($lead, $at, 0, stage => 'lost', stage_reason => 'no reply') and die;
			}
			next;
		}
		my $id = $row->{mql_id};
		if ($kind == 1)
		{
			my @names = qw(mql_id first_contact_date landing_page_id origin);
			push @script, 'INSERT INTO olist.lead (' . join(', ', @names) . ') VALUES (' . join(', ', map { value($row->{$_}) } @names) . ');';
			$single{$id} = insert_lead('single', $row, $at);
			next;
		}
		$number++;
		$try->($id, stage => 'sql') if $number % 5 == 0;
		if ($single{$id}{stage} eq 'lost')
		{
			$try->($id, stage => 'mql') if $number % 2 == 0;
			$try->($id, stage => 'mql', stage_reason => 'wants to sell after all');
		}
		$try->($id, deal_columns($row));
		$try->($id, stage => 'sql');
		$try->($id, stage => 'customer', seller_id => $row->{seller_id}) if $number % 3 == 0;
		$try->($id, stage => 'customer', stage_reason => 'signed') if $number % 3 == 1;
		$try->($id, stage => 'customer', stage_reason => 'signed', seller_id => $row->{seller_id}, owner => $row->{sr_id});
	}

	# psql prints the code with the message, the constraint in a line below.
	my $stderr = run_as_app(\@script);
	my @got;
	foreach my $line (split /\n/, $stderr)
	{
		push @got, $1 if $line =~ /^(attempt \d+)$/;
		push @got, $1 if $line =~ /ERROR:  (\w+):/;
		$got[-1] .= " $1" if $line =~ /^CONSTRAINT NAME:  (\w+)/;
	}
	same(\@got, \@refusals, scalar(@refusals) / 2 . ' moves were refused, each by the constraint it should be');
	cmp_ok(scalar(grep { /transition/ } @refusals), '>', 100, 'there were refused transitions');
	cmp_ok(scalar(grep { /reason/ } @refusals), '>', 50, 'there were missing reasons');

	my ($early_try) = grep { /to "sql"/ } split /^attempt/m, $stderr;
	like($early_try, qr/lead cannot move from "\w+" to "sql"/, 'a refusal says what was refused');
	like($early_try, qr/Criterion "need now" is not met: Which segment do they sell in\?/, 'and asks the question that is open');
}

# ---------------------------------------------------------------------------
# As batches: the leads of a month are copied in at its end, then its deals are
# booked by a few statements over all of them.  This model keeps refused rows.

my %batch;
{
	my @script = (
		'COPY olist.deal FROM stdin;',
		(map { my $deal = $_; copied($deal->{mql_id}, month($deal->{at}), @$deal{qw(sdr_id sr_id seller_id business_segment lead_type business_type declared_monthly_revenue)}) } @deals),
		'\.');
	my %leads_of;
	push @{ $leads_of{ month($contact{ $_->{mql_id} }) } }, $_ foreach @leads;
	my %deals_of;
	push @{ $deals_of{ month($_->{at}) } }, $_ foreach @deals;

	foreach my $i (0 .. 17)
	{
		my $start = timegm(0, 0, 0, 1, (5 + $i) % 12, 2017 + int((5 + $i) / 12));
		my $end = timegm(0, 0, 0, 1, (6 + $i) % 12, 2017 + int((6 + $i) / 12)) - 1;
		my $month = month($start);
		my @won = @{ $deals_of{$month} // [] };
		my @new = @{ $leads_of{$month} // [] };

		if ($i > 0 && $i <= 12)
		{
			push @script, "SET lead_stage.now = '" . clock($start) . "';", q{
			UPDATE olist."Seller leads" SET "Etapa" = 'lost', stage_reason = 'no reply'
			WHERE "Etapa" IN ('lead', 'nurture', 'mql') AND stage_since <= lead_stage.now() - interval '150 days';};
			foreach my $lead (values %batch)
			{
				update_lead($lead, $start, 1, stage => 'lost', stage_reason => 'no reply')
				  if $lead->{stage} =~ /^(lead|nurture|mql)$/ && $start - $lead->{stage_since} >= $patience;
			}
		}

		push @script, "SET lead_stage.now = '" . clock($end) . "';",
		  'COPY olist."Seller leads" (mql_id, first_contact_date, landing_page_id, origin) FROM stdin;',
		  (map { copied(@$_{qw(mql_id first_contact_date landing_page_id origin)}) } @new), '\.';
		$batch{ $_->{mql_id} } = insert_lead('batch', $_, $end) foreach @new;

		my $of_month = "FROM olist.deal AS d WHERE d.mql_id = l.mql_id AND d.month = '$month'";
		push @script,
		  qq{UPDATE olist."Seller leads" AS l SET "Etapa" = 'mql', stage_reason = 'wants to sell after all' $of_month AND "Etapa" = 'lost';},
		  qq{UPDATE olist."Seller leads" AS l SET (sdr_id, sr_id, business_segment, lead_type, business_type, declared_monthly_revenue, "responsável")
			 = (d.sdr_id, d.sr_id, d.business_segment, d.lead_type, d.business_type, d.declared_monthly_revenue, d.sdr_id) $of_month;},
		  qq{UPDATE olist."Seller leads" AS l SET "Etapa" = 'sql' $of_month;},
		  qq{UPDATE olist."Seller leads" AS l SET "Etapa" = 'customer', stage_reason = 'signed', seller_id = d.seller_id, "responsável" = d.sr_id $of_month AND "Etapa" = 'opportunity';};
		foreach my $deal (@won)
		{
			my $lead = $batch{ $deal->{mql_id} };
			update_lead($lead, $end, 1, stage => 'mql', stage_reason => 'wants to sell after all') if $lead->{stage} eq 'lost';
			update_lead($lead, $end, 1, deal_columns($deal));
			update_lead($lead, $end, 1, stage => 'sql');
			update_lead($lead, $end, 1, stage => 'customer', stage_reason => 'signed', seller_id => $deal->{seller_id}, owner => $deal->{sr_id})
			  if $lead->{stage} eq 'opportunity';
		}
	}
	is(run_as_app(\@script), '', 'no statement of the batches failed');
}

# ---------------------------------------------------------------------------
# What came out

my %replay = (
	single => { leads => 'olist.lead', beside => 'olist.lead_%s', stage => 'stage', owner => 'owner', result => \%single },
	batch => { leads => 'olist."Seller leads"', beside => 'olist."Seller leads_%s"', stage => '"Etapa"', owner => '"responsável"', result => \%batch });

# The stage and owner after an event, as history says them.
sub stage_after { my ($e) = @_; return $e->{event} =~ /^(created|stage)$/ ? $e->{to} : $e->{from}; }

foreach my $how (sort { $b cmp $a } keys %replay)
{
	my ($leads, $beside, $stage, $owner, $result) = @{ $replay{$how} }{qw(leads beside stage owner result)};
	my $started = time;
	my @ids = sort keys %$result;

	is_deeply(
		lines("SELECT $stage, count(*) FROM $leads GROUP BY 1 ORDER BY 1"),
		[ map { my $s = $_; my $n = grep { $_->{stage} eq $s } values %$result; $n ? "$s|$n" : () } @stages ],
		"$how: leads by stage");
	note join ', ', @{ lines("SELECT $stage, count(*) FROM $leads GROUP BY 1 ORDER BY 1") };

	same(
		lines("SELECT mql_id, $stage, extract(epoch FROM stage_since)::bigint, stage_reason, fit_score, $owner FROM $leads ORDER BY mql_id COLLATE \"C\""),
		[ map { my $l = $result->{$_}; join '|', $_, map { $_ // '' } @$l{qw(stage stage_since stage_reason fit_score owner)} } @ids ],
		"$how: every column of every lead");

	my $history = lines(sprintf q{SELECT mql_id, event, extract(epoch FROM at)::bigint, extract(epoch FROM since)::bigint, from_stage, to_stage,
		name, CASE event WHEN 'refused' THEN '' ELSE reason END, fit_score, owner, previous_owner, evidence
		FROM %s ORDER BY mql_id COLLATE "C", id}, sprintf $beside, 'history');
	same(
		$history,
		[ map { my $id = $_; map { join '|', $id, @$_{qw(event at since from to name reason fit owner previous evidence)} } @{ $history{$how}{$id} } } @ids ],
		"$how: " . scalar(@$history) . ' rows of history');

	# The chain, from what is stored alone.
	my (%at_stage, %entered, @broken);
	foreach my $line (@$history)
	{
		my ($id, $event, $at, $since, $from, $to) = split /\|/, $line;
		push @broken, "$line: from another stage" if $event ne 'created' && $from ne $at_stage{$id};
		push @broken, "$line: created twice" if $event eq 'created' && exists $at_stage{$id};
		push @broken, "$line: entered at another time" if $event eq 'stage' && $since != $entered{$id};
		($at_stage{$id}, $entered{$id}) = ($to, $at) if $event =~ /^(created|stage)$/;
	}
	foreach my $line (@{ lines("SELECT mql_id, $stage, extract(epoch FROM stage_since)::bigint FROM $leads") })
	{
		my ($id, $s, $since) = split /\|/, $line;
		push @broken, "$line: not where its history ends" if $s ne $at_stage{$id} || $since != $entered{$id};
	}
	is_deeply(\@broken, [], "$how: every chain is unbroken and ends where the lead is");
	is($node->safe_psql('postgres', "SELECT count(*) FROM lead_stage.verify_history('$leads')"), '0', "$how: verify_history agrees");

	is($node->safe_psql('postgres', sprintf q{SELECT count(DISTINCT role) || ' ' || min(role) || ' ' || bool_and(recorded_at > '2026-01-01') || ' ' || count(actor) FROM %s}, sprintf $beside, 'history'),
		'1 app true 0', "$how: history says who wrote, and when really");

	# Who was where at a date: by the events up to it.
	my $sample = $history{$how}{ $deals[300]{mql_id} }[0]{at};
	my $place = $how eq 'single' ? 1 : 2;
	foreach my $at (instant('2017-06-13'), instant('2017-12-31'), instant('2018-03-01'), instant('2018-03-01') - 1,
		$deals[0]{at}, $deals[320]{at}, $deals[320]{at} - 1, $sample, instant('2018-06-30 12:00:00'), instant('2019-01-01'))
	{
		my @expected;
		foreach my $id (@ids)
		{
			my ($last) = grep { $_->{at} <= $at } reverse @{ $history{$how}{$id} };
			push @expected, join '|', $id, stage_after($last), $last->{owner} if $last;
		}
		my $got = lines("SELECT key[$place], stage, owner FROM lead_stage.as_of('$leads', '" . clock($at) . "') ORDER BY key[$place] COLLATE \"C\"");
		if (@expected) { same($got, \@expected, "$how: as of " . clock($at) . ': ' . scalar(@expected) . ' leads'); }
		else { is_deeply($got, [], "$how: nobody was there on " . clock($at)); }
	}

	# Visits and the journey.
	my (@visits, @journeys, %customers, @lead_times);
	foreach my $id (@ids)
	{
		my ($came_from, %first) = ('');
		my $lead = $result->{$id};
		foreach my $e (@{ $history{$how}{$id} })
		{
			next unless $e->{event} =~ /^(created|stage)$/;
			$first{ $e->{to} } //= $e->{at};
			next unless $e->{event} eq 'stage';
			push @visits, join '|', $id, $e->{from}, $e->{since}, $e->{at}, $e->{to}, $e->{name}, $e->{reason}, $e->{owner}, $came_from;
			$came_from = $e->{from};
		}
		push @visits, join '|', $id, $lead->{stage}, $lead->{stage_since}, '', '', '', '', $lead->{owner} // '', $came_from;
		push @journeys, join '|', $id, (map { $first{$_} // '' } @stages), $lead->{stage};
		next unless $first{customer};
		$customers{ month($first{customer}) }++;
		push @lead_times, $first{customer} - $first{lead};
	}
	same(
		[ sort @{ lines(sprintf q{SELECT mql_id, stage, extract(epoch FROM entered_at)::bigint, extract(epoch FROM left_at)::bigint, next_stage,
			transition, reason, owner, came_from FROM %s}, sprintf $beside, 'visits') } ],
		[ sort @visits ], "$how: " . scalar(@visits) . ' visits');
	same(
		lines(sprintf q{SELECT mql_id, %s, stage FROM %s ORDER BY mql_id COLLATE "C"},
			join(', ', map { "extract(epoch FROM ${_}_at)::bigint" } @stages), sprintf $beside, 'journey'),
		\@journeys, "$how: every journey");
	is_deeply(
		lines(sprintf q{SELECT to_char(customer_at, 'YYYY-MM'), count(*) FROM %s WHERE customer_at IS NOT NULL GROUP BY 1 ORDER BY 1}, sprintf $beside, 'journey'),
		[ map { "$_|$customers{$_}" } sort keys %customers ], "$how: customers by month");
	@lead_times = sort { $a <=> $b } @lead_times;
	my $median = ($lead_times[ int($#lead_times / 2) ] + $lead_times[ int(@lead_times / 2) ]) / 2;
	is($node->safe_psql('postgres', sprintf q{SELECT extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY customer_at - lead_at))::float8 FROM %s}, sprintf $beside, 'journey'),
		$median, "$how: median time from lead to customer");
	note sprintf '%s: %d customers, %d visits, median %.1f days; checking took %.1f s', $how, scalar @lead_times, scalar @visits, $median / 86400, time - $started;
}

# Why a lead scores what it does: the lines add up, and name the rules that the
# bits of the last event mean.
{
	my @sample = map { $deals[ $_ * 20 ]{mql_id} } 0 .. 31;
	my $wrong = lines(
		'SELECT l.mql_id FROM olist.lead AS l CROSS JOIN LATERAL (SELECT sum(points) AS points FROM lead_stage.explain(\'olist.lead\', l.mql_id) AS e) AS e'
		. ' WHERE l.mql_id IN (' . join(', ', map { value($_) } @sample) . ') AND e.points IS DISTINCT FROM l.fit_score');
	is_deeply($wrong, [], 'the points that explain shows add up to the score');
	my @names = ('paid search', 'organic search', 'referral', 'direct', 'top page', 'no origin', 'big', 'manufacturer', 'revenue', 'weekend', 'home');
	my @expected;
	foreach my $id (sort @sample)
	{
		my ($last) = grep { $_->{event} eq 'stage' } reverse @{ $history{single}{$id} };
		my @bits = split //, $last->{evidence};
		push @expected, "$id|" . join ',', map { $bits[$_] ? $names[$_] : () } 0 .. $#bits;
	}
	is_deeply(
		lines(q{SELECT mql_id, array_to_string(lead_stage.evidence('olist.lead', id), ',') FROM
			(SELECT DISTINCT ON (mql_id COLLATE "C") mql_id, id FROM olist.lead_history WHERE event = 'stage' AND mql_id IN (}
			. join(', ', map { value($_) } @sample) . q{) ORDER BY mql_id COLLATE "C", id DESC) AS h ORDER BY mql_id COLLATE "C"}),
		\@expected, 'evidence names the rules that held');
}

# Both ways lead to the same customers and the same scores.
is( $node->safe_psql(
		'postgres', q{
SELECT count(*) FROM olist.lead AS a JOIN olist."Seller leads" AS b USING (mql_id)
WHERE a.fit_score <> b.fit_score OR (a.stage = 'customer') <> (b."Etapa" = 'customer')}),
	'0', 'rows and batches agree');

$node->stop;
done_testing();
