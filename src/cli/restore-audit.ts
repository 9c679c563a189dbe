import { blankEvent, openAudit } from '../audit/index.ts';
import { systemClock } from '../base/index.ts';
import { openStorage } from '../storage/index.ts';

/** Puts a restore down in the audit log of the data folder that it has made; its server's first entry since the backup. */
export async function auditRestore(dataDir: string, detail: string): Promise<void> {
  let failure: Error | undefined;
  const log = {
    info: () => undefined,
    warn: () => undefined,
    error: (fields: object) => {
      failure ??= new Error('the audit log could not be written', { cause: fields });
    },
  };
  const storage = await openStorage({ dataDir, clock: systemClock, log });
  try {
    // The server's own retention comes when it starts.
    const audit = await openAudit({ storage, clock: systemClock, log, retentionDays: 0 });
    await audit.write({
      ...blankEvent,
      kind: 'data',
      action: 'RESTORE',
      detail,
    });
    await audit.close();
  } finally {
    await storage.close();
  }
  if (failure !== undefined) throw failure;
}
