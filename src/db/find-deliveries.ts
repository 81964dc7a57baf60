// Reading deliveries for those who ask what became of one: keyset pages, newest first.
import { and, desc, eq, lt } from 'drizzle-orm';
import type { DeliveryId } from '../events/event.ts';
import type { Queries } from './connect.ts';
import type { Page } from './find-facts.ts';
import { type DeliveryState, deliveries, deliveryBodies } from './schema.ts';

export type DeliveryRow = typeof deliveries.$inferSelect;
export type DeliveryBodyRow = typeof deliveryBodies.$inferSelect;

/** At most `limit` deliveries, newest first. */
export function listDeliveries(
  db: Queries,
  filter: { readonly state?: DeliveryState | undefined },
  page: Page,
): Promise<DeliveryRow[]> {
  return db.orm((orm) =>
    orm
      .select()
      .from(deliveries)
      .where(
        and(
          filter.state === undefined ? undefined : eq(deliveries.state, filter.state),
          page.after === undefined ? undefined : lt(deliveries.id, page.after),
        ),
      )
      .orderBy(desc(deliveries.id))
      .limit(page.limit),
  );
}

export async function findDelivery(db: Queries, id: DeliveryId): Promise<DeliveryRow | undefined> {
  const [row] = await db.orm((orm) => orm.select().from(deliveries).where(eq(deliveries.id, id)));
  return row;
}

/** The stored bytes and headers; undefined once retention has dropped them. */
export async function findDeliveryBody(
  db: Queries,
  delivery: DeliveryRow,
): Promise<DeliveryBodyRow | undefined> {
  const [row] = await db.orm((orm) =>
    orm
      .select()
      .from(deliveryBodies)
      .where(
        and(eq(deliveryBodies.deliveryId, delivery.id), eq(deliveryBodies.receivedAt, delivery.receivedAt)),
      ),
  );
  return row;
}
