select 'x'::text as kind, 'x'::text as identity, 'x'::text as definition
