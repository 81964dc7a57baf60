// Batches are bounded in deliveries, and each of those may be as large as `BODY_LIMIT_BYTES` lets it. So a batch is worked on
// in pieces that are bounded in bytes too: what is in memory at once, and what one statement has to bring.

/** Of bodies in memory for one batch; a body that is larger is a piece of its own. */
const pieceMaxBytes = 16 * 1024 * 1024;

/** In the order given, none of the pieces empty. */
export function cutByBytes<T>(
  items: readonly T[],
  bytesOf: (item: T) => number,
  pieceMaxCount = Number.POSITIVE_INFINITY,
): T[][] {
  const pieces: T[][] = [];
  let bytes = 0;
  for (const item of items) {
    const piece = pieces.at(-1);
    bytes += bytesOf(item);
    if (piece !== undefined && piece.length < pieceMaxCount && bytes <= pieceMaxBytes) piece.push(item);
    else {
      pieces.push([item]);
      bytes = bytesOf(item);
    }
  }
  return pieces;
}
