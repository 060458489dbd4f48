// What generated types must say, checked by the compiler: of themselves, and through a real client.

import { createClient } from '@supabase/supabase-js'
import { Constants } from './database.js'
import type { CompositeTypes, Database, Enums, Json, Tables, TablesInsert, TablesUpdate } from './database.js'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function holds<_ extends true>(): void {}

type Public = Database['public']
type Todo = Tables<'todos'>

// Nullability, enums, arrays, json, composite types, domains, what has no type of its own.
holds<Same<Todo['id'], number>>()
holds<Same<Todo['state'], 'open' | 'in progress' | 'done'>>()
holds<Same<Todo['past'], Enums<'state'>[] | null>>()
holds<Same<Todo['about'], Json | null>>()
holds<Same<Todo['place'], { a: number | null; b: string | null } | null>>()
holds<Same<Todo['span'], unknown>>()
holds<Same<Todo['score'], number | null>>()
holds<Same<Todo['matrix'], number[] | null>>()
holds<Same<Todo['size'], 's' | 'm' | null>>()
holds<Same<Todo['odd name'], string>>()
holds<Same<Todo['it\'s "quoted"\nand broken'], string | null>>()
holds<Same<Tables<'people'>['email'], string>>()
holds<Same<Tables<'nothing'>, {}>>()
holds<Same<Tables<'events_2026'>['at'], string>>()
holds<Same<Enums<'empty'>, never>>()
holds<Same<CompositeTypes<'pair'>, { a: number | null; b: string | null }>>()
holds<Same<Tables<{ schema: 'shop' }, 'orders'>['buyer'], number | null>>()
holds<Same<Enums<{ schema: 'shop' }, 'size'>, 's' | 'm'>>()
const done: (typeof Constants.public.Enums.state)[2] = 'done'

// What can be written: defaults may be left out, what the database computes cannot be given.
holds<Same<TablesInsert<'profiles'>, { person: number; self?: number | null }>>()
const person: TablesInsert<'people'> = { email: 'a@example.com', name: 'A' }
// @ts-expect-error a name is needed
const nameless: TablesInsert<'people'> = { email: 'a@example.com' }
// @ts-expect-error an identity that is always generated
const numbered: TablesInsert<'people'> = { email: 'a@example.com', name: 'A', id: 1 }
// @ts-expect-error a generated column
const computed: TablesUpdate<'people'> = { shouted: 'A' }
const todo: TablesInsert<'todos'> = { owner: 1, id: 7 }
// @ts-expect-error no such state
const lost: TablesUpdate<'todos'> = { state: 'lost' }

// Views: everything may be null; only those that PostgreSQL can write through are written.
holds<Same<Tables<'open_todos'>, { id: number | null; person: number | null; shout: string | null; state: Enums<'state'> | null }>>()
holds<Same<Public['Views']['simple_todos']['Insert']['next'], undefined>>()
holds<Same<'Insert' extends keyof Public['Views']['open_todos'] ? true : false, false>>()
holds<Same<'Insert' extends keyof Public['Views']['counts'] ? true : false, false>>()

// Functions.
type Functions = Public['Functions']
holds<Same<Functions['add'], { Args: { a: number; b?: number }; Returns: number }>>()
holds<Same<Functions['no_arguments'], { Args: never; Returns: undefined }>>()
holds<Same<Functions['over']['Returns'], number | string>>()
holds<Same<Functions['tabled'], { Args: { wanted: Enums<'state'> }; Returns: { id: number; label: string }[] }>>()
holds<Same<Functions['rows_of']['Returns'][number]['state'], Enums<'state'>>>()
holds<Same<Functions['one_row']['Returns']['name'], string>>()
holds<Same<Functions['shout']['Args']['']['name'], string>>()
holds<Same<Functions['numbers'], { Args: { values: number[] }; Returns: number[] }>>()
holds<Same<Functions['pairs']['Returns'], CompositeTypes<'pair'>[]>>()
holds<Same<Functions['records']['Returns'], Record<string, unknown>[]>>()
holds<Same<Functions['both'], { Args: { a: number }; Returns: { a: number; b: string } }>>()
holds<Same<Functions['two']['Returns'], { column1: number; column2: string }>>()
holds<Same<Extract<keyof Functions, 'unnamed' | 'on_change' | 'proceed'>, never>>()

// Relationships.
type Relationship = { foreignKeyName: string; referencedRelation: string; isOneToOne: boolean }
type Joins<All extends Relationship[]> = {
  [Place in keyof All]: [All[Place]['foreignKeyName'], All[Place]['referencedRelation'], All[Place]['isOneToOne']]
}
holds<Same<Joins<Public['Tables']['todos']['Relationships']>, [['todos_owner_fkey', 'named', false], ['todos_owner_fkey', 'people', false]]>>()
holds<Same<Joins<Public['Tables']['profiles']['Relationships']>, [['profiles_person_fkey', 'named', true], ['profiles_person_fkey', 'people', true], ['profiles_self_fkey', 'profiles', false]]>>()
holds<Same<Joins<Public['Views']['open_todos']['Relationships']>, [['todos_owner_fkey', 'named', false], ['todos_owner_fkey', 'people', false]]>>()
holds<Same<Joins<Public['Views']['nested']['Relationships']>, [['todos_owner_fkey', 'named', false], ['todos_owner_fkey', 'people', false]]>>()
holds<Same<Joins<Public['Views']['views_of_views']['Relationships']>, [['todos_owner_fkey', 'named', false], ['todos_owner_fkey', 'people', false]]>>()
holds<Same<Public['Views']['open_todos']['Relationships'][0]['columns'], ['person']>>()
// A key that leads to another schema joins nothing for the Data API.
holds<Same<Database['shop']['Tables']['orders']['Relationships'], []>>()

// The real client, from the types alone.
export async function client() {
  const supabase = createClient<Database>('http://localhost', 'key')
  const joined = await supabase.from('todos').select('id, state, people(name)').eq('state', done).single()
  if (joined.data) holds<Same<typeof joined.data, { id: number; state: Enums<'state'>; people: { name: string } }>>()
  const one = await supabase.from('people').select('profiles(self)').single()
  if (one.data) holds<Same<typeof one.data, { profiles: { self: number | null } | null }>>()
  const many = await supabase.from('people').select('todos(id)').single()
  if (many.data) holds<Same<typeof many.data, { todos: { id: number }[] }>>()
  const view = await supabase.from('open_todos').select('shout, people(name)').single()
  if (view.data) holds<Same<typeof view.data, { shout: string | null; people: { name: string } | null }>>()
  // @ts-expect-error no such column
  await supabase.from('todos').insert({ owner: 1, nothing: 2 })
  await supabase.from('todos').insert(todo)
  await supabase.from('people').insert([person, nameless, numbered]).select('id')
  await supabase.from('todos').update(lost)
  await supabase.from('people').update(computed)
  const sum = await supabase.rpc('add', { a: 1 })
  if (sum.data) holds<Same<typeof sum.data, number>>()
  // @ts-expect-error an argument of another type
  await supabase.rpc('add', { a: 'one' })
  const called = await supabase.rpc('rows_of').select('id, people(name)')
  if (called.data) holds<Same<typeof called.data, { id: number; people: { name: string } }[]>>()
  const other = await supabase.schema('shop').from('orders').select('buyer').single()
  if (other.data) holds<Same<typeof other.data, { buyer: number | null }>>()
}
