import { defineConfig } from 'drizzle-kit'

const schema = ['./src/store/schema.ts', './src/store/access-schema.ts']

export default defineConfig({ dialect: 'postgresql', schema, out: './drizzle' })
