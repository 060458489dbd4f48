// The supabase CLI against the local platform, command by command.

import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Report, api, assert, folder, healthy, keys, project, raw, settled, token } from './report.mjs'

const report = new Report('supabase')
const require = createRequire(import.meta.url)
const manifest = require.resolve('supabase/package.json')
const main = join(dirname(manifest), require(manifest).bin.supabase)
const home = mkdtempSync(join(folder, 'cli-'))
const profile = join(home, 'profile.yaml')
writeFileSync(profile, `name: drydock\napi_url: ${api}\ndashboard_url: ${api}\nproject_host: localhost\npooler_host: localhost\n`)
const environment = {
  PATH: process.env.PATH,
  HOME: home,
  SUPABASE_PROFILE: profile,
  SUPABASE_ACCESS_TOKEN: token,
  SUPABASE_NO_KEYRING: '1',
  SUPABASE_TELEMETRY_DISABLED: '1',
  SUPABASE_NO_UPDATE_NOTIFIER: '1',
}
const work = join(home, 'work')
mkdirSync(join(work, 'supabase', 'functions', 'hello'), { recursive: true })
const config = join(work, 'supabase', 'config.toml')
writeFileSync(config, 'project_id = "shop"\n')
writeFileSync(join(work, 'supabase', 'functions', 'hello', 'index.ts'), "Deno.serve(() => new Response('hello'))\n")

function run(args) {
  return new Promise((resolve, reject) => {
    const options = { cwd: work, env: environment, timeout: 100_000, maxBuffer: 1 << 24 }
    const child = execFile(process.execPath, [main, ...args], options, (error, stdout, stderr) => {
      if (error) reject(new Error(reason(stdout, stderr)))
      else resolve(stdout)
    })
    child.stdin.end()
  })
}

// The error that a command ends with: in its JSON, or its last line.
function reason(stdout, stderr) {
  for (const line of stdout.trim().split('\n').reverse()) {
    try {
      return JSON.parse(line).error.message
    } catch {}
  }
  return (stderr || stdout).trim().split('\n').pop()
}

// One command, its operation named by its words; and what must hold of what it prints.
async function command(words, args, holds, operation = words) {
  return report.of(operation, async () => {
    const printed = await run([...words.split(' '), ...args, '--output-format', 'json', '--agent', 'no'])
    assert.ok(!holds || holds(printed), `unexpected: ${printed.slice(0, 300)}`)
    try {
      return JSON.parse(printed)
    } catch {
      return printed
    }
  })
}
const has = (words) => (printed) => printed.includes(words)

await command('orgs list', [], has('Local organization'))
await command('projects create', ['CLI', '--org-id', 'local', '--db-password', 'a password of tests', '--region', 'us-east-1', '--yes'], has('CLI'))
const listed = await raw('GET', '/projects')
const ref = listed.find((one) => one.name === 'CLI')?.ref ?? (await project('CLI'))
await healthy(ref)
await keys(ref)
const remote = `--remote=${ref}`
await command('projects list', [], has(ref))
await command('projects api-keys', [remote], has('publishable'))

await raw('POST', `/projects/${ref}/database/migrations`, {
  name: 'create_things',
  query: 'create table public.things (id bigint primary key, about jsonb); alter table public.things enable row level security',
})
await command('db query', ['insert into public.things values (1) returning id', remote, '--yes'], has('1'))
await command('db query', ['select id, about from public.things', remote, '--read-only'], has('about'), 'db query, read-only')
await command('db advisors', [remote, '--type', 'security'], undefined)
await command('gen types', [remote, '--lang', 'typescript', '--schema', 'public'], has('things'))
// By its password the command line looks for a pooler at port 5432 of a public host; by a URL it goes where it is sent.
const [pooler] = await raw('GET', `/projects/${ref}/config/database/pooler`)
const url = pooler.connection_string.replace('[YOUR-PASSWORD]', encodeURIComponent('a password of tests'))
await command('migration list', [`--remote=${url}`], has('"remote"'))
await command('backups list', [remote], undefined)
await command('backups restore', [remote, '--timestamp', String(Math.floor(Date.now() / 1000)), '--yes'], undefined)
await healthy(ref)
await command('postgres-config update', [remote, '--config', 'statement_timeout=60s', '--yes', '--experimental'], undefined)
await command('postgres-config get', [remote, '--experimental'], has('statement_timeout'))
await command('postgres-config delete', [remote, '--config', 'statement_timeout', '--yes', '--experimental'], undefined)
await command('secrets set', ['GREETING=hello', remote, '--yes'], undefined)
await command('secrets list', [remote], has('GREETING'))
await command('secrets unset', ['GREETING', remote, '--yes'], undefined)
await command('functions deploy', ['hello', remote, '--use-api', '--yes'], undefined)
await command('functions list', [remote], has('hello'))
await command('functions download', ['hello', remote, '--use-api', '--yes'], () => readFileSync(join(work, 'supabase/functions/hello/index.ts'), 'utf8').includes('hello'))
await command('functions delete', ['hello', remote, '--yes'], undefined)
await command('logs', [remote, '--service', 'postgres'], has('database system is ready'))
await command('logs', [remote, '--service', 'postgres', '--level', 'error', '--search', 'NOTHING'], has('[]'), 'logs, searched')
await command('logs', [remote, '--sql', 'select timestamp, event_message from logs limit 5'], undefined, 'logs, SQL')
await command('config diff', [remote], has('site_url'))
await command('config pull', [remote, '--yes'], () => readFileSync(config, 'utf8').includes('site_url'))
writeFileSync(config, 'project_id = "shop"\n[auth]\nsite_url = "https://shop.example"\n[api]\nmax_rows = 500\n')
await command('config push', [remote, '--yes'], has('"updated"'))
const { max_rows } = await raw('GET', `/projects/${ref}/postgrest`)
await report.of('config push, looked at afterwards', () => assert.equal(max_rows, 500))
await command('storage ls', ['ss:///', remote, '--experimental'], undefined)

await command('branches create', ['DEV', remote, '--persistent', '--yes'], undefined)
await settled(ref, 'DEV').catch(() => undefined)
await command('branches list', [remote], has('DEV'))
await command('branches get', ['DEV', remote], undefined)
await command('branches update', ['DEV', remote, '--persistent=false', '--yes'], undefined)
await command('branches pause', ['DEV', remote, '--yes'], undefined)
await command('branches unpause', ['DEV', remote, '--yes'], undefined)
await command('branches delete', ['DEV', remote, '--yes'], undefined)
await command('link', [ref, '--skip-pooler'], undefined)
await command('projects delete', [ref, '--yes'], undefined)
