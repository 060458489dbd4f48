-- every function of ?1 that ?2 lacks or has otherwise, as a new version there
insert into functions (id, ref, slug, name, version, created_at, updated_at, verify_jwt, digest, entrypoint, import_map)
select
    lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
        || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
    ?2, theirs.slug, theirs.name, 1, ?3, ?3, theirs.verify_jwt, theirs.digest, theirs.entrypoint, theirs.import_map
from functions as theirs
where theirs.ref = ?1
    and not exists (
        select 1 from functions as own
        where own.ref = ?2 and own.slug = theirs.slug and own.digest = theirs.digest
            and own.verify_jwt = theirs.verify_jwt and own.name = theirs.name
    )
on conflict (ref, slug) do update set
    name = excluded.name,
    version = functions.version + 1,
    updated_at = excluded.updated_at,
    verify_jwt = excluded.verify_jwt,
    digest = excluded.digest,
    entrypoint = excluded.entrypoint,
    import_map = excluded.import_map
