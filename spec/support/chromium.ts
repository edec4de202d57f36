/**
 * Debian's Chromium for specs and benches, and a server for its pages. Chromium starts with its own defaults,
 * not with those of a test driver: timers of hidden pages are throttled, a page that another one covers is
 * hidden, and the back/forward cache is on.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { HOST, until } from './redis.js';
import { ROOT } from './root.js';

const FLAGS = [
  '--headless',
  // the sandbox does not work for root
  '--no-sandbox',
  '--no-first-run',
  '--disable-gpu',
  // the shared memory of a container may be too small
  '--disable-dev-shm-usage',
  '--remote-debugging-port=0',
];
const DEVTOOLS = /ws:\/\/\S+/;
const CLIENT = /^\/client\/[\w.-]+\.js$/;

export interface Chromium {
  /** The one profile: all its tabs share storage, locks and channels. */
  readonly context: BrowserContext;
  /** A page in a window of its own, which no other page hides. */
  readonly window: () => Promise<Page>;
  readonly stop: () => Promise<void>;
}

const ended = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
};

export const startChromium = async (): Promise<Chromium> => {
  const profile = mkdtempSync(join(tmpdir(), 'chromium-'));
  // the kernel ends it even when this process is killed
  const guard = existsSync('/usr/bin/setpriv') ? ['setpriv', '--pdeathsig', 'TERM'] : [];
  const [command = '', ...rest] = [...guard, 'chromium', ...FLAGS];
  const child = spawn(command, [...rest, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  let stderr = '';
  child.on('error', (error) => (stderr += error.message));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  await until('chromium is started', () => DEVTOOLS.test(stderr), 30_000).catch(() => {
    kill();
    throw new Error(`chromium did not start; is the package chromium installed?\n${stderr}`);
  });
  const url = DEVTOOLS.exec(stderr)?.[0] ?? '';
  // without the driver's defaults a page is hidden when another one covers it
  const browser: Browser = await chromium.connectOverCDP(url, { noDefaults: true });
  const [context] = browser.contexts();
  if (!context) throw new Error('chromium has no profile');
  const devtools = await browser.newBrowserCDPSession();
  return {
    context,
    window: async () => {
      const opened = context.waitForEvent('page');
      await devtools.send('Target.createTarget', { url: 'about:blank', newWindow: true });
      return opened;
    },
    stop: async () => {
      await browser.close();
      child.kill();
      const late = setTimeout(kill, 5_000);
      await ended(child);
      clearTimeout(late);
      process.off('exit', kill);
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
};

/**
 * Puts an empty page before this one, so that this one is hidden. The returned function shows the page again.
 */
export const hide = async (page: Page): Promise<() => Promise<void>> => {
  const cover = await page.context().newPage();
  await cover.bringToFront();
  return async () => {
    await page.bringToFront();
    await cover.close();
  };
};

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
};

export interface PageServer {
  /** `http://127.0.0.1:PORT`, for `ALLOWED_ORIGINS` of a pod. */
  readonly origin: string;
  readonly stop: () => void;
}

/** Serves the built client below `/client/`, and `pages`: files of the repository, or texts. */
export const servePages = async (
  pages: Readonly<Record<string, string | (() => string)>>,
): Promise<PageServer> => {
  const server = createServer(({ url = '' }, response) => {
    const [path = ''] = url.split('?');
    const page = pages[path] ?? (CLIENT.test(path) ? `dist${path}` : undefined);
    if (page === undefined) return response.writeHead(404).end();
    if (typeof page !== 'string') return response.end(page());
    response.setHeader('Content-Type', TYPES[extname(page)] ?? 'text/plain');
    return response.end(readFileSync(join(ROOT, page)));
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  const address = server.address();
  return {
    origin: `http://${HOST}:${typeof address === 'object' ? (address?.port ?? 0) : 0}`,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
};
