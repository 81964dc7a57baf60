// `/v1/compliance-alerts/{alert_id}`: one alert, and what somebody here does about it. Acknowledging and resolving are
// actions: each is an entry of the audit, with its note as the reason.
import { z } from 'zod';
import { type AlertKey, acknowledgeAlert, type Handling, resolveAlert } from '../db/alerts.ts';
import type { Queries, Transaction } from '../db/connect.ts';
import { type ComplianceAlertRow, findComplianceAlerts } from '../db/find-facts.ts';
import { ServiceError } from '../errors.ts';
import { operate } from '../operations/operate.ts';
import { complianceAlert, showComplianceAlert } from './facts.ts';
import { actorOf } from './gate.ts';
import { operation, reply } from './operation.ts';
import { accountText, alertIdText, searchText } from './query.ts';
import { severalAccounts } from './several-accounts.ts';
import { uuid } from './shapes.ts';

const path = { alert_id: alertIdText };
const query = { account: accountText.optional() };
const handling = z
  .strictObject({
    note: searchText.describe('What was found or done; it is kept with the alert and in the audit.'),
    delivery_id: uuid
      .optional()
      .describe('The statement that you have seen; where a newer one has come since, nothing is done (409).'),
  })
  .meta({ examples: [{ note: 'What was found or done.' }] });

/** Answers one alert; 404 for one that was never heard of. */
export const showAlert = operation({
  path,
  fields: true,
  etag: true,
  query,
  answers: { 200: complianceAlert },
  errors: ['not_found', 'conflict'],
  answer: async ({ db }, asked) =>
    reply(200, showComplianceAlert(await readAlert(db, asked.path.alert_id, asked.query.account))),
});

/** Acknowledges an alert; one that is acknowledged already stays as it is. */
export const acknowledge = handlingOf('alerts.acknowledge', acknowledgeAlert);

/** Resolves an alert, and acknowledges it where nobody has; one that is resolved already stays as it is. */
export const resolve = handlingOf('alerts.resolve', resolveAlert);

function handlingOf(
  name: string,
  change: (tx: Transaction, key: AlertKey, handling: Handling, now: () => Date) => Promise<boolean>,
) {
  return operation({
    path,
    query,
    body: handling,
    answers: { 200: complianceAlert },
    errors: ['not_found', 'conflict'],
    answer: async (deps, { path: { alert_id: id }, query: { account }, body, req }) => {
      const actor = actorOf(req);
      const action = { actor, name, why: body.note, details: { alert_id: id, account: account ?? null } };
      const alert = await operate(deps.operate, action, async (tx) => {
        const before = await readAlert(tx, id, account);
        const isChanged = await change(tx, before, { by: actor.name, note: body.note }, deps.now);
        // Read after the change, which holds the alert: a statement that came in between shows here.
        const result = await readAlert(tx, id, before.account);
        if (body.delivery_id !== undefined && body.delivery_id.toLowerCase() !== result.deliveryId) {
          throw new ServiceError('conflict', 'iLive has said something newer about this alert: look again.');
        }
        return { rows: isChanged ? 1 : 0, result };
      });
      return reply(200, showComplianceAlert(alert));
    },
  });
}

async function readAlert(db: Queries, id: string, account: string | undefined): Promise<ComplianceAlertRow> {
  const [alert, ...others] = await findComplianceAlerts(db, id, account);
  if (alert === undefined) throw new ServiceError('not_found', 'No compliance alert has this id.');
  if (others.length === 0) return alert;
  throw severalAccounts('have an alert with this id', [alert, ...others]);
}
