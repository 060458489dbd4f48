type Schemas = Omit<Database, "__InternalSupabase">

type DefaultSchema = Schemas[Extract<keyof Database, "public">]

type Relations<Schema extends { Tables: unknown; Views: unknown }> = Schema["Tables"] & Schema["Views"]

/** A row, as it is read: `Tables<"todos">`, or `Tables<{ schema: "shop" }, "orders">`. */
export type Tables<
  NameOrSchema extends keyof Relations<DefaultSchema> | { schema: keyof Schemas },
  Name extends NameOrSchema extends { schema: keyof Schemas }
    ? keyof Relations<Schemas[NameOrSchema["schema"]]>
    : never = never,
> = NameOrSchema extends { schema: keyof Schemas }
  ? Relations<Schemas[NameOrSchema["schema"]]>[Name] extends { Row: infer Row }
    ? Row
    : never
  : NameOrSchema extends keyof Relations<DefaultSchema>
    ? Relations<DefaultSchema>[NameOrSchema] extends { Row: infer Row }
      ? Row
      : never
    : never

/** A row, as it is inserted. */
export type TablesInsert<
  NameOrSchema extends keyof DefaultSchema["Tables"] | { schema: keyof Schemas },
  Name extends NameOrSchema extends { schema: keyof Schemas }
    ? keyof Schemas[NameOrSchema["schema"]]["Tables"]
    : never = never,
> = NameOrSchema extends { schema: keyof Schemas }
  ? Schemas[NameOrSchema["schema"]]["Tables"][Name] extends { Insert: infer Insert }
    ? Insert
    : never
  : NameOrSchema extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][NameOrSchema] extends { Insert: infer Insert }
      ? Insert
      : never
    : never

/** What of a row is updated. */
export type TablesUpdate<
  NameOrSchema extends keyof DefaultSchema["Tables"] | { schema: keyof Schemas },
  Name extends NameOrSchema extends { schema: keyof Schemas }
    ? keyof Schemas[NameOrSchema["schema"]]["Tables"]
    : never = never,
> = NameOrSchema extends { schema: keyof Schemas }
  ? Schemas[NameOrSchema["schema"]]["Tables"][Name] extends { Update: infer Update }
    ? Update
    : never
  : NameOrSchema extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][NameOrSchema] extends { Update: infer Update }
      ? Update
      : never
    : never

/** One of an enum's labels. */
export type Enums<
  NameOrSchema extends keyof DefaultSchema["Enums"] | { schema: keyof Schemas },
  Name extends NameOrSchema extends { schema: keyof Schemas }
    ? keyof Schemas[NameOrSchema["schema"]]["Enums"]
    : never = never,
> = NameOrSchema extends { schema: keyof Schemas }
  ? Schemas[NameOrSchema["schema"]]["Enums"][Name]
  : NameOrSchema extends keyof DefaultSchema["Enums"]
    ? DefaultSchema["Enums"][NameOrSchema]
    : never

/** A value of a composite type. */
export type CompositeTypes<
  NameOrSchema extends keyof DefaultSchema["CompositeTypes"] | { schema: keyof Schemas },
  Name extends NameOrSchema extends { schema: keyof Schemas }
    ? keyof Schemas[NameOrSchema["schema"]]["CompositeTypes"]
    : never = never,
> = NameOrSchema extends { schema: keyof Schemas }
  ? Schemas[NameOrSchema["schema"]]["CompositeTypes"][Name]
  : NameOrSchema extends keyof DefaultSchema["CompositeTypes"]
    ? DefaultSchema["CompositeTypes"][NameOrSchema]
    : never
