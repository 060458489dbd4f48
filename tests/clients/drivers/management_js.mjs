// supabase-management-js over every route that the local platform has.

import { execFileSync } from 'node:child_process'

import { SupabaseManagementAPI } from 'supabase-management-js'
import { Report, api, assert, drydock, healthy, keys, project, raw, settled, token } from './report.mjs'

const report = new Report('supabase-management-js')
const asking = (accessToken) => new SupabaseManagementAPI({ accessToken, baseUrl: api })
let client = asking(token)

// One method: its arguments, and what must hold of its answer.
const driven = new Set()
async function method(name, args = [], holds, operation = name) {
  driven.add(name)
  return report.of(operation, async () => {
    const { data: answer } = await client[name](...args)
    assert.ok(!holds || holds(answer), `unexpected: ${JSON.stringify(answer)?.slice(0, 300)}`)
    return answer
  })
}
const has = (words) => (answer) => JSON.stringify(answer).includes(words)
const soon = () => Math.floor(Date.now() / 1000)

await method('listAllOrganizations', [], has('local'))
await method('getAnOrganization', ['local'], (one) => one.plan)
await method('getAvailableRegions', [{ organization_slug: 'local' }], has('smartGroup'))
const body = { name: 'Management', organization_slug: 'local', db_pass: 'a password of tests', region_selection: { type: 'smartGroup', code: 'emea' } }
const made = await method('createAProject', [body], (one) => one.ref)
const ref = made?.ref ?? (await project('Management'))
await healthy(ref)
await keys(ref)
await method('listAllProjects', [], has(ref))
await method('getAllProjectsForOrganization', ['local', { limit: 100 }], has(ref))
await method('getProject', [ref], (one) => one.status === 'ACTIVE_HEALTHY')
await method('updateAProject', [ref, { name: 'Management 2' }], (one) => one.name === 'Management 2')
await method('getServicesHealth', [ref, { services: ['db', 'rest'] }], has('ACTIVE_HEALTHY'))

const query = 'create table public.things (id int primary key); alter table public.things enable row level security'
await method('applyAMigration', [ref, { query, name: 'create_things' }])
const history = await method('listMigrationHistory', [ref], has('create_things'))
await method('getAMigration', [ref, history?.[0]?.version], has('create table'))
await method('patchAMigration', [ref, history?.[0]?.version, { name: 'things' }])
await method('upsertAMigration', [ref, { query: 'select 1', name: 'nothing', rollback: 'select 2' }])
const written = await client.listMigrationHistory(ref).then(({ data }) => data)
assert.deepEqual(written.map((one) => one.name), ['things', 'nothing'])
await method('rollbackMigrations', [ref, { gte: written[1].version }])
await method('runAQuery', [ref, { query: 'insert into public.things values ($1) returning id', parameters: [7] }], (rows) => rows[0].id === 7)
await method('readOnlyQuery', [ref, { query: 'select id from public.things' }], (rows) => rows[0].id === 7)
await method('updateDatabasePassword', [ref, { password: 'another password of tests' }])
await method('generateTypescriptTypes', [ref, { included_schemas: 'public' }], has('things: {'))
await method('getDatabaseMetadata', [ref], has('public'))
await method('getSecurityAdvisors', [ref], (answer) => Array.isArray(answer.lints))
await method('getPerformanceAdvisors', [ref], (answer) => Array.isArray(answer.lints))

await method('createRestorePoint', [ref, { name: 'here' }], (point) => point.status === 'AVAILABLE')
await method('getRestorePoint', [ref, { name: 'here' }], (point) => point.name === 'here')
await method('undo', [ref, { name: 'here' }])
await method('listAllBackups', [ref], (answer) => Array.isArray(answer.backups))
await method('restorePitrBackup', [ref, { recovery_time_target_unix: soon() }])
await healthy(ref)

await method('listAllBuckets', [ref], Array.isArray)
await method('getStorageConfig', [ref], has('fileSizeLimit'))
await method('updateStorageConfig', [ref, { fileSizeLimit: 1048576 }])
await method('getAuthServiceConfig', [ref], has('site_url'))
await method('updateAuthServiceConfig', [ref, { site_url: 'http://localhost:3000' }], has('localhost:3000'))
await method('getPostgrestServiceConfig', [ref], has('db_schema'))
await method('updatePostgrestServiceConfig', [ref, { max_rows: 500 }], has('500'))
await method('getRealtimeConfig', [ref])
await method('updateRealtimeConfig', [ref, { max_concurrent_users: 100 }])
await method('getPostgresConfig', [ref])
await method('updatePostgresConfig', [ref, { statement_timeout: '60s' }], has('60s'))
await method('getPoolerConfig', [ref], Array.isArray)
await method('updatePoolerConfig', [ref, { default_pool_size: 10 }], (one) => one.default_pool_size === 10)
await method('getProjectPgbouncerConfig', [ref])

await method('bulkCreateSecrets', [ref, [{ name: 'GREETING', value: 'hello' }]])
await method('listAllSecrets', [ref], has('GREETING'))
await method('bulkDeleteSecrets', [ref, ['GREETING']])
const source = new File(["Deno.serve(() => new Response('hello'))\n"], 'index.ts', { type: 'application/typescript' })
await method('deployAFunction', [ref, { metadata: { entrypoint_path: 'index.ts', name: 'hello', verify_jwt: true }, file: [source] }, { slug: 'hello' }], has('hello'))
await method('createAFunction', [ref, { slug: 'older', name: 'older', body: "Deno.serve(() => new Response('older'))" }], has('older'))
await method('listAllFunctions', [ref], has('hello'))
await method('getAFunction', [ref, 'hello'], (one) => one.slug === 'hello')
await method('getAFunctionBody', [ref, 'hello'])
await method('updateAFunction', [ref, 'hello', { verify_jwt: false }], (one) => one.verify_jwt === false)
await method('bulkUpdateFunctions', [ref, []])
await method('deleteAFunction', [ref, 'hello'])
// It asks the endpoint that the platform has removed.
await report.of('getProjectLogs', () => assert.rejects(client.getProjectLogs(ref, { sql: 'select 1' }), { status: 410 }))
driven.add('getProjectLogs')
await method('getProjectUsageApiCount', [ref], (answer) => Array.isArray(answer.result))
await method('getProjectUsageRequestCount', [ref], (answer) => answer.result[0].count >= 0)

const known = await method('getProjectApiKeys', [ref, { reveal: true }], has('publishable'))
await method('getProjectLegacyApiKeys', [ref])
await method('createProjectApiKey', [ref, { type: 'publishable', name: 'shop_front' }, { reveal: true }], has('shop_front'))
const key = known?.find((one) => one.id)?.id ?? 'none'
await method('getProjectApiKey', [ref, key, {}], (one) => one.id === key)
await method('updateProjectApiKey', [ref, key, { description: 'for tests' }, {}], (one) => one.description === 'for tests')
await method('deleteProjectApiKey', [ref, key, {}], (one) => one.id === key)
await method('listProjectAddons', [ref], has('compute_instance'))
await method('applyProjectAddon', [ref, { addon_type: 'compute_instance', addon_variant: 'ci_small' }])
await method('removeProjectAddon', [ref, 'ci_small'])
await method('createProjectClaimToken', [ref])
await method('getProjectClaimToken', [ref])
await method('deleteProjectClaimToken', [ref])

await method('listAllBranches', [ref], Array.isArray)
await method('createABranch', [ref, { branch_name: 'DEV', persistent: true }], (one) => one.project_ref)
const branch = await raw('GET', `/projects/${ref}/branches/DEV`)
await settled(ref, 'DEV')
await method('getABranch', [ref, 'DEV'], (one) => one.name === 'DEV')
await method('getABranchConfig', [branch.id], (one) => one.ref === branch.project_ref)
await raw('POST', `/projects/${branch.project_ref}/database/migrations`, { query: 'create table public.more (id int primary key)', name: 'more' })
await method('diffABranch', [branch.id, {}])
await method('pushABranch', [branch.id, {}])
await settled(ref, 'DEV')
await method('mergeABranch', [branch.id, {}])
await settled(ref, 'main')
await method('listMigrationHistory', [ref], has('more'), 'mergeABranch, followed to its end')
await method('resetABranch', [branch.id, { migration_version: '0' }])
await settled(ref, 'DEV')
const runs = await method('listActionRuns', [branch.project_ref, {}], (all) => all.length > 0)
const run = runs?.[0]?.id ?? 'none'
await method('getActionRun', [branch.project_ref, run], (one) => one.id === run)
await method('getActionRunLogs', [branch.project_ref, run])
driven.add('countActionRuns')
await report.of('countActionRuns', async () => {
  const { headers } = await client.countActionRuns(branch.project_ref)
  assert.equal(headers.get('x-total-count'), String(runs?.length))
})
await method('updateABranchConfig', [branch.id, { persistent: false }], (one) => one.persistent === false)
await method('deleteABranch', [branch.id, {}])
await method('pauseAProject', [ref])
await method('restoreAProject', [ref])
await method('listAvailableRestoreVersions', [ref], has('postgres_engine'))
await healthy(ref)
const other = await project('Short-lived')
await method('deleteAProject', [other], (one) => one.ref === other)

// Handing projects over: by a claim token, and by the pages, which a user answers in a browser.
const operator = (...args) => JSON.parse(execFileSync(drydock, ['claim', ...args, '--data-dir', process.env.CLIENTS_DATA_DIR], { encoding: 'utf8' }))
const user = operator('account', 'ann@example.com', '--organization', 'Acme')
const given = await project('Given')
const offer = await raw('POST', `/projects/${given}/claim-token`)
client = asking(user.access_token)
await method('getOrganizationProjectClaim', [user.organization, offer.token], (one) => one.preview.valid && one.project.ref === given)
await method('claimProjectForOrganization', [user.organization, offer.token])
await method('listAllProjects', [], has(given), 'claimProjectForOrganization, and the project has moved')
client = asking(token)
const redirect = 'https://builder.example/claimed'
const app = operator('app', 'Builder', '--redirect-uri', redirect)
const claimed = await project('Claimed')
const link = await report.of('oauthAuthorizeProjectClaim', async () => {
  const asked = { project_ref: claimed, client_id: app.client_id, response_type: 'code', redirect_uri: redirect }
  const answer = await client.oauthAuthorizeProjectClaim(asked, { redirect: 'manual' })
  return answer.headers.get('location')
})
driven.add('oauthAuthorizeProjectClaim')
const credentials = { client_id: app.client_id, client_secret: app.client_secret }
const code = { grant_type: 'authorization_code', code: await answered(link), redirect_uri: redirect, ...credentials }
const granted = await method('exchangeOauthToken', [code], (one) => one.project_refs[0] === claimed && one.refresh_token)
await method('exchangeOauthToken', [{ grant_type: 'refresh_token', refresh_token: granted?.refresh_token, ...credentials }], (one) => one.access_token, 'exchangeOauthToken, with a refresh token')
await method('revokeToken', [{ refresh_token: granted?.refresh_token, ...credentials }])

// Answers the five pages as a browser does; gives the code that comes to the redirect URI.
async function answered(link) {
  let [cookie, address] = ['', link]
  const go = async (options = {}) => {
    const response = await fetch(address, { redirect: 'manual', ...options, headers: { cookie } })
    cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie
    address = new URL(response.headers.get('location') ?? address, address).href
    return response.text()
  }
  const account = { email: 'bob@example.com', password: 'correct horse', action: 'sign_up' }
  const forms = [account, { new_organization: 'Bob', action: 'new' }, { action: 'accept' }, { action: 'accept' }, { action: 'confirm' }]
  await go()
  for (const form of forms) {
    const page = await go()
    const csrf = /name="csrf" value="([^"]*)"/.exec(page)?.[1] ?? ''
    await go({ method: 'POST', body: new URLSearchParams({ ...form, csrf }) })
  }
  return new URL(address).searchParams.get('code')
}

// A route that is there and that this driver leaves out shows itself.
const methods = Object.getOwnPropertyNames(SupabaseManagementAPI.prototype)
for (const name of methods) {
  const property = Object.getOwnPropertyDescriptor(SupabaseManagementAPI.prototype, name)
  if (name === 'constructor' || !property.value || driven.has(name)) continue
  const unserved = await client[name](ref, 'none', {}, {}).then(
    () => false,
    // The answer to a HEAD has no body.
    (error) => error.status === 404 && (error.data?.message ?? 'does not serve this route').includes('does not serve this route'),
  )
  if (!unserved) report.cannot(name, 'this driver leaves it out')
}
