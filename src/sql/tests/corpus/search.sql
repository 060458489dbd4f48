create table public.documents (
  id bigserial primary key,
  content text,
  embedding extensions.vector(1536),
  fts tsvector generated always as (to_tsvector('english', coalesce(content, ''))) stored
);
create index on public.documents using hnsw (embedding extensions.vector_cosine_ops) with (m = 16, ef_construction = 64);
create or replace function public.match_documents(query_embedding extensions.vector(1536), match_threshold float, match_count int)
returns table (id bigint, content text, similarity float)
language sql stable
as $$
  select documents.id, documents.content, 1 - (documents.embedding <=> query_embedding) as similarity
  from public.documents
  where 1 - (documents.embedding <=> query_embedding) > match_threshold
  order by similarity desc
  limit match_count;
$$;
create or replace function public.hybrid(q text) returns setof public.documents language sql as $$
  with full_text as (select id, row_number() over (order by ts_rank_cd(fts, websearch_to_tsquery(q)) desc) as rank_ix from public.documents where fts @@ websearch_to_tsquery(q))
  select d.* from full_text join public.documents d using (id)
$$;
create text search configuration public.simple_unaccent (copy = simple);
alter text search configuration public.simple_unaccent alter mapping for hword, word with extensions.unaccent, simple;
create operator public.=== (leftarg = text, rightarg = text, function = texteq, commutator = operator(public.===));
create collation public.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
