// Writes what is generated: `.env.example`, and the table of the configuration in README.md. `npm run check` fails when
// either differs from the list of keys.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { configKeys } from '../src/config.ts';
import { renderConfigurationTable, renderEnvExample, replaceConfiguration } from './render-documents.ts';

const root = path.resolve(import.meta.dirname, '..');
const readme = path.join(root, 'README.md');

writeFileSync(path.join(root, '.env.example'), renderEnvExample(configKeys));
console.log('wrote .env.example');
writeFileSync(
  readme,
  replaceConfiguration(readFileSync(readme, 'utf8'), renderConfigurationTable(configKeys)),
);
console.log('wrote the configuration table of README.md');
