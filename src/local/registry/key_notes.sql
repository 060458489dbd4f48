-- what is said of an API key, and when that was changed last
alter table api_keys add column description text;
-- the claims that a secret key stands for, as JSON
alter table api_keys add column secret_jwt_template text;
alter table api_keys add column updated_at text;
