// JSON that is worth it leaves compressed: lists shrink to a tenth. Streams of events do not, since a compressor holds back
// what should leave at once; nor does anything of the webhook route, which nothing may stand in front of.
import { constants } from 'node:zlib';
import compression from 'compression';
import type { RequestHandler, Response } from 'express';

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
    filter: (_req, res) => isWorthIt(res as Response),
  });
}

function isWorthIt(res: Response): boolean {
  return /^application\/(problem\+)?json\b/i.test(String(res.getHeader('content-type') ?? ''));
}
