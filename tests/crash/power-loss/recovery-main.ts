/** Opens what a power loss has left, waits for what goes on beside, and prints the fingerprint of the rows. Argument: data folder. */
import { fingerprintOf, openLeft } from './model.ts';

const storage = await openLeft(process.argv[2]!);
const rows = await fingerprintOf(storage);
await storage.idle();
await storage.close();
process.stdout.write(rows);
