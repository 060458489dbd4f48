// What an agent leaves behind, asserted where it is: in the databases, and not in what the agent says.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Drydock, type Json, type Workspace } from './drydock.js'
import { type Call, type Model, runAgent, type Turn, withClient } from './my-agent.js'

const START = 'with-a-project'
const WEEK = 7 * 24 * 3600

const TODOS = `
create table public.todos (
    id bigint generated always as identity primary key,
    owner uuid not null default auth.uid(),
    task text not null
);
create index todos_owner_idx on public.todos (owner);
alter table public.todos enable row level security;
create policy "people work with their own todos" on public.todos to authenticated
    using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
grant select, insert, update, delete on public.todos to authenticated;
`

const IS_LIVE: Json[] = [
  { why: 'the migration is on production', check: 'migration', name: '^create_todos$', at_least: 1 },
  { why: 'it is applied once', check: 'migration', name: '^create_todos$', at_most: 1 },
  { why: 'nobody sees what is not theirs', check: 'advisor', type: 'security', level: 'warn' },
  { why: 'the user knows where', check: 'answer', matches: '\\b[a-z]{20}\\b' },
]

/** Builds a todo list and puts it live; a call that failed is made again. */
const mockModel: Model = (_task, turns) => {
  const done = turns.filter((turn) => !turn.isError)
  if (turns.length - done.length > 3) return `I give up: ${JSON.stringify(turns.at(-1)?.result)}`
  const [listed, ...built] = done
  if (!listed) return { tool: 'list_projects', arguments: {} }
  const project_id: string = listed.result.projects[0].id
  const steps: Call[] = [
    { tool: 'apply_migration', arguments: { project_id, name: 'create_todos', query: TODOS } },
    { tool: 'merge_branch', arguments: { project_id } },
  ]
  return steps[built.length] ?? `The todo list of ${project_id} is live.`
}

let drydock: Drydock
let workspace: Workspace

const play = () => runAgent('Build a todo list and put it live.', workspace.mcpUrl, mockModel)

beforeAll(async () => {
  drydock = await Drydock.start()
  workspace = await drydock.workspace()
  await withClient(workspace.mcpUrl, async (client) => {
    const created = await client.callTool({ name: 'create_project', arguments: { name: 'Todo App' } })
    expect(created.isError, JSON.stringify(created.content)).not.toBe(true)
  })
  await workspace.snapshot(START)
})

// Resetting costs less than another workspace, and its addresses stay.
beforeEach(async () => {
  await workspace.reset(START)
  await workspace.begin()
})

afterAll(async () => {
  await drydock?.close()
})

test('the todo list is live', async () => {
  const answer = await play()
  expect(await workspace.check(IS_LIVE, answer)).toEqual([])
  const tools = (await workspace.trace()).map((call) => call.tool)
  expect(tools).toEqual(['list_projects', 'apply_migration', 'merge_branch'])
})

test('a reset leaves nothing of it', async () => {
  const before = await workspace.stateHash()
  await play()
  expect(await workspace.stateHash()).not.toBe(before)
  await workspace.reset()
  expect(await workspace.stateHash()).toBe(before)
  const untouched = [
    { why: 'nothing is on production', check: 'migration', at_most: 0 },
    { why: 'and it is as at the start', check: 'unchanged', what: 'all' },
  ]
  expect(await workspace.check(untouched)).toEqual([])
})

test('it is done once though an answer is lost', async () => {
  // The platform begins the merge, and the connection breaks before it can say so.
  await workspace.planFaults({ kind: 'fail_after', method: 'POST', path: '/v1/branches/{branch_id_or_ref}/merge' })
  const answer = await play()
  expect((await workspace.faultHits()).map((hit) => hit.kind)).toEqual(['fail_after'])
  expect(await workspace.check(IS_LIVE, answer)).toEqual([])
})

test('a week later the first version can be returned to', async () => {
  await play()
  const merge = (await workspace.trace()).find((call) => call.tool === 'merge_branch')
  const project_id = merge?.arguments.project_id
  const changeAndRegret: Model = (_task, turns: Turn[]) => {
    const [listed, changed, reverted] = turns
    if (!listed) return { tool: 'list_restore_points', arguments: { project_id } }
    if (!changed) {
      const query = 'alter table public.todos drop column task;'
      return { tool: 'apply_migration', arguments: { project_id, name: 'drop_task', query } }
    }
    if (!reverted) {
      // The newest of those that were there before the change.
      const names: string[] = listed.result.restore_points.map((point: { name: string }) => point.name)
      const name = names.filter((one) => one.startsWith('rp-')).sort().at(-1)
      return { tool: 'revert_to_restore_point', arguments: { project_id, name } }
    }
    return reverted.isError ? `That failed: ${JSON.stringify(reverted.result)}` : 'It is as it was last week.'
  }
  await workspace.advanceClock(WEEK)
  const answer = await runAgent('Drop the tasks; no, rather not.', workspace.mcpUrl, changeAndRegret)
  expect(answer).toBe('It is as it was last week.')
  const isBack = [
    { why: 'the change is out of the ledger', check: 'migration', on: 'dev', name: 'drop_task', at_most: 0 },
    {
      why: 'the tasks are back',
      check: 'sql',
      on: 'dev',
      query: 'select count(task)::int as n from public.todos',
      equals: [{ n: 0 }],
    },
  ]
  expect(await workspace.check(isBack)).toEqual([])
})
