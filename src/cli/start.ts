// `start`: runs the service, the very program that `npm start` runs, as a process of its own that shares our terminal and
// signals. So there is one way to start and to stop it, and its log lines stay as they are.
import path from 'node:path';
import type { Command } from './command.ts';
import { spawnInPlace } from './spawn-in-place.ts';

// TypeScript in the repository, JavaScript where it was installed from a package.
const program = path.join(import.meta.dirname, '..', `main${path.extname(import.meta.filename)}`);

// As every start of the service has it: without it Node takes much more memory. See 040.
const flag = '--max-semi-space-size=16';

export const startService: Command = {
  name: 'start',
  operands: [],
  summary: 'Runs the service until Ctrl-C or SIGTERM',
  details: `It is configured by its environment and by .env in this folder: at least by
ILIVE_WEBHOOK_SECRETS; BOOTSTRAP_API_KEY lets you ask it. Without DATABASE_URL it
starts a Postgres of its own, which keeps its data in DATA_DIR (default .data here).
WEB_CONCURRENCY runs several processes behind the port.
Exits 0 after a clean stop and 78 when the configuration cannot be used.`,
  options: {},
  examples: [
    'ILIVE_WEBHOOK_SECRETS=… BOOTSTRAP_API_KEY=… ilive-webhooks start',
    'WEB_CONCURRENCY=4 ILIVE_WEBHOOK_SECRETS=… ilive-webhooks start',
    'ROLE=receiver DATABASE_URL=postgres://… ILIVE_WEBHOOK_SECRETS=… ilive-webhooks start',
  ],
  run: (_given, { env }) => spawnInPlace(process.execPath, [flag, program], { ...env }),
};
