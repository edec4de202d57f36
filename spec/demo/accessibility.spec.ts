/** The rules of axe (WCAG 2.2 A and AA, and best practices) on each view of the demo page, in both schemes. */
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { startChromium } from '../support/chromium.js';
import { type DemoPage, openDemo, playDemo, SIZES } from '../support/demo-page.js';
import { build, startPod } from '../support/pod.js';
import { SECRET } from '../support/tokens.js';

interface Found {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

await build();
const chromium = await startChromium();
t.teardown(chromium.stop);
t.setTimeout(180_000);

/** A line that is scrolled out of sight has no contrast that axe could see. */
const UNFOLD = `for (const { style } of document.querySelectorAll('main, .pane, .scroll'))
  Object.assign(style, { height: 'auto', flex: 'none', overflow: 'visible' })`;
const FOLD = `for (const { style } of document.querySelectorAll('main, .pane, .scroll'))
  style.cssText = ''`;

const judge = async (t: Test, page: Page, view: string): Promise<void> => {
  await page.evaluate(UNFOLD);
  const { violations, incomplete, passes } = await page.evaluate<{
    readonly violations: readonly Found[];
    readonly incomplete: readonly Found[];
    readonly passes: readonly Found[];
  }>(`${AXE};axe.run(document, { rules: { 'target-size': { enabled: true } } })`);
  await page.evaluate(FOLD);
  const linesOf = (all: readonly Found[]): readonly string[] =>
    all.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary = '' }) => `${id}: ${html} ${failureSummary}`),
    );
  t.same(linesOf(violations), [], view);
  t.same(linesOf(incomplete), [], `${view}: nothing is left to be judged by hand`);
  const passed = passes.map(({ id }) => id);
  for (const rule of ['color-contrast', 'label', 'button-name', 'target-size', 'landmark-one-main'])
    t.ok(passed.includes(rule), `${view}: ${rule} was looked at`);
};

const open = async (
  t: Test,
  access: object,
  options: Parameters<typeof openDemo>[2],
): Promise<DemoPage> => {
  const pod = await startPod(t, { access });
  const demo = await openDemo(chromium, `http://127.0.0.1:${pod.port}/`, options);
  t.teardown(() => demo.page.close());
  return demo;
};

/** The contrast depends on the scheme alone, the targets on the size alone. */
const VIEWS = [
  ['light', 'desktop'],
  ['dark', 'phone'],
] as const;

for (const [scheme, name] of VIEWS)
  t.test(`when the page is ${scheme}, on a ${name}, then no rule of axe is broken`, async (t) => {
    const demo = await open(t, { authEnabled: false }, { scheme, size: SIZES[name] });
    const [, bob] = demo.panes;
    await playDemo(demo);
    await judge(t, demo.page, 'after an outage');
    await bob.press(/What came back/);
    await judge(t, demo.page, 'what came back');
    await bob.press(/What came back/);
    await bob.press('Away');
    await bob.press('Break the line');
    await bob.send('waits');
    await bob.shows('waits');
    await judge(t, demo.page, 'a broken line');
  });

t.test('when tokens are required, then no rule of axe is broken', async (t) => {
  for (const scheme of ['light', 'dark'] as const) {
    const access = { authEnabled: true, jwtSecret: SECRET };
    const { page, panes } = await open(t, access, { scheme });
    await page.getByText('How to get a token').click();
    await panes[0].fill('Token', 'not.a.token');
    await panes[0].press('Join');
    await panes[0].root.getByRole('alert').waitFor();
    await judge(t, page, `tokens, ${scheme}`);
  }
});

t.test('when something happens, then the live regions of the page say it', async (t) => {
  const { panes } = await open(t, { authEnabled: false }, {});
  const [alice, bob] = panes;
  await alice.live();
  for (const { root } of panes) {
    t.equal(await root.getByRole('status').count(), 1);
    // a log is polite by its role
    t.equal(await root.getByRole('log').getAttribute('aria-label'), 'Messages of the room general');
  }
  await alice.send('read me');
  await bob.shows('read me');
  const countdowns = bob.root.locator('[role=status] .next, [role=alert] .next');
  t.equal(await countdowns.count(), 0, 'a countdown is read to nobody');
});
