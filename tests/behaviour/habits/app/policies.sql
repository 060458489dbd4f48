alter table public.lists enable row level security;

create policy "Users can view their own lists" on public.lists
  for select using (auth.uid() = owner_id);
create policy "Users can create their own lists" on public.lists
  for insert with check (auth.uid() = owner_id);
create policy "Users can update their own lists" on public.lists
  for update using (auth.uid() = owner_id);
create policy "Users can delete their own lists" on public.lists
  for delete using (auth.uid() = owner_id);

grant select, insert, update, delete on public.lists to authenticated;
