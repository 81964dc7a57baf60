// JSON that is worth it leaves compressed: lists shrink to a tenth. Streams of events do not, since a compressor holds back
// what should leave at once; nor does anything of the webhook route, which nothing may stand in front of.
import { constants } from 'node:zlib';
import compression from 'compression';
import type { Request, RequestHandler, Response } from 'express';

// Below it the headers weigh more than what is saved.
const thresholdBytes = 1_024;
// Measured (docs/decisions/028): past these levels the time grows fast and the bytes hardly shrink.
const gzipLevel = 3;
const brotliQuality = 3;

/** Compresses answers in JSON, as the caller accepts it. */
export function createCompression(): RequestHandler {
  return compression({
    threshold: thresholdBytes,
    level: gzipLevel,
    brotli: { params: { [constants.BROTLI_PARAM_QUALITY]: brotliQuality } },
    filter: (req, res) => isWorthIt(req as Request, res as Response),
  });
}

function isWorthIt(req: Request, res: Response): boolean {
  const type = String(res.getHeader('content-type') ?? '');
  if (!/^application\/(problem\+)?json\b/i.test(type)) return false;
  weakenTag(req, res);
  return true;
}

// A strong ETag names the very bytes, and those of two encodings differ; If-None-Match compares weakly anyhow.
function weakenTag(req: Request, res: Response): void {
  const tag = res.getHeader('etag');
  if (typeof tag !== 'string' || tag.startsWith('W/') || req.headers['accept-encoding'] === undefined) return;
  res.setHeader('etag', `W/${tag}`);
}
