/** Draws `docs/demo.png`, the picture of README: the demo page, after a line was broken and mended. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { app, configOrThrow } from '../lib/index.js';
import { startChromium } from '../spec/support/chromium.js';
import { openDemo, playDemo } from '../spec/support/demo-page.js';

const PICTURE = join(import.meta.dirname, '../docs/demo.png');
const SIZE = { width: 1120, height: 690 };

const chat = app({ config: configOrThrow({ server: { port: 0, serverId: 'pod-1' } }) });
const address = await chat.start();
const chromium = await startChromium();
const demo = await openDemo(chromium, `http://127.0.0.1:${address?.port ?? 0}/`, { size: SIZE });
await playDemo(demo);
await demo.page.mouse.move(0, 0);
rmSync(PICTURE, { force: true });
const { length } = await demo.page.screenshot({ path: PICTURE });
process.stdout.write(`docs/demo.png: ${length} bytes\n`);
await chromium.stop();
await chat.stop({ hurry: true });
