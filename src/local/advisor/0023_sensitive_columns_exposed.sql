-- Tables in an exposed schema, readable by an API role, without row security, with a column whose whole name is that of
-- something nobody else should read. Case does not matter, nor whether words are joined by - or _.
with sensitive as (
  select unnest(array[
    '2fa_code', '2fa_secret', 'access_token', 'account_number', 'activation_key', 'api_key', 'apikey', 'auth_code',
    'auth_key', 'backup_code', 'bank_account', 'bearer_token', 'bic', 'card_number', 'certificate', 'credit_card',
    'cvc', 'cvn', 'cvv', 'device_uuid', 'driver_license', 'drivers_license', 'facial_recognition', 'gpg_key',
    'health_insurance', 'health_record', 'iban', 'imei', 'insurance_number', 'jwt', 'license_key', 'license_number',
    'mac_address', 'macaddr', 'medical_insurance', 'medical_record', 'national_id', 'oauth_token', 'otp',
    'passphrase', 'passport_id', 'passport_number', 'passwd', 'password', 'patient_id', 'pgp_key', 'private_key',
    'pwd', 'recovery_code', 'refresh_token', 'routing_number', 'secret', 'secret_key', 'session_id', 'session_key',
    'session_secret', 'session_token', 'social_security', 'social_security_number', 'ssh_key', 'ssn', 'swift_code',
    'tax_id', 'token', 'treatment', 'two_factor', 'verification_code'
  ]) as word
)
select
  'sensitive_columns_exposed' as name,
  'Sensitive Columns Exposed' as title,
  'ERROR' as level,
  'EXTERNAL' as facing,
  array['SECURITY'] as categories,
  'The table can be read through the API without row level security, and a column is named like something that nobody else should read.' as description,
  format('Table `%s.%s` can be read through the API, row level security is off, and it has: %s', n.nspname, c.relname,
    string_agg(distinct a.attname, ', ' order by a.attname)) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0023_sensitive_columns_exposed' as remediation,
  jsonb_build_object(
    'schema', n.nspname, 'name', c.relname, 'type', 'table',
    'sensitive_columns', array_agg(distinct a.attname order by a.attname),
    'matched_patterns', array_agg(distinct s.word order by s.word)
  ) as metadata,
  format('sensitive_columns_exposed_%s_%s', n.nspname, c.relname) as cache_key
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join sensitive s on s.word = replace(lower(a.attname), '-', '_')
where c.relkind = 'r'
  and not c.relrowsecurity
  and n.nspname = any (array(
    select btrim(s) from unnest(string_to_array(current_setting('pgrst.db_schemas', true), ',')) as s
  ))
  and n.nspname not in (
    '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_config', '_timescaledb_internal', 'auth', 'cron',
    'extensions', 'graphql', 'graphql_public', 'information_schema', 'net', 'pg_catalog', 'pgbouncer', 'pgmq',
    'pgroonga', 'pgsodium', 'pgsodium_masks', 'pgtle', 'realtime', 'repack', 'storage', 'supabase_functions',
    'supabase_migrations', 'tiger', 'topology', 'vault'
  )
  and (has_table_privilege('anon', c.oid, 'select') or has_table_privilege('authenticated', c.oid, 'select'))
group by n.nspname, c.relname
order by n.nspname, c.relname
