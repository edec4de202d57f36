// Loaded in front of a server (`node --expose-gc --import …`): on SIGUSR2 collects garbage and writes what is left to the file
// GC_REPORT, so that memory is compared after a collection and nothing of this has to be in the service.
import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';

const { GC_REPORT: file } = process.env;

process.on('SIGUSR2', async () => {
  for (let i = 0; i < 3; i++) {
    globalThis.gc();
    await after(20, undefined, { ref: false }); // what a collection sets free runs its callbacks in a later turn
  }
  globalThis.gc();
  writeFileSync(`${file}.part`, JSON.stringify(process.memoryUsage()));
  renameSync(`${file}.part`, file);
});
