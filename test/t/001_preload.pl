# The library can be loaded when the server starts, and the extension be used
# then as without.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('preload');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'lead_stage'");
$node->start;

$node->safe_psql('postgres', 'CREATE EXTENSION lead_stage');
is( $node->safe_psql(
		'postgres', "SELECT extversion FROM pg_extension WHERE extname = 'lead_stage'"),
	'1.0',
	'CREATE EXTENSION with the library preloaded');

$node->restart;
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the server starts again');

$node->stop;
done_testing();
