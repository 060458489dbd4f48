-- a code is taken by whoever it was given to, with the verifier that its challenge was made from
update claims
set code_used = 1
where code = ?1
    and client_id = ?2
    and redirect_uri = ?3
    and code_used = 0
    and code_expires_at > ?6
    and (
        code_challenge is null
        or (code_challenge_method in ('S256', 'sha256') and code_challenge = ?4)
        or (coalesce(code_challenge_method, 'plain') = 'plain' and code_challenge = ?5)
    )
returning digest, ref, account
