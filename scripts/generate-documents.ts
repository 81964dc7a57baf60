// Writes what is generated: `.env.example`, the table of the configuration in README.md, the tables of routes and of error codes in
// docs/api.md, docs/openapi.json, and from that the types of the SDK. `npm run check` fails when one differs from the code. With `--release` the document of the API also
// becomes what was promised, which later changes are compared with.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { configKeys } from '../src/config.ts';
import { buildOpenApi } from '../src/http/openapi.ts';
import { problemCodes } from '../src/http/problem-codes.ts';
import { routes } from '../src/http/routes.ts';
import { readVersion } from '../src/version.ts';
import {
  renderCodesTable,
  renderConfigurationTable,
  renderEnvExample,
  renderOpenApi,
  renderRoutesTable,
  replaceMarked,
} from './render-documents.ts';
import { renderSdkSchema } from './render-sdk.ts';

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
const withRoutes = replaceMarked(readFileSync(api, 'utf8'), 'routes', renderRoutesTable(routes));
writeFileSync(api, replaceMarked(withRoutes, 'codes', renderCodesTable(problemCodes)));
console.log('wrote the tables of routes and of error codes of docs/api.md');

const openApi = renderOpenApi(buildOpenApi(routes, readVersion()));
writeFileSync(path.join(root, 'docs/openapi.json'), openApi);
console.log('wrote docs/openapi.json');
writeFileSync(path.join(root, 'src/sdk/schema.ts'), await renderSdkSchema(JSON.parse(openApi)));
console.log('wrote src/sdk/schema.ts');
if (process.argv.includes('--release')) {
  writeFileSync(path.join(root, 'docs/openapi-released.json'), openApi);
  writeFileSync(path.join(root, 'docs/breaking-changes.json'), '[]\n');
  console.log('wrote docs/openapi-released.json, and emptied docs/breaking-changes.json');
}
