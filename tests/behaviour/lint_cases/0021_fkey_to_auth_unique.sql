-- expect: public.by_phone.by_phone_phone_fkey
-- expect: hidden.by_phone.by_phone_phone_fkey
-- as supabase_admin
create table public.by_phone (phone text references auth.users (phone));
create schema hidden;
create table hidden.by_phone (phone text references auth.users (phone));

create table public.by_id (id uuid references auth.users (id));
create table public.target (phone text unique);
create table public.elsewhere (phone text references public.target (phone));
