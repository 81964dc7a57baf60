// Writes what is generated: `.env.example`, the table of the configuration in README.md, and the table of routes in
// docs/api.md. `npm run check` fails when one differs from the lists in the code.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { configKeys } from '../src/config.ts';
import { routes } from '../src/http/routes.ts';
import {
  renderConfigurationTable,
  renderEnvExample,
  renderRoutesTable,
  replaceMarked,
} from './render-documents.ts';

const root = path.resolve(import.meta.dirname, '..');
const readme = path.join(root, 'README.md');
const api = path.join(root, 'docs/api.md');

writeFileSync(path.join(root, '.env.example'), renderEnvExample(configKeys));
console.log('wrote .env.example');
writeFileSync(
  readme,
  replaceMarked(readFileSync(readme, 'utf8'), 'configuration', renderConfigurationTable(configKeys)),
);
console.log('wrote the configuration table of README.md');
writeFileSync(api, replaceMarked(readFileSync(api, 'utf8'), 'routes', renderRoutesTable(routes)));
console.log('wrote the table of routes of docs/api.md');
