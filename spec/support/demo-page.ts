/** The demo page in Chromium, as its user handles it: by labels, roles and the keyboard. */
import type { Locator, Page } from 'playwright-core';
import type { Chromium } from './chromium.js';

export interface DemoPane {
  readonly root: Locator;
  readonly send: (text: string) => Promise<void>;
  /** Waits until the log shows the text. */
  readonly shows: (text: string | RegExp) => Promise<void>;
  readonly live: () => Promise<void>;
  readonly press: (button: string | RegExp) => Promise<void>;
  readonly fill: (label: string, text: string) => Promise<void>;
  /** The texts of the messages that are to be seen, in order. */
  readonly messages: () => Promise<readonly string[]>;
  /** The notes between them. Presence has no order among messages. */
  readonly notes: () => Promise<readonly string[]>;
}

export interface DemoPage {
  readonly page: Page;
  readonly panes: readonly [DemoPane, DemoPane];
  /** What the browser has complained of: errors, refused files, violations of the CSP. */
  readonly complaints: readonly string[];
}

export const SIZES = {
  desktop: { width: 1280, height: 800 },
  phone: { width: 390, height: 844 },
} as const;

export interface DemoOptions {
  readonly size?: { readonly width: number; readonly height: number };
  readonly scheme?: 'light' | 'dark';
}

/** A socket opens within this time, after three failed tries too. */
const LIVE_MS = 20_000;

const paneOf = (root: Locator): DemoPane => {
  const press = (name: string | RegExp): Promise<void> =>
    root.getByRole('button', { name }).click();
  return {
    root,
    press,
    send: async (text) => {
      await root.getByRole('textbox', { name: 'Message' }).fill(text);
      await press('Send');
    },
    shows: (text) => root.getByRole('log').getByText(text).first().waitFor(),
    live: () =>
      root
        .getByRole('status')
        .filter({ hasText: /^\s*Live/ })
        .waitFor({ timeout: LIVE_MS }),
    fill: (label, text) => root.getByLabel(label, { exact: true }).fill(text),
    messages: () => root.locator('.entries .message .text:visible').allTextContents(),
    notes: () => root.locator('.entries .note:visible').allTextContents(),
  };
};

export const openDemo = async (
  chromium: Chromium,
  url: string,
  { size = SIZES.desktop, scheme = 'light' }: DemoOptions = {},
): Promise<DemoPage> => {
  const page = await chromium.window();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', ({ message }) => complaints.push(message));
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: scheme });
  await page.goto(url);
  const all = page.locator('.pane');
  return { page, panes: [paneOf(all.nth(0)), paneOf(all.nth(1))], complaints };
};

/** Two users chat, the line of one is broken, and what was missed comes back. */
export const playDemo = async ({ panes: [alice, bob] }: DemoPage): Promise<void> => {
  await alice.live();
  await bob.live();
  await alice.send('Hi Bob, the build is green.');
  await bob.shows('the build is green');
  await bob.send('Then let us ship it.');
  await alice.shows('ship it');
  await bob.press('Break the line');
  await bob.send('I wrote this without a line.');
  await alice.send('Deploying now …');
  await alice.send('Done: 3 pods, 0 messages lost.');
  await alice.shows('0 messages lost');
  await bob.press('Mend the line');
  await bob.live();
  await alice.shows('without a line');
  await bob.shows('without a line');
};
