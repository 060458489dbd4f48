-- Public buckets whose files can be listed: a permissive policy for public, anon or authenticated lets everything on
-- storage.objects be read, or everything in that bucket. Whoever knows a file's address reads it anyway; listing
-- gives all addresses away. By the policy's text, as on the platform: a second condition of any kind excuses it.
with broad as (
  select pol.polname, clause
  from pg_policy pol
  cross join lateral coalesce(pg_get_expr(pol.polqual, pol.polrelid), 'true') as clause
  where pol.polrelid = to_regclass('storage.objects')
    and pol.polpermissive
    and pol.polcmd in ('r', '*')
    -- 0 stands for public, and then stands alone
    and pol.polroles && array(select 0::oid union all select oid from pg_roles where rolname in ('anon', 'authenticated'))
)
select
  'public_bucket_allows_listing' as name,
  'Public Bucket Allows Listing' as title,
  'WARN' as level,
  'EXTERNAL' as facing,
  array['SECURITY'] as categories,
  'A policy on storage.objects lets clients list every file of a public bucket, which reading files by their address does not need.' as description,
  format('Every file of public bucket `%s` can be listed, by %s on `storage.objects`: %s', b.name,
    case count(*) when 1 then 'a policy' else 'policies' end, string_agg(p.polname, ', ' order by p.polname)) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0025_public_bucket_allows_listing' as remediation,
  jsonb_build_object(
    'schema', 'storage', 'name', b.name, 'type', 'bucket', 'bucket_id', b.id, 'bucket_name', b.name,
    'policy_names', array_agg(p.polname order by p.polname), 'policy_count', count(*)
  ) as metadata,
  format('public_bucket_allows_listing_%s', b.id) as cache_key
from storage.buckets b
join broad p
  on regexp_replace(lower(p.clause), '\s', '', 'g') in ('true', '(true)', '1=1', '(1=1)')
  or p.clause = format('(bucket_id = %s::text)', quote_literal(b.id))
where b.public
group by b.id, b.name
order by b.id
