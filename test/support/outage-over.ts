// Waits for the end of an outage. It is one step behind the last of what was held: a segment is closed in between, so that
// `held_deliveries` may be 0 while the store is still `taking`.
import { apiKey, get } from './service.ts';
import { until } from './until.ts';

export async function outageOver(url: string): Promise<void> {
  await until(
    async () => {
      const { state, held_deliveries } = (await get(url, '/v1/ops/status', apiKey)).body.outage_store;
      return state === 'ready' && held_deliveries === 0;
    },
    { describe: 'nothing waits in the outage store' },
  );
}
