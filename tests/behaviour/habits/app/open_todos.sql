select l.title as list, t.title, t.priority, t.done
from public.todos t
join public.lists l on l.id = t.list_id
where not t.done
order by t.priority desc;
