import { defineConfig } from 'drizzle-kit';

// `drizzle-kit generate --name what-it-does` drafts a migration from the schema; it is then read, commented and, where
// drizzle has no words for it (partitions), corrected by hand.
export default defineConfig({
  dialect: 'postgresql',
  schema: ['./src/db/schema.ts', './src/db/schema-operations.ts', './src/db/schema-changes.ts'],
  out: './migrations',
});
