/**
 * The page at `/docs` in Debian's Chromium: it loads nothing of other servers, its policy stops nothing of its
 * own, and a person can read it on a phone, in the dark, and with the keyboard.
 */
import type { Page } from 'playwright-core';
import t from 'tap';
import { startChromium } from '../support/chromium.js';
import { startPod } from '../support/pod.js';

const chromium = await startChromium();
t.teardown(chromium.stop);
const { port } = await startPod(t);
const ORIGIN = `http://127.0.0.1:${port}`;

interface Seen {
  readonly page: Page;
  readonly requests: readonly string[];
  readonly complaints: readonly string[];
}

const open = async (width: number, colorScheme: 'light' | 'dark'): Promise<Seen> => {
  const page = await chromium.context.newPage();
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('requestfailed', (request) => complaints.push(request.url()));
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.setViewportSize({ width, height: 800 });
  await page.emulateMedia({ colorScheme });
  await page.goto(`${ORIGIN}/docs`);
  return { page, requests, complaints };
};

/** The contrast of text and ground (WCAG 2): of the page, of links, of captions. */
const CONTRASTS = `(() => {
  const light = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((part) => {
      const c = part / 255;
      return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = light(getComputedStyle(document.body).backgroundColor);
  return ['body', 'a[href^="#value"]', 'caption', 'pre code'].map((selector) => {
    const ink = light(getComputedStyle(document.querySelector(selector)).color);
    return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
  });
})()`;

for (const [width, scheme] of [
  [380, 'dark'],
  [1_400, 'light'],
] as const)
  t.test(
    `when the page is read at ${width} pixels in the ${scheme}, then all is legible`,
    async (t) => {
      const { page, requests, complaints } = await open(width, scheme);
      t.same(complaints, []);
      t.same(
        requests.map((url) => url.replace(ORIGIN, '')).toSorted(),
        ['/docs', '/docs/icon.svg', '/docs/style.css'].filter((path) =>
          requests.includes(ORIGIN + path),
        ),
      );
      t.ok(requests.includes(`${ORIGIN}/docs/style.css`));
      const [content, screen] = await page.evaluate<readonly [number, number]>(
        '[document.documentElement.scrollWidth, innerWidth]',
      );
      t.ok(content <= screen, `the page does not scroll sideways: ${content} of ${screen}`);
      for (const contrast of await page.evaluate<readonly number[]>(CONTRASTS))
        t.ok(contrast >= 4.5, `contrast ${contrast}`);
      await page.close();
    },
  );

t.test(
  'when the page is used with the keyboard, then the first stop skips the contents',
  async (t) => {
    const { page } = await open(1_400, 'light');
    await page.keyboard.press('Tab');
    t.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the content');
    await page.keyboard.press('Enter');
    t.match(page.url(), /#main$/);
    t.equal(await page.locator('h1').count(), 1);
    t.equal(await page.locator('main, nav, header').count(), 3);
    await page.close();
  },
);
