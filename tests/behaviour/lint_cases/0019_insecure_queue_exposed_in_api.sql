-- expect: pgmq.q_jobs
-- expect: pgmq.q_for_all
-- exposed: public, pgmq_public
-- as supabase_admin
create schema pgmq;
create schema pgmq_public;
create table pgmq.q_jobs (msg_id bigint);
grant select on pgmq.q_jobs to anon;
create table pgmq.q_for_all (msg_id bigint);
grant select on pgmq.q_for_all to public;

create table pgmq.q_safe (msg_id bigint);
grant select on pgmq.q_safe to anon;
alter table pgmq.q_safe enable row level security;
create table pgmq.q_unread (msg_id bigint);
create table pgmq.a_jobs (msg_id bigint);
grant select on pgmq.a_jobs to anon;
create table public.q_jobs (msg_id bigint);
grant select on public.q_jobs to anon;
