// The types of the SDK and the table of its operations, made from the OpenAPI document alone, so that the SDK knows nothing that
// the document does not say.
import { compile, type JSONSchema } from 'json-schema-to-typescript';

type Schema = Readonly<Record<string, unknown>>;

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

interface DocumentedOperation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >;
}

export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const banner = `// Generated from docs/openapi.json by \`npm run generate\`; do not edit by hand.
// The shapes that the API takes and answers, and each operation's method and path.`;

// What never ends is no answer that a call could wait for.
const streamType = 'text/event-stream';

/** The text of \`src/sdk/schema.ts\`. */
export async function renderSdkSchema(document: Document): Promise<string> {
  const operations = Object.entries(document.paths)
    .filter(([path]) => path.startsWith('/v1/'))
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        operation,
      })),
    )
    .filter(({ operation }) => !isStream(operation));
  const schemas = Object.entries(document.components.schemas).map(
    ([name, schema]) => [name, { ...schema, title: name }] as const,
  );
  const root = {
    title: 'Operations',
    type: 'object',
    additionalProperties: false,
    required: operations.map(({ operation }) => operation.operationId),
    properties: Object.fromEntries(
      operations.map(({ operation }) => [operation.operationId, schemaOf(operation)]),
    ),
    components: { schemas: Object.fromEntries(schemas) },
  };
  const types = await compile(root as JSONSchema, 'Operations', {
    additionalProperties: false,
    bannerComment: '',
    style: { singleQuote: true, printWidth: 110 },
  });
  const table = operations.map(
    ({ method, path, operation }) => `  ${operation.operationId}: { method: '${method}', path: '${path}' },`,
  );
  return `${banner}\n\n${types}\nexport const operations = {\n${table.join('\n')}\n} as const;\n`;
}

function isStream({ responses }: DocumentedOperation): boolean {
  return Object.values(responses).some(({ content = {} }) => streamType in content);
}

function schemaOf({ parameters = [], requestBody, responses }: DocumentedOperation): Schema {
  const path = parameters.filter((parameter) => parameter.in === 'path');
  // With `fields` an answer has less than its type says.
  const query = parameters.filter((parameter) => parameter.in === 'query' && parameter.name !== 'fields');
  const body = requestBody?.content['application/json']?.schema;
  const answers = Object.entries(responses).flatMap(([status, { content }]): Schema[] => {
    const [answer] = Object.values(content ?? {});
    return status.startsWith('2') && answer !== undefined ? [answer.schema] : [];
  });
  const isQueryNeeded = query.some(({ required }) => required);
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      ...(path.length > 0 ? { path: objectOf(path) } : {}),
      ...(query.length > 0 ? { query: objectOf(query) } : {}),
      ...(body === undefined ? {} : { body }),
      answer: answers.length === 1 ? answers[0] : { anyOf: unique(answers) },
    },
    required: [
      ...(path.length > 0 ? ['path'] : []),
      ...(isQueryNeeded ? ['query'] : []),
      ...(body === undefined ? [] : ['body']),
      'answer',
    ],
  };
}

function objectOf(parameters: readonly Parameter[]): Schema {
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(
      parameters.map(({ name, schema, description }) => [
        name,
        { ...schema, default: undefined, description },
      ]),
    ),
    required: parameters.filter(({ required }) => required).map(({ name }) => name),
  };
}

function unique(schemas: readonly Schema[]): Schema[] {
  return [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()];
}
