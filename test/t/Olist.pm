# The files of Olist, a Brazilian marketplace: 6,003 leads of sellers and 641
# deals.  For the tests that replay them.
use strict;
use warnings;

package Olist;

use IO::Uncompress::Gunzip qw($GunzipError);
use Time::Local qw(timegm);

our $data = $ENV{LEAD_STAGE_DATA} // '';

sub is_here { return -e "$data/olist_mql.csv.gz" && -e "$data/olist_closed_deals.csv.gz"; }

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

# A value as SQL writes it; what is empty is null.
sub value { my ($value) = @_; return defined $value && $value ne '' ? "'" . $value =~ s/'/''/gr . "'" : 'NULL'; }

1;
