// Lints docs/openapi.json with Redocly's rules, one line a problem. The library is called and not its command line, which
// looks for updates and sends telemetry; nothing here touches the network. That the copy is what the code says is shown by
// `test/documents.test.ts`.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createConfig, lintFromString } from '@redocly/openapi-core';

const file = path.resolve(import.meta.dirname, '../docs/openapi.json');

const config = await createConfig({
  extends: ['recommended-strict'],
  rules: {
    // Health answers whoever asks. Every other operation has its 400, 401 and 403 by how the document is made.
    'operation-4xx-response': 'off',
    'operation-operationId': 'error',
    'operation-operationId-unique': 'error',
    'operation-operationId-url-safe': 'error',
    'operation-parameters-unique': 'error',
    'operation-singular-tag': 'error',
    'operation-tag-defined': 'error',
    'no-unused-components': 'error',
    'tag-description': 'error',
  },
});

const problems = await lintFromString({
  source: readFileSync(file, 'utf8'),
  absoluteRef: file,
  config,
});
for (const { ruleId, message, location, severity } of problems) {
  console.log(`${severity} ${location[0]?.pointer ?? ''}: ${message} (${ruleId})`);
}
console.log(`${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
