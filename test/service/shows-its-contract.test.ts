// The contract is there for programs and for people, without a key, and asks nothing of another host; or it is not there at all.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { get, startTestService, type TestService } from '../support/service.ts';

let service: TestService;
let silent: TestService;

beforeAll(async () => {
  service = await startTestService();
  silent = await startTestService({ databaseUrl: service.databaseUrl, env: { API_DOCS: 'off' } });
});
afterAll(async () => {
  await silent?.stop();
  await service?.stop();
});

test('the document needs no key, and names every operation with the role that it asks for', async () => {
  const { status, body } = await get(service.url, '/openapi.json', null);
  expect(status).toBe(200);
  expect(body.openapi).toMatch(/^3\.1\./);
  expect(body.paths['/v1/sessions/{session_id}'].get).toMatchObject({
    operationId: 'getSession',
    'x-role': 'reader',
    responses: { 200: expect.anything(), 404: expect.anything(), 429: expect.anything() },
  });
  const { parameters } = body.paths['/v1/sessions'].get;
  expect(parameters).toContainEqual({
    name: 'limit',
    in: 'query',
    required: false,
    description: expect.any(String),
    schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
  });
  // An answer may get fields; only what is sent is held to the known ones.
  expect(body.components.schemas.Session).not.toHaveProperty('additionalProperties');
});

test('the page and all that it loads come from here, and the browser is told to ask nobody else', async () => {
  const { status, headers, body: page } = await get(service.url, '/docs', null);
  expect(status).toBe(200);
  const policy = headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toMatch(/https?:|\*|unsafe/);
  const loaded = [...String(page).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, target = '']) => target);
  expect(loaded.filter((target) => target !== 'data:,')).toEqual([
    'docs/swagger-ui.css',
    'docs/page.css',
    'docs/swagger-ui-bundle.js',
    'docs/page.js',
  ]);
  for (const target of loaded.filter((each) => each !== 'data:,')) {
    const file = await get(service.url, `/${target}`, null);
    expect({ target, status: file.status, type: file.headers.get('content-type') }).toMatchObject({
      target,
      status: 200,
      type: expect.stringMatching(target.endsWith('.css') ? /^text\/css/ : /^text\/javascript/),
    });
  }
  expect((await get(service.url, '/docs/package.json', null)).status).toBe(404);
});

test('whatever a stranger asks of the files for, they are answered whole and never 5xx', async () => {
  for (const [name, value] of [
    ['range', 'bytes=99999999-'],
    ['range', 'bytes=0-1'],
    ['if-match', '"another"'],
    ['if-unmodified-since', 'Mon, 01 Jan 2001 00:00:00 GMT'],
  ]) {
    for (const file of ['swagger-ui.css', 'swagger-ui-bundle.js', 'page.js']) {
      const url = `${service.url}/docs/${file}`;
      const [plain, asked] = await Promise.all([
        fetch(url),
        fetch(url, { headers: { [String(name)]: String(value) } }),
      ]);
      expect([name, file, asked.status]).toEqual([name, file, 200]);
      expect(await asked.text()).toBe(await plain.text());
    }
  }
});

test('with API_DOCS=off neither is there', async () => {
  for (const path of ['/openapi.json', '/docs', '/docs/page.js', '/docs/swagger-ui.css']) {
    expect((await get(silent.url, path, null)).status).toBe(404);
  }
  expect((await silent.get('/v1/sessions')).status).toBe(200);
});
