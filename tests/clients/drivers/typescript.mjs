// Generated types through the TypeScript compiler: alone, and in a typed supabase-js client.

import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Report, project, raw } from './report.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const sources = join(here, '..', 'types')
const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
const compiler = join(dirname(manifest), 'bin', 'tsc')

function compile(...files) {
  const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--skipLibCheck']
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [compiler, ...options, ...files], { cwd: here }, (error, stdout) => {
      if (error) reject(new Error(stdout.trim() || error.message))
      else resolve()
    })
  })
}

async function types(ref, schemas) {
  return (await raw('GET', `/projects/${ref}/types/typescript?included_schemas=${schemas}`)).types
}

const report = new Report('typescript')
const ref = await project('Types')
const folder = join(here, '..', 'compiled')
mkdirSync(folder, { recursive: true })
const file = (name, text) => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
await report.of('types of an empty database', async () => compile(file('empty.ts', await types(ref, 'public'))))
const query = readFileSync(join(sources, 'schema.sql'), 'utf8')
await raw('POST', `/projects/${ref}/database/query`, { query })
await report.of('types of one of everything', async () =>
  compile(file('database.ts', await types(ref, 'public,shop'))),
)
await report.of("types of the platform's own schemas", async () =>
  compile(file('platform.ts', await types(ref, 'auth,storage,realtime,nowhere'))),
)
copyFileSync(join(sources, 'uses.ts'), join(folder, 'uses.ts'))
const typed = new Report('@supabase/supabase-js')
await typed.of('a typed client', () => compile(join(folder, 'uses.ts')))
