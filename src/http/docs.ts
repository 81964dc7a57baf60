// `GET /openapi.json` and `GET /docs`: the contract for programs and for people, who can try it in the browser. No key is
// asked for, since nothing here is secret; what is tried goes through the gate like any request. Nothing is loaded from
// another host, and the Content-Security-Policy says so to the browser.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Express } from 'express';
import { buildOpenApi } from './openapi.ts';
import { mountGet } from './refuse-method.ts';
import { routes } from './routes.ts';

// No script and no style may be inline, and none may come from elsewhere.
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const viewerFiles = { 'swagger-ui.css': 'text/css', 'swagger-ui-bundle.js': 'text/javascript' };
const viewerMaxAgeSeconds = 3_600;

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ilive-webhooks: the API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/page.css">
</head>
<body>
<div id="docs"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/page.js"></script>
</body>
</html>
`;

// A key that is typed in stays in the page: it is gone with the tab.
const pageScript = `SwaggerUIBundle({
  url: new URL('openapi.json', document.baseURI).href,
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
`;

const pageStyle = `body { margin: 0; }
.swagger-ui .info { margin: 24px 0; }
.swagger-ui .response-col_links { display: none; }
`;

/** Mounts both. */
export function mountDocs(app: Express, version: string): void {
  let text: Buffer | undefined;
  mountGet(app, '/openapi.json', (_req, res) => {
    text ??= Buffer.from(JSON.stringify(buildOpenApi(routes, version)));
    res.type('application/json').send(text);
  });
  mountGet(app, '/docs', (req, res) => {
    // The page names its files relative to itself, so that it works under a prefix of a proxy.
    if (req.path.endsWith('/')) return res.redirect(308, '../docs');
    res.setHeader('content-security-policy', policy);
    res.setHeader('referrer-policy', 'no-referrer');
    res.type('text/html').send(page);
  });
  mountGet(app, '/docs/page.js', (_req, res) => void res.type('text/javascript').send(pageScript));
  mountGet(app, '/docs/page.css', (_req, res) => void res.type('text/css').send(pageStyle));
  const folder = path.dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  for (const [file, type] of Object.entries(viewerFiles)) {
    // Held whole: sent from the disk, what asks for a part or for another version of it would have to be judged.
    let held: Buffer | undefined;
    mountGet(app, `/docs/${file}`, async (_req, res) => {
      held ??= await readFile(path.join(folder, file));
      res.setHeader('cache-control', `public, max-age=${viewerMaxAgeSeconds}`);
      res.type(type).send(held);
    });
  }
}
