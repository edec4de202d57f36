/** The demo page in Debian's Chromium: what a newcomer sees at `/`, on a desktop and on a phone. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { startChromium } from '../support/chromium.js';
import {
  type DemoOptions,
  type DemoPage,
  openDemo,
  playDemo,
  SIZES,
} from '../support/demo-page.js';
import { BASE, build, type Pod, startPod } from '../support/pod.js';
import { SECRET, tokenOf } from '../support/tokens.js';
import { ROOT } from '../support/root.js';

await build();
const chromium = await startChromium();
t.teardown(chromium.stop);
t.setTimeout(180_000);

interface Stage extends DemoPage {
  readonly pod: Pod;
}

const stage = async (
  t: Test,
  options: DemoOptions & {
    readonly path?: string;
    readonly server?: object;
    readonly access?: object;
  } = {},
): Promise<Stage> => {
  const { path = '/', server = {}, access = { authEnabled: false } } = options;
  const pod = await startPod(t, { server, access });
  const demo = await openDemo(chromium, `http://127.0.0.1:${pod.port}${path}`, options);
  t.teardown(() => demo.page.close());
  return { ...demo, pod };
};

for (const [name, size] of Object.entries(SIZES))
  t.test(`when a newcomer opens / on a ${name}, then two panes chat within 10 s`, async (t) => {
    const begin = performance.now();
    const demo = await stage(t, { size });
    const [alice, bob] = demo.panes;
    await alice.send('hi from alice');
    await bob.shows('hi from alice');
    await bob.send('hi from bob');
    await alice.shows('hi from bob');
    const took = performance.now() - begin;
    t.ok(took < 10_000, `${Math.round(took)} ms, the start of the pod included`);
    for (const { root, messages } of demo.panes) {
      t.same(await messages(), ['hi from alice', 'hi from bob']);
      await root.getByText('2 members').waitFor();
    }
    t.match(await alice.root.textContent(), /ack \d+ ms.*on pod-1/);
    t.same(demo.complaints, [], 'the browser has nothing to complain of, nor has its CSP');
    const width = await demo.page.evaluate<number>('document.documentElement.scrollWidth');
    t.ok(width <= size.width, 'nothing has to be scrolled sideways');
    for (const { root } of demo.panes) {
      const box = await root.boundingBox();
      t.ok(box !== null && box.y + box.height <= size.height, 'both panes are in sight');
    }
  });

t.test(
  'when a line is broken, then what was missed comes back, and can be shown alone',
  async (t) => {
    const demo = await stage(t);
    const [alice, bob] = demo.panes;
    await playDemo(demo);
    const missed = ['Deploying now …', 'Done: 3 pods, 0 messages lost.'];
    const all = [
      'Hi Bob, the build is green.',
      'Then let us ship it.',
      ...missed,
      'I wrote this without a line.',
    ];
    t.same(await bob.messages(), all);
    t.match(
      (await bob.notes()).at(-1),
      /^Back after [\d.]+ m?s · 2 messages came back · 1 message of yours sent$/,
    );
    t.same(await alice.messages(), all);
    t.same(await alice.notes(), ['bob came', 'bob left', 'bob came']);
    await bob.press('What came back (2)');
    t.same(await bob.messages(), missed);
    t.same(await bob.notes(), []);
    t.equal(
      await bob.root.getByRole('button', { name: /What came back/ }).getAttribute('aria-pressed'),
      'true',
    );
    await bob.press('What came back (2)');
    t.same(await bob.messages(), all);
    t.same(demo.complaints, []);
  },
);

t.test('when a line stays broken, then the pane says when the next try comes', async (t) => {
  const { panes, pod } = await stage(t);
  const [alice, bob] = panes;
  await alice.live();
  await bob.live();
  await bob.press('Break the line');
  await bob.root.getByText('The line is broken').waitFor();
  await bob.root.getByText(/next try in \d+ s/).waitFor();
  await bob.send('not yet');
  await bob.shows(/not yet — no ack yet/);
  t.equal(pod.connections(), 1);
  await sleep(5_000);
  await bob.press('Mend the line');
  await bob.root.getByRole('status').filter({ hasText: 'Live' }).waitFor({ timeout: 2_000 });
  t.equal(await bob.root.locator('.next').textContent(), '', 'no next try is due');
});

t.test('when an operator has closed the connection, then Join connects again', async (t) => {
  const { panes, pod } = await stage(t);
  const [alice, bob] = panes;
  await alice.send('before');
  await bob.shows('before');
  const { body } = await pod.get(`${BASE}/rooms/general/messages`);
  const [, id] = /"from":"([^"]+)"/.exec(body) ?? [];
  await pod.get(`${BASE}/connections/${id}`, 'DELETE');
  await alice.root.getByText(/^Closed: .*\(4503\)\. Press Join to connect again$/).waitFor();
  await alice.press('Join');
  await alice.live();
  await alice.send('after');
  await alice.shows('after');
  t.same(await alice.messages(), ['before', 'after']);
});

t.test('when panes go to other rooms, then each shows its room alone, with its past', async (t) => {
  const { panes, page } = await stage(t, { path: '/?room=first' });
  const [alice, bob] = panes;
  await alice.send('in the first room');
  await bob.shows('in the first room');
  await bob.fill('Room', 'second');
  await bob.press('Join');
  await alice.shows('bob left');
  await bob.send('in the second room');
  await bob.shows('in the second room');
  await alice.fill('Room', 'second');
  await alice.fill('Name', 'carol');
  await alice.press('Join');
  await alice.shows('in the second room');
  await alice.send('I am another now');
  await bob.shows('carol');
  t.same(await bob.messages(), ['in the second room', 'I am another now']);
  await alice.press('Away');
  await bob.shows('carol is away');
  await alice.fill('Room', 'no room!');
  await alice.press('Join');
  t.equal(await page.locator('.room input:invalid').count(), 1, 'a name that no room can have');
});

t.test('when the service requires tokens, then the page says how to get one', async (t) => {
  const access = { authEnabled: true, jwtSecret: SECRET };
  const { page, panes, pod } = await stage(t, { access });
  const [alice, bob] = panes;
  await page.getByRole('heading', { name: 'This service requires a token' }).waitFor();
  await page.getByRole('link', { name: 'docs' }).waitFor();
  await alice.send('too early');
  await alice.root.getByText('Paste a token and press Join.').waitFor();
  await page.getByText('How to get a token').click();
  const folder = t.testdir({ '.env': `JWT_SECRET=${SECRET}\n` });
  const command = await page.locator('pre').textContent();
  writeFileSync(join(folder, 'token.sh'), command ?? '');
  const run = { cwd: folder, encoding: 'utf8', env: { PATH: process.env['PATH'] } } as const;
  const token = execFileSync('bash', ['token.sh'], run);
  await alice.fill('Token', token);
  await alice.press('Join');
  await alice.root.getByText('Live as alice').waitFor();

  await bob.fill(
    'Token',
    tokenOf({ sub: 'bob' }, { key: 'another secret, of more than 32 bytes' }),
  );
  await bob.press('Join');
  await bob.root.getByText('The service refuses the token').waitFor();
  await bob.fill('Token', tokenOf({ sub: 'bob', rooms: { join: ['team-*'] } }));
  await bob.press('Join');
  await bob.shows(/The room refuses:.*general; paste a token whose claim rooms.join allows it/);
  await bob.root.getByText('Live as bob, but not in the room').waitFor();
  await bob.fill('Room', 'team-red');
  await bob.press('Join');
  await bob.root.getByText('1 member').waitFor();
  t.equal(pod.connections(), 2);
  await alice.fill('Room', 'team-red');
  await alice.press('Join');
  await bob.shows('alice came');
  await alice.send('hi');
  await bob.shows('hi');
  t.same(await bob.messages(), ['hi']);
  t.notOk(await page.locator('pre').isVisible(), 'both are live: the notice is folded');
  const box = await page.locator('.access').boundingBox();
  t.ok(box !== null && box.height < 60, `${box?.height} px are left of it`);
});

t.test(
  'when the history comes before the connection, then own messages stand as own',
  async (t) => {
    const { page, panes, pod } = await stage(t, {
      access: { authEnabled: true, jwtSecret: SECRET },
    });
    const [alice] = panes;
    await pod.app.publish({ room: 'general', from: 'alice', data: { content: 'mine' } });
    await pod.app.publish({ room: 'general', from: 'bob', data: { content: 'of bob' } });
    await page.routeWebSocket(/.*/, async (socket) => {
      await sleep(1_000);
      socket.connectToServer();
    });
    await alice.fill('Token', tokenOf({ sub: 'alice' }));
    await alice.press('Join');
    await alice.shows('of bob');
    const own = alice.root.locator('.own .text');
    t.same(await own.allTextContents(), [], 'the user is not known yet');
    await alice.live();
    t.same(await own.allTextContents(), ['mine']);
  },
);

t.test('when the page stands below another path, then it works there', async (t) => {
  const { panes } = await stage(t, { server: { basePath: '/chat/v1' } });
  await panes[0].send('hi');
  await panes[1].shows('hi');
});

t.test('when a message is HTML, then it is shown as text', async (t) => {
  const { page, panes, pod, complaints } = await stage(t);
  await panes[0].live();
  const html = '<img src=x onerror=alert(1)>';
  await pod.app.publish({ room: 'general', type: 'chat', data: { name: html, content: html } });
  await panes[0].shows(html);
  t.equal(await panes[0].root.locator('img').count(), 0);
  t.same(complaints, []);
  // if it were in the page all the same, the CSP would not run it
  const injected = `document.body.append(Object.assign(document.createElement('script'), { textContent: 'ran = 1' }))`;
  await page.evaluate(injected);
  t.equal(await page.evaluate('typeof ran'), 'undefined');
  t.match(complaints, [/inline script.*default-src 'self'/s]);
});

t.test('when the page is used with the keyboard alone, then two panes chat', async (t) => {
  const { page, panes } = await stage(t);
  const [alice, bob] = panes;
  await alice.live();
  await bob.live();
  const label = (): Promise<string> =>
    page.evaluate<string>(
      `(({ ariaLabel, textContent, labels }) => ariaLabel ?? (labels?.[0] ?? { textContent }).textContent)(document.activeElement).trim()`,
    );
  const stops: string[] = [];
  for (let i = 0; i < 16; i++) {
    await page.keyboard.press('Tab');
    stops.push(await label());
  }
  const pane = [
    'Name',
    'Room',
    'Join',
    'Break the line',
    'Away',
    'Messages of the room general',
    'Message',
    'Send',
  ];
  t.same(stops, [...pane, ...pane]);
  await alice.root.getByRole('textbox', { name: 'Message' }).focus();
  await page.keyboard.type('typed');
  await page.keyboard.press('Enter');
  await bob.shows('typed');
});

t.test('when the picture of README is looked at, then it is small', async (t) => {
  const picture = readFileSync(join(ROOT, 'docs/demo.png'));
  t.equal(picture.toString('latin1', 1, 4), 'PNG');
  t.ok(picture.length < 150_000, `${picture.length} bytes`);
});

t.test('when DEMO_PAGE is false, then / has no script', async (t) => {
  const pod = await startPod(t, { server: { demoPage: false } });
  const { status, body } = await pod.get('/');
  t.equal(status, 200);
  t.notMatch(body, '<script');
  t.equal((await pod.get(`${BASE}/demo/demo.js`)).status, 404);
});
