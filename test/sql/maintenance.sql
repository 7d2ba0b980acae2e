-- merge, prune_history and erase: the ways round an append-only history.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE l (id int primary key, a int, b text);
CREATE TABLE child (id int primary key, lead int references l);
insert into lead_stage.model(name) values ('m');
insert into lead_stage.rule(model,name,kind,condition,points) values ('m','r','fit','a>0',10);
insert into lead_stage.transition(model,name,from_stage,to_stage) values ('m','t','lead','mql'),('m','u','mql','sql');
select lead_stage.attach('l','m'); select lead_stage.publish('m') > 0 AS published;
set lead_stage.now='2026-01-01'; insert into l values (1,1,'x'),(2,0,'y'),(3,1,'z');
set lead_stage.now='2026-02-01'; update l set stage='mql' where id in (1,2);
set lead_stage.now='2026-03-01'; update l set stage='sql' where id in (1); delete from l where id=3;
set lead_stage.now='2026-04-01';
insert into child values (1,2);
select lead_stage.merge('l','{1}','{2}');
delete from child;
select lead_stage.merge('l','{1}','{2}');
select id, lead_id, at::date, since::date, event, name, from_stage, to_stage, reason from l_history order by id;
select * from lead_stage.verify_history('l');
call lead_stage.prune_history('l','2026-03-15');
select id, lead_id, at::date, since::date, event, name, from_stage, to_stage, reason from l_history order by id;
select * from lead_stage.verify_history('l');
select lead_stage.erase('l', 1);
select id, lead_id, at::date, since::date, event, name, from_stage, to_stage, reason from l_history order by id;
select * from lead_stage.verify_history('l'); select * from l; delete from l_history;
select lead_stage.erase('l', 77);

-- what they refuse
SELECT lead_stage.merge('l', '{2}', '{2}');
SELECT lead_stage.merge('l', NULL, '{2}');
SELECT lead_stage.merge('l', '{2,3}', '{2}');
INSERT INTO l VALUES (5, 1, 'v');
SELECT lead_stage.merge('l', '{5}', '{6}');
SELECT lead_stage.merge('l', '{6}', '{5}');
SELECT id, stage FROM l ORDER BY id;
CALL lead_stage.prune_history('l', NULL);
CALL lead_stage.prune_history('l', '2027-01-01');
SELECT lead_stage.erase('l', NULL);
SELECT lead_stage.erase('l');
CREATE ROLE regress_other;
GRANT ALL ON l, l_history TO regress_other;
SET ROLE regress_other;
\set VERBOSITY sqlstate
SELECT lead_stage.erase('l', 5);
CALL lead_stage.prune_history('l', '2026-01-01');
SELECT lead_stage.merge('l', '{5}', '{6}');
RESET ROLE;
\set VERBOSITY default
DELETE FROM l_history;

-- a merge that fails half-way leaves nothing of itself behind
INSERT INTO l VALUES (7, 1, 'w');
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON l FOR EACH ROW EXECUTE FUNCTION refuse();
SELECT lead_stage.merge('l', '{5}', '{7}');
DROP TRIGGER refuse ON l;
UPDATE l SET a = 2 WHERE id = 7;
DELETE FROM l WHERE id = 7;
SELECT event, name, reason FROM l_history WHERE lead_id = 7 ORDER BY id;
SELECT * FROM lead_stage.verify_history('l');

SELECT lead_stage.detach('l');
DROP TABLE child, l, l_history;
DROP FUNCTION refuse();
DROP ROLE regress_other;
DELETE FROM lead_stage.model;
