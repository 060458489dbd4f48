// Drydock as a server for the TypeScript SDKs: the one of the era with sessions, and the one after it.

import * as legacy from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as LegacyStdio } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport as LegacyHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import * as modern from '@modelcontextprotocol/client'
import { StdioClientTransport as ModernStdio } from '@modelcontextprotocol/client/stdio'
import { Report, assert } from './report.mjs'
import { command, http, stdio } from './servers.mjs'

const info = { name: 'drydock-clients', version: '1' }

// One client over one transport: everything that a client does.
async function drive(report, over, client, answers) {
  const call = (name, args, options) => client.callTool({ name, arguments: args }, ...(options ?? []))
  const of = (operation, act) => report.of(`${operation}, ${over}`, act)
  await of('list tools', async () => {
    const { tools } = await client.listTools()
    assert.ok(tools.some((tool) => tool.name === 'apply_migration' && tool.outputSchema && tool.title))
  })
  let project_id
  await of('call, with a question to the user', async () => {
    answers.push('accept')
    const made = await call('create_project', { name: 'Client' })
    project_id = made.structuredContent.project.id
    assert.equal(made.structuredContent.project.status, 'ACTIVE_HEALTHY')
    assert.equal(answers.length, 0)
  })
  await of('a question that is declined', async () => {
    answers.push('decline')
    const refused = await call('create_project', { name: 'Declined' })
    assert.equal(refused.isError, true)
    assert.equal(refused.structuredContent.error.code, 'approval_denied')
  })
  await of('progress', async () => {
    const steps = []
    const query = 'create table public.notes (id int primary key); alter table public.notes enable row level security'
    const options = { onprogress: (step) => steps.push(step), timeout: 60_000 }
    const applied = await call('apply_migration', { project_id, name: 'notes', query }, client.options(options))
    assert.equal(applied.structuredContent.restore_point.status, 'available')
    assert.ok(steps.length > 0 && steps.every((step) => step.message))
  })
  await of('structured content', async () => {
    const listed = await call('list_tables', { project_id })
    assert.equal(listed.structuredContent.tables[0].name, 'notes')
    assert.ok(listed.content[0].text.includes('notes'))
  })
  await of('a refusal', async () => {
    const refused = await call('execute_sql', { project_id, query: 'do $$ begin end $$' })
    assert.equal(refused.isError, true)
    assert.ok(refused.structuredContent.error.message)
  })
  await of('cancellation', async () => {
    const gone = new AbortController()
    const options = { signal: gone.signal, onprogress: () => gone.abort() }
    const slow = call('create_branch', { project_id, name: 'SLOW' }, client.options(options))
    await assert.rejects(slow)
    const listed = await call('list_projects', {})
    assert.ok(listed.structuredContent.projects.length > 0)
  })
  await of('resources', async () => {
    const { resources } = await client.listResources()
    const { resourceTemplates } = await client.listResourceTemplates()
    assert.ok(resources.length > 0 && resourceTemplates.length > 0)
    const schema = await client.readResource({ uri: `drydock://projects/${project_id}/schema` })
    assert.ok(schema.contents[0].text.includes('notes'))
  })
  await of('prompts', async () => {
    const { prompts } = await client.listPrompts()
    assert.ok(prompts.some((prompt) => prompt.name === 'launch_project'))
    const filled = await client.getPrompt({ name: 'launch_project', arguments: { name: 'Shop' } })
    assert.ok(filled.messages[0].content.text.includes('Shop'))
  })
}

// What a user answers to the next question: to accept is to tick what there is to tick.
const answer = (answers) => async (request) => {
  const action = answers.shift()
  const fields = Object.keys(request.params.requestedSchema.properties)
  return action === 'accept' ? { action, content: Object.fromEntries(fields.map((field) => [field, true])) } : { action }
}

async function withLegacy(over, transport) {
  const answers = []
  const client = new legacy.Client(info, { capabilities: { elicitation: {} } })
  client.setRequestHandler(ElicitRequestSchema, answer(answers))
  client.options = (options) => [undefined, options]
  await client.connect(transport)
  await drive(new Report('@modelcontextprotocol/sdk'), over, client, answers)
  await client.close()
}

async function withModern(over, transport) {
  const answers = []
  const client = new modern.Client(info, { capabilities: { elicitation: { form: {} } }, versionNegotiation: { mode: 'auto' } })
  client.setRequestHandler('elicitation/create', answer(answers))
  client.options = (options) => [options]
  await client.connect(transport)
  assert.equal(client.getNegotiatedProtocolVersion(), '2026-07-28')
  await drive(new Report('@modelcontextprotocol/client'), over, client, answers)
  await client.close()
}

const server = await http()
const parameters = { command, args: stdio, stderr: 'ignore' }
await withLegacy('stdio', new LegacyStdio(parameters))
await withLegacy('HTTP', new LegacyHttp(new URL(server.url)))
await withModern('stdio', new ModernStdio(parameters))
await withModern('HTTP', new modern.StreamableHTTPClientTransport(new URL(server.url)))
server.end()
