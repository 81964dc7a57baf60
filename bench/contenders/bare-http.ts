// Node's own HTTP server that answers at once: no route, no signature, nothing read. What the load reaches against it is
// the load's own limit on this machine; a contender that comes near it was not measured but the load was.
import { createServer } from 'node:http';
import { listenHere, runProgram } from './program.ts';

const answer = '{"delivery_id":"00000000-0000-0000-0000-000000000000","repeat":false}';

runProgram(async () => {
  const server = createServer((req, res) => {
    req.resume();
    res.writeHead(202, { 'content-type': 'application/json', 'content-length': answer.length });
    res.end(answer);
  });
  return listenHere(server);
});
