-- exposed: public, pgmq
-- as supabase_admin
create schema pgmq;
create table pgmq.q_jobs (msg_id bigint);
grant select on pgmq.q_jobs to anon;
