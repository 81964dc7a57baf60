// Migrates a database as a process of its own, so that a test can kill it: the address and the folder of the migrations are
// its arguments. Exit code 0 once the database is migrated.
import { migrate } from '../../src/db/migrate.ts';

const [url, folder] = process.argv.slice(2);
if (url === undefined || folder === undefined) throw new Error('an address and a folder are needed');
await migrate(url, { folder });
