// What a command may be given is what the API takes. The command loads neither the service nor its tables, so some of these
// words stand in both.
import { expect, test } from 'vitest';
import { commands } from '../../src/cli/run.ts';
import { buildOpenApi } from '../../src/http/openapi.ts';
import { routes } from '../../src/http/routes.ts';

const { paths } = JSON.parse(JSON.stringify(buildOpenApi(routes, 'test')));

/** What the operation takes by its name: parameters of its query, fields of its body, and those of a filter in it. */
function schemasOf(method: string, path: string): Record<string, { readonly enum?: readonly string[] }> {
  const { parameters = [], requestBody } = paths[path][method];
  const body = requestBody?.content['application/json'].schema.properties ?? {};
  const query = parameters.map(({ name, schema }: { name: string; schema: object }) => [name, schema]);
  return { ...Object.fromEntries(query), ...body, ...body.filter?.properties };
}

// Without `refusals …`, whose reasons the API takes as any text, and `faces …`, which ask iLive.
test.each([
  ['sessions create', 'post', '/v1/sessions'],
  ['sessions list', 'get', '/v1/sessions'],
  ['alerts list', 'get', '/v1/compliance-alerts'],
  ['tail', 'get', '/v1/deliveries'],
  ['deliveries list', 'get', '/v1/deliveries'],
  ['replay', 'post', '/v1/ops/replays'],
  ['replays list', 'get', '/v1/ops/replays'],
  ['keys create', 'post', '/v1/ops/keys'],
])('%s', (name, method, path) => {
  const options = Object.entries(commands.find((command) => command.name === name)?.options ?? {});
  const chosen = options.flatMap(([option, { choices }]) =>
    choices === undefined || option === 'sort' ? [] : [[option.replaceAll('-', '_'), choices] as const],
  );
  const taken = schemasOf(method, path);
  expect(chosen).not.toEqual([]);
  expect(chosen).toEqual(chosen.map(([option]) => [option, taken[option]?.enum]));
});

test.each(['pause', 'resume'])('%s', (name) => {
  const { details = '' } = commands.find((command) => command.name === name) ?? {};
  const words = schemasOf('post', `/v1/ops/${name}`).what?.enum ?? [];
  expect(words).not.toEqual([]);
  expect(details).toContain(`WHAT is ${words.join(' or ')}.`);
});
