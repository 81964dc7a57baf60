// What a contender is sent: iLive's deliveries, or for Stripe's sync engine Stripe's own events, each with a signature that
// is true, ids of its own, and a body of the same size. They differ in nothing that a contender could gain from.
import { createHmac, randomUUID } from 'node:crypto';
import { writeBody } from './requests.ts';
import { createSignNow } from './sign-now.ts';

export type Dialect = 'ilive' | 'stripe';

export interface SignedDelivery {
  /** What it can be found by once it has been processed: its session, or Stripe's customer. */
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export const webhookIdPrefix = 'wh_';

/** What makes one delivery after another, each signed at the moment at which it is made. */
export function createSigner(dialect: Dialect, secret: string): () => SignedDelivery {
  return dialect === 'ilive' ? createIliveSigner(secret) : createStripeSigner(secret);
}

/** The webhook id of iLive's delivery of this name, by which it can be found before anybody has read it. */
export function webhookIdOf(name: string): string {
  return `${webhookIdPrefix}${name}`;
}

function createIliveSigner(secret: string): () => SignedDelivery {
  const signNow = createSignNow(secret);
  return () => {
    const name = randomUUID(); // as iLive's are: among those of the tables, and not behind them
    const body = Buffer.from(writeBody(name));
    return { name, headers: signNow(body, webhookIdOf(name)), body };
  };
}

function createStripeSigner(secret: string): () => SignedDelivery {
  const wantedBytes = Buffer.byteLength(writeBody());
  return () => {
    const name = `cus_${randomUUID().replaceAll('-', '').slice(0, 14)}`;
    const bareBytes = Buffer.byteLength(writeCustomerCreated(name, ''));
    const filling = 'x'.repeat(Math.max(0, wantedBytes - bareBytes));
    const body = Buffer.from(writeCustomerCreated(name, filling));
    const timestamp = nowSeconds();
    const mac = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex');
    return { name, headers: { 'stripe-signature': `t=${timestamp},v1=${mac}` }, body };
  };
}

function writeCustomerCreated(id: string, filling: string): string {
  return JSON.stringify({
    id: `evt_${randomUUID()}`,
    object: 'event',
    api_version: '2020-08-27',
    created: nowSeconds(),
    type: 'customer.created',
    data: {
      object: {
        id,
        object: 'customer',
        created: nowSeconds(),
        currency: 'eur',
        email: `${id}@example.com`,
        livemode: true,
        metadata: { filling },
        name: 'São João',
      },
    },
  });
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
