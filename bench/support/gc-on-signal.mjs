// Loaded into a server (`node --expose-gc --import …`): on SIGUSR2 it collects garbage and writes the
// remaining bytes to the file GC_REPORT. So memory is compared after a collection, and the service needs no
// code for it.
import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';

const { GC_REPORT: file } = process.env;

process.on('SIGUSR2', async () => {
  for (let i = 0; i < 3; i++) {
    globalThis.gc();
    await after(20, undefined, { ref: false }); // callbacks of freed objects run in a later turn
  }
  globalThis.gc();
  writeFileSync(`${file}.part`, JSON.stringify(process.memoryUsage()));
  renameSync(`${file}.part`, file);
});
