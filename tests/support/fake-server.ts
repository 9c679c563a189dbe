/** Stands in for src/main.ts in the test of server-process.ts: opens its port, says that it is ready, ends on SIGTERM. */
import { createServer } from 'node:net';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: 'string' },
    'data-dir': { type: 'string' },
    fail: { type: 'boolean', default: false },
  },
});
if (values.fail) {
  process.stderr.write('the port is taken\n');
  process.exit(1);
}
const listener = createServer((socket) => socket.end()).listen(Number(values.port), '127.0.0.1');
listener.on('listening', () => process.stdout.write(`ready in ${values['data-dir']}\n`));
process.on('SIGTERM', () => listener.close());
