-- One round of engagement.sh: every task once for each contestant.
CALL clear();
VACUUM ANALYZE ours_lead, ours_lead_state, bare_state, peer_state;
-- The first load makes the rows of state; the peer, who only updates, has them already.
INSERT INTO peer_state SELECT id, 0, 0, NULL, 0, 0, NULL, 0, 0, NULL, 0, 0, NULL, 0, 0, NULL, now(), NULL, NULL FROM peer_lead;
VACUUM ANALYZE peer_state;
CHECKPOINT;
CALL timed('COPY, the first of each lead', 'floor', :'copy_bare', upsert('bare_state', 'bare_activity'));
CALL timed('COPY, the first of each lead', 'ours', :'copy_ours');
SELECT differing() AS differing \gset
\if :differing
\warn leads that differ: :differing
\endif
CALL timed('COPY, the first of each lead', 'peer', :'copy_peer');
-- Again, to leads that have a state.
SET session_replication_role = replica;
TRUNCATE ours_activity, bare_activity, peer_activity;
RESET session_replication_role;
VACUUM ANALYZE ours_lead_state, bare_state, peer_state;
CHECKPOINT;
CALL timed('COPY, on top of that', 'floor', :'copy_bare', upsert('bare_state', 'bare_activity'));
CALL timed('COPY, on top of that', 'ours', :'copy_ours');
CALL timed('COPY, on top of that', 'peer', :'copy_peer');
VACUUM ANALYZE ours_lead, ours_activity, bare_activity, ours_lead_state, bare_state, peer_state;
CHECKPOINT;
CALL timed('rescore of all of them', 'floor', upsert('bare_state', 'bare_activity'));
CALL timed_rescore('ours');
