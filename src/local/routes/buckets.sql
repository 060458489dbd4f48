-- The buckets, as the API shows them: every field a text, public a bool.
select
  id,
  name,
  coalesce(owner_id, owner::text, '') as owner,
  coalesce(to_char(created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '') as created_at,
  coalesce(to_char(updated_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '') as updated_at,
  coalesce(public, false) as public
from storage.buckets
order by id
