// Before each file of tests: an answer that is not as the OpenAPI document declares it fails the test during which it was given,
// whatever that is about.
import { afterAll, afterEach, expect } from 'vitest';
import { complaints } from './watch-answers.ts';

function tell(): void {
  expect(complaints.splice(0), 'answers that are not as docs/openapi.json declares them').toEqual([]);
}
afterEach(tell);
afterAll(tell);
