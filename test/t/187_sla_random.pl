# Random models with SLA clocks, in random calendars, and random writes: moves,
# pauses, calls told in time and late and in advance, activities, owners, keys,
# merges, deletions, versions with other terms, late holidays, reschedule.
# Every clock's events, its tasks at random instants and what is remembered of
# it must be what SlaWorld.pm works out without the extension, whether time is
# swept before each statement, sometimes, or not at all.
#
# RANDOM_SEED repeats a run.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IPC::Run qw(start finish);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::Local qw(timegm);
use SlaWorld;
use Test::More;

my $seed = $ENV{RANDOM_SEED} // 20261125;
my $worlds = $ENV{RANDOM_WORLDS} // 3;
note "seed $seed";
srand($seed);

sub one_of { return $_[ int rand @_ ]; }
sub chance { return rand() < $_[0]; }
sub quote { my $v = shift; return defined $v ? "'$v'" : 'NULL'; }
sub instant { my $at = shift; return defined $at ? sprintf "'%04d-%02d-%02d %02d:%02d:%02d+00'", (gmtime $at)[5] + 1900, (gmtime $at)[4] + 1, (gmtime $at)[ 3, 2, 1, 0 ] : 'NULL'; }
sub day { my ($s, $m, $h, $d, $month, $y) = gmtime $_[0] * 86400; return sprintf '%04d-%02d-%02d', $y + 1900, $month + 1, $d; }
sub clock_time { my $m = shift; return sprintf "'%02d:%02d'", int($m / 60), $m % 60; }

my @stages = qw(lead nurture mql sal sql opportunity lost);
my @script;    # [rhythm or '', statement]
my (@expected, %tasks, %remembered, %unmoved, @complaints);

# ---------------------------------------------------------------------------
# One world: its model, its writes, and what must come of them

sub calendar
{
	my ($name, $zone, $from, $sql) = @_;
	my @hours = @{ one_of(
		[ map { [ $_, 540, 765 ], [ $_, 825, 1080 ] } 1 .. 5 ],    # a lunch break
		[ map { [ $_, 497, 1003 ] } 1 .. 6 ],
		[ (map { [ $_, 1320, 360 ] } 1 .. 5), [ 6, 600, 840 ] ],    # nights
		[ map { [ $_, 0, 1440 ] } 1 .. 7 ],
		[ map { [ $_, 0, 1439 ] } 1 .. 7 ],
		[ map { [ $_, 90, 150 ], [ $_, 480, 1440 ] } 1 .. 7 ]) };
	my %holidays = map { $from + 10 + int(rand 60) => one_of(0, 0, [ 540, 720 ]) } 1 .. 5;
	my $calendar = SlaWorld::Calendar->new(zone => $zone, hours => \@hours, holidays => \%holidays, from => $from - 20, to => $from + 260);

	$calendar->{sql_name} = $name;
	push @$sql, "INSERT INTO lead_stage.calendar (name, time_zone) VALUES ('$name', '$zone');",
	  map({ "INSERT INTO lead_stage.calendar_hours (calendar, dow, opens, closes) VALUES ('$name', $_->[0], " . clock_time($_->[1]) . ', ' . clock_time($_->[2]) . ');' } @hours),
	  map { holiday($calendar, $_) } sort keys %holidays;
	return $calendar;
}

sub holiday
{
	my ($calendar, $day) = @_;
	my $open = $calendar->{holidays}{$day};
	return sprintf "INSERT INTO lead_stage.holiday (calendar, day, opens, closes) VALUES ('%s', '%s', %s);", $calendar->{sql_name}, day($day), $open ? join(', ', map { clock_time($_) } @$open) : 'NULL, NULL';
}

my %conditions = (
	'kind = 1' => sub { ($_[0]{columns}{kind} // -1) == 1 },
	'kind > 1' => sub { ($_[0]{columns}{kind} // -1) > 1 },
	'waiting' => sub { $_[0]{columns}{waiting} },
	'NOT waiting' => sub { !$_[0]{columns}{waiting} },
	'waiting OR kind = 2' => sub { $_[0]{columns}{waiting} || $_[0]{columns}{kind} == 2 },
	"owner = 'boss'" => sub { ($_[0]{owner} // '') eq 'boss' });
my %instants = (
	'met_a' => sub { $_[0]{columns}{met_a} },
	'met_b' => sub { $_[0]{columns}{met_b} },
	'CASE WHEN kind > 0 THEN met_a END' => sub { $_[0]{columns}{kind} > 0 ? $_[0]{columns}{met_a} : undef });

sub terms
{
	my ($policy, @calendars) = @_;
	$policy->{calendar} = one_of(@calendars);
	($policy->{days}, $policy->{target}) = @{ one_of([ 0, 1800 ], [ 0, 5400 ], [ 0, 14400 ], [ 0, 28800 ], [ 0, 48000 ], [ 0, 86400 ], [ 1, 0 ], [ 2, 10800 ]) };
	($policy->{days}, $policy->{target}) = (0, 20000) if $policy->{days} && $policy->{calendar}{sql_name} =~ /_1$/ && $policy->{calendar}{hours}[0][1] == 90;
	$policy->{warn_before} = one_of(undef, grep { $_ < $policy->{target} || $policy->{days} } 600, 3600, 20000);
}

sub policy
{
	my ($name, @calendars) = @_;
	my $policy = { name => $name, stage => one_of(qw(lead mql mql sal sql)), escalate_to => one_of(undef, undef, 'boss', 'team'), breach_to => chance(0.3) ? one_of(qw(nurture sal sql lead)) : undef };

	terms($policy, @calendars);
	$policy->{condition_sql} = chance(0.4) ? one_of(sort keys %conditions) : undef;
	$policy->{pause_sql} = chance(0.8) ? one_of('waiting', sort keys %conditions) : undef;
	if (chance(0.5)) { $policy->{met_sql} = one_of(sort keys %instants); }
	elsif (chance(0.5)) { $policy->{signal} = 'reached'; }
	$policy->{repeat} = ($policy->{met_sql} || $policy->{signal}) && chance(0.5);
	$policy->{condition} = $conditions{ $policy->{condition_sql} // '' };
	$policy->{pause_when} = $conditions{ $policy->{pause_sql} // '' };
	$policy->{met_at} = $instants{ $policy->{met_sql} // '' };
	delete $policy->{breach_to} if ($policy->{breach_to} // '') eq $policy->{stage};
	return $policy;
}

sub policy_sql
{
	my ($model, $policy) = @_;
	return sprintf 'INSERT INTO lead_stage.sla (model, name, stage, target, calendar, condition, pause_when, met_at, met_signal, repeat, warn_before, escalate_to, breach_to) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s);',
	  quote($model), quote($policy->{name}), quote($policy->{stage}), quote("$policy->{days} days $policy->{target} seconds"), quote($policy->{calendar}{sql_name}),
	  map({ defined $_ ? "\$\$$_\$\$" : 'NULL' } @$policy{qw(condition_sql pause_sql met_sql signal)}),
	  $policy->{repeat} ? 'true' : 'false', defined $policy->{warn_before} ? "'$policy->{warn_before} seconds'" : 'NULL', quote($policy->{escalate_to} && $policy->{escalate_to} eq 'tess' ? 'team' : $policy->{escalate_to}), quote($policy->{breach_to});
}

sub world
{
	my ($w) = @_;
	my $m = "w$w";
	# earlier than the worlds before, whose leads a later sweep would find too
	my $now = timegm(0, 0, 6, one_of(1 .. 28), one_of(1, 2, 9), 2030 - $w);
	my $from = int($now / 86400);
	my @sql;
	my @calendars = map { calendar("${m}_$_", one_of('UTC', 'Europe/Rome', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'Africa/Cairo'), $from, \@sql) } 1 .. 2;
	my @policies = map { policy("p$_", @calendars) } 1 .. 3 + int rand 4;
	# a pool of one gives its leads to him
	foreach (@policies) { $_->{escalate_to} = 'tess' if ($_->{escalate_to} // '') eq 'team'; }
	my @moves = grep { chance(0.5) } ({ name => 'after 1', from => 'mql', to => 'nurture', after => 86400 * one_of(1, 3) }, { name => 'after 2', from => 'sal', to => 'sql', after => 3600 * one_of(6, 30) });
	my $world = SlaWorld->new(policies => [@policies], moves => \@moves);

	push @sql, "CREATE TABLE $m (id int PRIMARY KEY, kind int, waiting bool, met_a timestamptz, met_b timestamptz, n int);",
	  "CREATE TABLE ${m}_call (id int PRIMARY KEY, lead_id int REFERENCES $m ON UPDATE CASCADE ON DELETE CASCADE, at timestamptz, kind int);",
	  "INSERT INTO lead_stage.model (name) VALUES ('$m');",
	  # an UPDATE of columns that nothing reads is not judged, and notices nothing
	  "INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('$m', 'all are read', 'fit', 'waiting OR kind = 1 OR coalesce(met_a, met_b) IS NULL', 0);",
	  "INSERT INTO lead_stage.rule (model, name, kind, source, condition, points) VALUES ('$m', 'reached', 'engagement', 'call', 'kind = 1', 0);",
	  "INSERT INTO lead_stage.rep (model, pool, name) VALUES ('$m', 'team', 'tess');",
	  "INSERT INTO lead_stage.transition (model, name, to_stage) SELECT '$m', 'to ' || s, s FROM unnest('{nurture,mql,sal,sql,opportunity,lost,lead}'::lead_stage[]) AS s;",
	  map({ "INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, in_stage_for) VALUES ('$m', '$_->{name}', '$_->{from}', '$_->{to}', true, '$_->{after} seconds');" } @moves),
	  map({ policy_sql($m, $_) } @policies),
	  "SELECT lead_stage.attach('$m', '$m'), lead_stage.attach_activity('${m}_call', '$m', 'call', '{lead_id}', 'at'), lead_stage.publish('$m');";
	push @script, map { [ '', $_ ] } @sql;

	my (%lead, @gone, $next_id, $next_call, $next_owner) = ();
	my $say = sub { push @script, [ '', $_ ] foreach @_; };
	my $at_now = sub { $say->('SET lead_stage.now = ' . instant($now) . ';'); push @script, [ 'each', 'CALL lead_stage.sweep();' ]; push @script, [ 'sometimes', 'CALL lead_stage.sweep();' ] if chance(0.2); };
	my $all = sub { $world->advance($_, $now) foreach values %lead; };
	my $swept = sub { $say->('CALL lead_stage.sweep();'); $all->(); SlaWorld::written($_) foreach values %lead; };
	# never before the lead's last event, and of the past, of now or to come
	my $told = sub { return chance(0.15) ? undef : chance(0.4) ? $now : chance(0.75) ? $now - int rand 100000 : $now + int rand 50000; };

	foreach my $step (1 .. 150)
	{
		# often just when something falls due, or a second beside
		my @due = grep { defined && $_ > $now } map { $world->next_instant($lead{$_}) } sort { $a <=> $b } keys %lead;
		if (@due && chance(0.35)) { my $at = one_of(@due) + one_of(0, 0, 0, -1, 1); $now = $at if $at > $now && $at - $now < 5 * 86400; }
		elsif (chance(0.8)) { $now += one_of(60, 600, 1800, 3600, 7200, 20000, 50000) + int rand 2 * rand 600; }
		$at_now->();

		my @paused = grep { my $l = $_; grep { $_->{state} eq 'paused' } SlaWorld::tasks($lead{$l}, $now) } sort { $a <=> $b } keys %lead;
		my ($id) = @paused && chance(0.3) ? one_of(@paused) : %lead ? one_of(sort { $a <=> $b } keys %lead) : ();
		my $lead = defined $id ? $lead{$id} : undef;
		my $what = rand;
		if (!defined $id || (keys %lead < 9 && $what < 0.25))
		{
			$id = ++$next_id;
			my %c = (kind => int rand 3, waiting => chance(0.3) ? 1 : 0);
			my $to = chance(0.7) ? one_of(qw(mql mql sal sql)) : undef;
			$say->("INSERT INTO $m (id, kind, waiting" . (defined $to ? ', stage' : '') . ") VALUES ($id, $c{kind}, $c{waiting}::bool" . (defined $to ? ", '$to'" : '') . ');');
			$lead{$id} = $world->create($id, $now, $to, %c);
		}
		elsif ($what < 0.72)
		{
			my (%c, %set, $to, $owner);
			my $stands = grep { $_ == $id } @paused;
			if (chance($stands ? 0.8 : 0.4)) { $c{waiting} = $stands ? 1 - $lead->{columns}{waiting} : chance(0.5) ? 1 : 0; $set{waiting} = "$c{waiting}::bool"; }
			if (chance(0.3)) { $set{kind} = $c{kind} = int rand 3; }
			foreach my $column (qw(met_a met_b)) { next unless chance(0.25); $c{$column} = $told->(); $set{$column} = instant($c{$column}); }
			$world->advance($lead, $now);
			$to = one_of(grep { !$lead->{been}{$_} } qw(nurture mql mql sal sql opportunity)) if chance(0.25);
			$set{stage} = "'$to'" if defined $to;
			if (chance(0.15)) { $owner = 'o' . ++$next_owner; $set{owner} = "'$owner'"; }
			$set{n} = $step if !%set;
			my $noop = !grep { $_ ne 'n' } keys %set;
			my $statement = "UPDATE $m SET " . join(', ', map { "$_ = $set{$_}" } sort keys %set) . " WHERE id = $id;";
			$say->("BEGIN; UPDATE $m SET waiting = NOT waiting, stage = 'lost'; ROLLBACK;") if chance(0.1);
			$say->($statement);
			my $unchanged = !defined $to && !defined $owner && !grep { ($lead->{columns}{$_} // '') ne ($c{$_} // '') } keys %c;
			$world->update($lead, $now, columns => \%c, to => $to, owner => $owner) unless $noop || $unchanged;
		}
		elsif ($what < 0.84)
		{
			my @calls = map { { at => $now - (chance(0.3) ? 0 : int rand 100000), kind => one_of(0, 1, 1), id => ++$next_call } } 1 .. 1 + int rand 3;
			$say->("INSERT INTO ${m}_call VALUES " . join(', ', map { "($_->{id}, $id, " . instant($_->{at}) . ", $_->{kind})" } @calls) . ';');
			$world->update($lead, $now, activities => \@calls);
		}
		elsif ($what < 0.87)
		{
			$say->("DELETE FROM $m WHERE id = $id;");
			$world->remove($lead, $now);
			push @gone, delete $lead{$id};
		}
		elsif ($what < 0.90)
		{
			my $new = 1000 + ++$next_id;
			$say->("UPDATE $m SET id = $new WHERE id = $id;");
			$world->update($lead, $now, id => $new);
			$lead{$new} = delete $lead{$id};
		}
		elsif ($what < 0.92 && keys %lead > 3)
		{
			my ($other) = grep { $_ != $id } sort { $a <=> $b } keys %lead;
			$say->("SELECT lead_stage.merge('$m', '{$other}', '{$id}');");
			$world->update($lead{$other}, $now, activities => [ @{ $lead->{activities} } ]);
			$lead->{activities} = [];
			$world->remove($lead, $now);
			push @gone, delete $lead{$id};
		}
		elsif ($what < 0.95)
		{
			# Other terms, from now on; a policy may go, or be another's.
			$swept->();
			my $policy = one_of(@{ $world->{policies} });
			my @others = grep { $_ != $policy } @{ $world->{policies} };
			if (chance(0.2) && @others > 1) { $world->{policies} = \@others; $say->("DELETE FROM lead_stage.sla WHERE model = '$m' AND name = '$policy->{name}';"); }
			else
			{
				my $new = {%$policy};
				terms($new, @calendars);
				$new->{name} = "q$step" if chance(0.2);
				$world->{policies} = [ @others, $new ];
				$say->("DELETE FROM lead_stage.sla WHERE model = '$m' AND name = '$policy->{name}';", policy_sql($m, $new));
			}
			$say->("SELECT lead_stage.publish('$m');", "CALL lead_stage.rescore('$m');");
			$world->update($_, $now) foreach values %lead;
		}
		elsif ($what < 0.97)
		{
			$swept->();
			my $calendar = one_of(@calendars);
			my $day = int($now / 86400) + 2 + int rand 10;
			next if exists $calendar->{holidays}{$day};
			$calendar->{holidays}{$day} = one_of(0, [ 600, 700 ]);
			$calendar->count;
			$say->(holiday($calendar, $day));
		}
		else
		{
			$swept->();
			foreach my $apply (0, 1, 0)
			{
				my @lines = sort map { my $l = $_; map { join '|', $l, @$_ } $world->reschedule($lead{$l}, $apply) } sort keys %lead;
				my $probe = scalar(keys %tasks) . "r";
				$tasks{$probe} = \@lines;
				$say->("\\echo at $probe\nSELECT key[1], policy, extract(epoch FROM due_now)::bigint, extract(epoch FROM due_then)::bigint, extract(epoch FROM left_now)::bigint, extract(epoch FROM left_then)::bigint FROM lead_stage.reschedule('$m', " . ($apply ? 'true' : 'false') . ');');
			}
			# what is due by the new terms falls due now
			$swept->();
		}

		if (chance(0.15))
		{
			my $probe = scalar(keys %tasks) . 't';
			$all->();
			$tasks{$probe} = [ sort map { my $l = $_; map { join '|', $l, @$_{qw(name due state left)} } SlaWorld::tasks($lead{$l}, $now) } keys %lead ];
			foreach my $l (keys %lead) { my @new = @{ $lead{$l}{events} }[ $lead{$l}{events_written} .. $#{ $lead{$l}{events} } ]; $unmoved{$probe}{$l} = 1 if grep { $_->{event} !~ /^(sla_warned|sla_breached|owner)$/ } @new; }
			push @script, [ 'each', 'CALL lead_stage.sweep();' ];
			$say->("\\echo at $probe\nSELECT id, policy, extract(epoch FROM due)::bigint, state, extract(epoch FROM time_left)::bigint FROM ${m}_tasks;");
			# the first that is due, remembered and in the list of leads
			my @first = map { my $l = $_; my ($c) = sort { ($a->{due} eq '') <=> ($b->{due} eq '') || ($a->{due} || 0) <=> ($b->{due} || 0) || $a->{left} <=> $b->{left} } SlaWorld::tasks($lead{$l}, $now); $c ? join '|', $l, @$c{qw(due left)} : () } keys %lead;
			$probe = scalar(keys %tasks) . 's';
			$unmoved{$probe} = $unmoved{ scalar(keys %tasks) - 1 . 't' };
			$tasks{$probe} = [ sort @first ];
			$say->("\\echo at $probe\nSELECT v.id, " . "(SELECT extract(epoch FROM t.due)::bigint FROM ${m}_tasks AS t WHERE t.id = v.id ORDER BY t.due LIMIT 1), extract(epoch FROM sla_left)::bigint FROM ${m}_live AS v WHERE sla_left IS NOT NULL;");
		}
	}
	$now += 86400;
	$at_now->();
	$swept->();
	push @expected, map { my $e = $_; join '|', $m, @$e{qw(id at event name stage to due elapsed)}, $e->{event} =~ /^(stage|created)$/ ? '' : $e->{owner}, $e->{event} =~ /^sla_(met|breached)/ ? $e->{reason} : '' }
	  grep { $_->{event} =~ /^(sla_|stage|owner|created)/ } map { @{ $_->{events} } } values %lead, @gone;
	# what is remembered after the last sweep
	foreach my $l (keys %lead)
	{
		my ($first) = sort { ($a->{due} eq '') <=> ($b->{due} eq '') || ($a->{due} || 0) <=> ($b->{due} || 0) } SlaWorld::tasks($lead{$l}, $now);
		$remembered{"$m|$l|$first->{due}"} = 1 if $first;
	}
}

world($_) foreach 1 .. $worlds;
@expected = sort @expected;
my %events;
$events{ (split /\|/)[3] }++ foreach @expected;
note join ', ', map { "$_ $events{$_}" } sort keys %events;
cmp_ok($events{$_} // 0, '>', 4, "there are enough of $_") foreach map { "sla_$_" } qw(started warned paused resumed met breached cancelled);

# ---------------------------------------------------------------------------
# The database, three times at once

my $node = PostgreSQL::Test::Cluster->new('sla_random');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'America/Caracas'\nfsync = off\nautovacuum = off");
$node->start;
my @rhythms = qw(never sometimes each);
my %running;
foreach my $rhythm (@rhythms)
{
	$node->safe_psql('postgres', "CREATE DATABASE $rhythm");
	$node->safe_psql($rhythm, 'CREATE EXTENSION lead_stage');
	my $file = "$PostgreSQL::Test::Utils::tmp_check/$rhythm.sql";
	open my $out, '>', $file or die $!;
	print $out "SET client_min_messages = warning;\n", map { "$_->[1]\n" } grep { $_->[0] eq '' || $_->[0] eq $rhythm } @script;
	close $out;
	my ($stdout, $stderr) = ('', '');
	$running{$rhythm} = { stdout => \$stdout, stderr => \$stderr,
		handle => start [ $node->installed_command('psql'), '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($rhythm), '-f', $file ], '>', \$stdout, '2>', \$stderr };
}

# Compares two lists of lines; a long list is not printed whole.
sub same
{
	my ($got, $expected, $name) = @_;
	my %count;

	$count{$_}++ foreach @$expected;
	$count{$_}-- foreach @$got;
	my @differences = sort { join('|', (split /\|/, $a)[ 0 .. 2 ]) cmp join('|', (split /\|/, $b)[ 0 .. 2 ]) || $a cmp $b } grep { $count{$_} } keys %count;
	ok(!@differences, $name)
	  or diag(scalar(@$got) . ' lines, ' . scalar(@$expected) . ' expected, ' . scalar(@differences) . " differ\n"
		  . join("\n", map { ($count{$_} < 0 ? 'got      ' : 'expected ') . $_ } grep { defined } @differences[ 0 .. 13 ]));
}

my %all;
foreach my $rhythm (@rhythms)
{
	my $run = $running{$rhythm};
	ok(finish($run->{handle}), "swept $rhythm: all is done");
	is(${ $run->{stderr} }, '', 'without a complaint');
	my (@got, @rest, @problems);
	foreach my $w (1 .. $worlds)
	{
		push @got, split /\n/, $node->safe_psql($rhythm, qq{
			SELECT concat_ws('|', 'w$w', lead_id_, extract(epoch FROM at)::bigint, event, coalesce(name, ''), coalesce(from_stage::text, ''), coalesce(to_stage::text, ''),
					coalesce(extract(epoch FROM due)::bigint::text, ''), coalesce(extract(epoch FROM elapsed)::bigint::text, ''),
					CASE WHEN event IN ('stage', 'created') THEN '' ELSE coalesce(owner, '') END, CASE WHEN event IN ('sla_met', 'sla_breached') THEN coalesce(reason, '') ELSE '' END)
			FROM (SELECT h.*, lead_id AS lead_id_ FROM w${w}_history AS h) AS h WHERE event LIKE 'sla\\_%' OR event IN ('stage', 'owner', 'created')});
		push @rest, split /\n/, $node->safe_psql($rhythm, "SELECT concat_ws('|', 'w$w', id, coalesce(extract(epoch FROM sla_due)::bigint::text, '')) FROM w${w}_state WHERE sla IS NOT NULL");
		push @problems, $node->safe_psql($rhythm, "SELECT * FROM lead_stage.verify_history('w$w')");
		$all{$rhythm} .= $node->safe_psql($rhythm, "SELECT 'w$w', lead_id, md5(string_agg((to_jsonb(h) - 'id' - 'recorded_at' - 'version')::text, '' ORDER BY id)) FROM w${w}_history AS h GROUP BY lead_id ORDER BY lead_id") . "\n";
	}
	same(\@got, \@expected, "swept $rhythm: every event is the oracle's");
	same(\@rest, [ keys %remembered ], "swept $rhythm: and what is remembered in the end");
	is(join('', @problems), '', "swept $rhythm: verify_history finds nothing");
	same([ split /\n/, $all{$rhythm} ], [ split /\n/, $all{never} ], "swept $rhythm: the order too is as if never swept");

	my (%seen, $at);
	foreach my $line (split /\n/, ${ $run->{stdout} })
	{
		if ($line =~ /^at (\w+)$/) { $at = $1; next; }
		push @{ $seen{$at} }, $line if defined $at && $line =~ /^\d+\|/;
	}
	my (@seen, @wanted);
	foreach my $probe (sort keys %tasks)
	{
		my $counts = sub { $_[0] =~ /^(\d+)/; $rhythm eq 'each' || !$unmoved{$probe}{$1} };
		push @seen, map { "$probe|$_" } grep { $counts->($_) } @{ $seen{$probe} // [] };
		push @wanted, map { "$probe|$_" } grep { $counts->($_) } @{ $tasks{$probe} };
	}
	same(\@seen, \@wanted, "swept $rhythm: tasks, what is left, and what reschedule says");
}
$node->stop;
done_testing();
