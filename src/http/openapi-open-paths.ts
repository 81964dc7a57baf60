// The paths of the OpenAPI document that ask for no key of ours: iLive's webhook, health and metrics. What iLive sends is
// described by iLive; here stands only how it is taken.

import { z } from 'zod';
import { signatureFailures, signatureHeader, timestampHeader, webhookIdHeader } from '../ilive/signature.ts';
import { outageStates } from '../outage/outage.ts';
import type { JsonSchema, SchemaWriter } from './openapi-schemas.ts';
import { uuid } from './shapes.ts';

const taken = z
  .object({
    delivery_id: uuid,
    repeat: z.boolean().describe('Whether the very same delivery had been taken before.'),
  })
  .meta({ id: 'TakenDelivery' });

const refused = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum([...signatureFailures, 'body_too_large', 'unavailable', 'overloaded', 'internal']),
    detail: z.string(),
    request_id: z.string(),
  })
  .meta({ id: 'WebhookProblem', description: 'RFC 9457.' });

// What cannot be read as a request is refused before it is known what it is for.
const unreadable = refused
  .extend({ code: z.enum(['invalid_request', 'request_timeout']) })
  .meta({ id: 'UnreadableRequest', description: 'RFC 9457.' });

const alive = z.object({ status: z.literal('alive') }).meta({ id: 'Health' });
const readiness = z
  .object({
    status: z.enum(['ready', 'stopping', 'unready']),
    database: z.enum(['up', 'down']),
    outage_store: z
      .enum(outageStates)
      .describe('Where deliveries go while the database is down. A worker takes none and has none.')
      .optional(),
    signing_secrets: z
      .enum(['usable', 'unopened'])
      .describe('unopened: there are some, and not one opens. A worker has none.')
      .optional(),
    role: z.string(),
    queue: z.enum(['redis', 'postgres']),
  })
  .meta({ id: 'Readiness' });

/** Their path items. */
export function openPaths(
  schemas: SchemaWriter,
  problem: JsonSchema,
): Record<string, Record<string, JsonSchema>> {
  const json = (description: string, schema: z.ZodType) => ({
    description,
    content: { 'application/json': { schema: schemas.write(schema, 'output') } },
  });
  const account = { name: 'account', in: 'path', required: true, schema: { type: 'string' } };
  const failure = {
    500: {
      description: 'Something that nobody foresaw.',
      content: { 'application/problem+json': { schema: problem } },
    },
  };
  return {
    '/webhooks/ilive': { post: describeWebhook('receiveDelivery', [], schemas, json) },
    '/webhooks/ilive/{account}': {
      post: describeWebhook('receiveDeliveryOfAccount', [account], schemas, json),
    },
    '/healthz': {
      get: open('showHealth', 'surroundings', 'The process answers', {
        200: json('It does.', alive),
        ...failure,
      }),
    },
    '/readyz': {
      get: open('showReadiness', 'surroundings', 'Whether it should be sent traffic', {
        200: json('It should.', readiness),
        503: json('It should not.', readiness),
      }),
    },
    '/metrics': {
      get: open('showMetrics', 'surroundings', "Figures in Prometheus' text format", {
        200: { description: 'The figures.', content: { 'text/plain': { schema: { type: 'string' } } } },
        ...failure,
      }),
    },
  };
}

function describeWebhook(
  name: string,
  parameters: readonly JsonSchema[],
  schemas: SchemaWriter,
  json: (description: string, schema: z.ZodType) => JsonSchema,
): JsonSchema {
  const header = (header: string, description: string) => ({
    name: header,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
  });
  const problem = (description: string, schema = refused as z.ZodType) => ({
    description,
    content: { 'application/problem+json': { schema: schemas.write(schema, 'output') } },
  });
  return {
    ...open(name, 'webhook', 'Takes one delivery of iLive', {
      202: json(
        'The bytes are durable: committed in Postgres, or in the outage store while Postgres is away.',
        taken,
      ),
      400: problem('This is no request in HTTP/1.1, or its path cannot be decoded.', unreadable),
      401: problem('The request does not prove that it comes from iLive; the code says why.'),
      408: problem('It did not arrive in time (REQUEST_TIMEOUT_SECONDS).', unreadable),
      413: problem('The body is larger than BODY_LIMIT_BYTES.'),
      503: problem('It could not be stored, or its secret does not open; iLive tries again.'),
    }),
    parameters: [
      ...parameters,
      header(signatureHeader, 'HMAC-SHA256 over what ILIVE_SIGNATURE_TEMPLATE says.'),
      header(timestampHeader, 'When it was signed.'),
      header(webhookIdHeader, "iLive's id of the delivery."),
    ],
    requestBody: {
      required: true,
      description: 'As iLive describes it. Any bytes are taken whose signature is right.',
      content: { 'application/json': { schema: {} } },
    },
  };
}

function open(operationId: string, tag: string, summary: string, responses: JsonSchema): JsonSchema {
  return { operationId, summary, tags: [tag], security: [], responses };
}
