// What a driver says of each operation: one line of JSON on its output.

import assert from 'node:assert/strict'

// How long one operation may take before it counts as unanswered.
const PATIENCE_MS = 120_000

export const api = process.env.CLIENTS_API_URL
export const token = process.env.CLIENTS_API_TOKEN
export const drydock = process.env.CLIENTS_DRYDOCK
export const folder = process.env.CLIENTS_FOLDER

export class Report {
  constructor(client) {
    this.client = client
  }

  // Runs one operation and says whether it worked; answers what it answered, or undefined.
  async of(operation, act) {
    try {
      const answer = await within(PATIENCE_MS, act)
      this.#say(operation, true)
      return answer
    } catch (error) {
      this.#say(operation, false, error?.message || String(error))
      return undefined
    }
  }

  // Says of an operation that cannot be driven why that is so.
  cannot(operation, why) {
    this.#say(operation, false, why)
  }

  #say(operation, works, why) {
    console.log(JSON.stringify({ client: this.client, operation, works, why }))
  }
}

async function within(milliseconds, act) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), milliseconds)
  })
  try {
    return await Promise.race([act(), late])
  } finally {
    clearTimeout(timer)
  }
}

// Asks until `act` answers something that holds.
export async function until(act, holds) {
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    const answer = await act()
    if (holds(answer)) return answer
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

// The Management API without any client: what a driver prepares with, and looks afterwards.
export async function raw(method, path, body) {
  const response = await fetch(`${api}/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return text ? JSON.parse(text) : undefined
}

// A project of the driver's own, healthy. Answers its ref.
export async function project(name) {
  const made = await raw('POST', '/projects', {
    name,
    organization_slug: 'local',
    db_pass: 'a password of tests',
    region: 'us-east-1',
  })
  await healthy(made.ref)
  return made.ref
}

export async function healthy(ref) {
  await until(
    () => raw('GET', `/projects/${ref}`),
    (project) => project.status === 'ACTIVE_HEALTHY',
  )
}

// The keys that a project gets only once they are asked for.
export async function keys(ref) {
  for (const type of ['publishable', 'secret']) {
    await raw('POST', `/projects/${ref}/api-keys?reveal=true`, { type, name: 'default' })
  }
}

// A branch's workflow, followed to its end.
export async function settled(project, name) {
  await until(
    () => raw('GET', `/projects/${project}/branches/${name}`),
    (branch) => branch.status === 'FUNCTIONS_DEPLOYED',
  )
}

export { assert }
