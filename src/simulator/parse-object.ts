// What somebody else has written, as an object: an empty one for what is none.

export function parseObject(text: string): Record<string, unknown> {
  try {
    return { ...JSON.parse(text) };
  } catch {
    return {};
  }
}
