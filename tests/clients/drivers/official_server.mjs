// The official MCP server as a client of the local platform: every tool that it has.

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Report, api, assert, healthy, keys, project, raw, settled, token, until } from './report.mjs'

const report = new Report('@supabase/mcp-server-supabase')
const main = createRequire(import.meta.url).resolve('@supabase/mcp-server-supabase')
// All but docs, without which not even its list of tools is answered where there is no internet.
const features = 'account,database,debugging,development,functions,branching,storage'
const client = new Client({ name: 'drydock-clients', version: '1' })
await client.connect(
  new StdioClientTransport({
    command: process.execPath,
    args: [join(dirname(main), 'cli.js'), '--api-url', api, '--access-token', token, '--features', features],
  }),
)

async function call(name, args = {}) {
  const result = await client.callTool({ name, arguments: args })
  const text = result.content.map((part) => part.text ?? '').join('\n')
  if (result.isError) {
    let message = text
    try {
      message = JSON.parse(text).error?.message ?? text
    } catch {}
    throw new Error(message)
  }
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

// One tool, and what must hold of its answer.
const driven = new Set()
async function tool(name, args, holds, operation = name) {
  driven.add(name)
  return report.of(operation, async () => {
    const answer = await call(name, args)
    assert.ok(!holds || holds(answer), `unexpected: ${JSON.stringify(answer).slice(0, 300)}`)
    return answer
  })
}
const has = (words) => (answer) => JSON.stringify(answer).includes(words)

await tool('list_organizations', {}, has('local'))
await tool('get_organization', { id: 'local' }, has('plan'))
const cost = await tool('get_cost', { type: 'project', organization_id: 'local' }, (answer) => 'amount' in answer)
const confirmed = await tool('confirm_cost', { type: 'project', recurrence: 'monthly', amount: cost?.amount }, (answer) => answer.confirmation_id)
const confirm_cost_id = confirmed?.confirmation_id
const made = await tool('create_project', { name: 'Official', region: 'us-east-1', organization_id: 'local', confirm_cost_id }, (answer) => answer.id ?? answer.ref)
const project_id = made?.id ?? made?.ref ?? (await project('Official'))
await healthy(project_id)
await keys(project_id)
await tool('list_projects', {}, has(project_id))
await tool('get_project', { id: project_id }, has('ACTIVE_HEALTHY'))
const todos = `create table public.todos (id bigint primary key, done boolean, about jsonb);
  insert into public.todos values (9007199254740991, true, '{"a": [1]}');
  alter table public.todos enable row level security;`
await tool('apply_migration', { project_id, name: 'create_todos', query: todos })
await tool('list_migrations', { project_id }, has('create_todos'))
await tool('execute_sql', { project_id, query: 'select id, about from public.todos' }, (answer) => {
  const text = typeof answer === 'string' ? answer : JSON.stringify(answer)
  // A bigint is a number and json is parsed, as in the cloud.
  return text.replaceAll('\\', '').includes('{"id":9007199254740991,"about":{"a":[1]}}')
})
await tool('list_tables', { project_id, schemas: ['public'], verbose: false }, has('todos'))
await tool('list_tables', { project_id, schemas: ['public'], verbose: true }, has('about'), 'list_tables, verbose')
await tool('list_extensions', { project_id }, has('pgcrypto'))
await tool('get_advisors', { project_id, type: 'security' }, has('lints'))
await tool('get_advisors', { project_id, type: 'performance' }, has('lints'), 'get_advisors, performance')
await tool('get_logs', { project_id, service: 'api' }, has('result'))
await tool('query_logs', { project_id, sql: "select timestamp, event_message from logs where source = 'edge_logs' limit 5" }, has('result'))
await tool('get_project_url', { project_id }, has(project_id))
await tool('get_publishable_keys', { project_id }, has('publishable'))
await tool('generate_typescript_types', { project_id }, has('todos: {'))
await raw('POST', `/projects/${project_id}/database/query`, { query: "insert into storage.buckets (id, name, public) values ('avatars', 'avatars', true)" })
await tool('list_storage_buckets', { project_id }, has('avatars'))
await tool('get_storage_config', { project_id }, has('fileSizeLimit'))
const storage = { fileSizeLimit: 1048576, features: { imageTransformation: { enabled: true }, s3Protocol: { enabled: true } } }
await tool('update_storage_config', { project_id, config: storage })
const files = [{ name: 'index.ts', content: "import { hello } from './hello.ts'\nDeno.serve(() => new Response(hello))\n" }, { name: 'hello.ts', content: "export const hello = 'hello'\n" }]
await tool('deploy_edge_function', { project_id, name: 'hello', entrypoint_path: 'index.ts', verify_jwt: true, files }, has('hello'))
await tool('list_edge_functions', { project_id }, has('hello'))
await tool('get_edge_function', { project_id, function_slug: 'hello' }, has('hello.ts'))
await tool('list_branches', { project_id }, has('branches'))
const price = await call('get_cost', { type: 'branch', organization_id: 'local' })
const paid = await call('confirm_cost', { type: 'branch', recurrence: 'hourly', amount: price.amount })
const branch = await tool('create_branch', { project_id, name: 'DEV', confirm_cost_id: paid.confirmation_id }, has('project_ref'))
const branch_id = branch?.id
await settled(project_id, 'DEV')
await call('apply_migration', { project_id: branch?.project_ref, name: 'add_notes', query: 'create table public.notes (id int primary key)' })
await tool('rebase_branch', { branch_id })
await settled(project_id, 'DEV')
await tool('merge_branch', { branch_id })
await settled(project_id, 'main')
await tool('list_migrations', { project_id }, has('add_notes'), 'merge_branch, followed to its end')
await tool('reset_branch', { branch_id, migration_version: '0' })
await settled(project_id, 'DEV')
await tool('delete_branch', { branch_id })
await tool('pause_project', { project_id })
await until(() => raw('GET', `/projects/${project_id}`), (one) => one.status === 'INACTIVE')
await tool('restore_project', { project_id })
report.cannot('search_docs', "asks Supabase's documentation on the internet")

const { tools } = await client.listTools()
for (const { name } of tools) {
  if (!driven.has(name)) report.cannot(name, 'this driver leaves it out')
}
await client.close()
