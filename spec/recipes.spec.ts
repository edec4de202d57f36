/** The recipes for React, Angular and Svelte in `examples/client`, each run in a page against the scripted server. */
import '@angular/compiler';
import { createEnvironmentInjector, runInInjectionContext } from '@angular/core';
import { toSignal } from '@angular/core/rxjs-interop';
import { build as bundle, type Plugin } from 'esbuild';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { act, createElement, StrictMode } from 'react';
import { compile } from 'svelte/compiler';
import t, { type Test } from 'tap';
import type { Message } from '../lib/client/index.js';
import { becomePage } from './support/dom.js';
import { build } from './support/pod.js';
import { ROOT } from './support/root.js';

t.setTimeout(120_000);

const RECIPES = join(ROOT, 'examples/client');

const { document, Event } = becomePage();
// React looks for what it uses when it is loaded
const { createRoot } = await import('react-dom/client');
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
// recipes import the built package
await build();
const { connect } = await import('chat-api/client');
const { scriptedServer, virtualClock } = await import('chat-api/testing');

const stage = (t: Test) => {
  const clock = virtualClock();
  const server = scriptedServer({ clock });
  const options = { url: 'ws://any/api/chat-api/ws', WebSocket: server.WebSocket, clock };
  const chat = connect(options);
  t.teardown(() => chat.close());
  const frames: string[] = [];
  server.frame$.subscribe(({ frame }) => frames.push(frame.type));
  return {
    ...{ clock, server, options, chat },
    count: (type: string) => frames.filter((one) => one === type).length,
  };
};

const page = () => {
  const main = document.createElement('main');
  document.body.appendChild(main);
  return main;
};

t.test(
  'when a React page mounts twice, then it joins once, shows all messages, and leaves',
  async (t) => {
    const { useRoom } = await import('../examples/client/react.js');
    const { clock, server, chat, count } = stage(t);
    const Shown = () => {
      const { entries, members } = useRoom<string>(chat, 'general');
      const texts = entries.map((entry) => ('data' in entry ? entry.data : entry.reason));
      return createElement('p', null, `${members}: ${texts.join(' ')}`);
    };
    const main = page();
    const root = createRoot(main);
    const texts = (): readonly string[] => [...main.children].map(({ textContent }) => textContent);
    await act(async () => {
      root.render(createElement(StrictMode, null, createElement(Shown), createElement(Shown)));
    });
    await act(async () => clock.advance(100));
    t.equal(count('join'), 1);
    await act(async () => {
      server.publish('general', 'one');
      clock.advance(10);
      server.cut();
      server.publish('general', 'two');
      clock.advance(1_000);
    });
    t.same(texts(), ['1: one two', '1: one two']);
    t.equal(count('join'), 2, 'one a connection');
    await act(async () => {
      server.cut();
      server.lose('general');
      clock.advance(1_000);
    });
    t.same(texts(), ['1: one two log_lost', '1: one two log_lost']);
    await act(async () => root.unmount());
    clock.advance(900);
    t.equal(count('leave'), 0, 'a second page may come');
    clock.advance(200);
    t.equal(count('leave'), 1);
  },
);

t.test(
  'when an Angular injector is destroyed, then its signals end and the client is closed',
  async (t) => {
    const { ChatService, CHAT_OPTIONS, list } = await import('../examples/client/angular.js');
    const { clock, server, options, count } = stage(t);
    const injector = createEnvironmentInjector(
      [ChatService, { provide: CHAT_OPTIONS, useValue: options }],
      null as never,
    );
    const service = injector.get(ChatService);
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Angular's own types
    const { messages, status } = runInInjectionContext(injector, () => ({
      messages: toSignal(list(service.room<string>('general').message$), { initialValue: [] }),
      status: toSignal(service.status$, { requireSync: true }),
    }));
    const texts = (): readonly string[] => messages().map(({ data }: Message<string>) => data);
    clock.advance(100);
    t.equal(status()._tag, 'Live');
    server.publish('general', 'one');
    clock.advance(10);
    server.cut();
    server.publish('general', 'two');
    clock.advance(1_000);
    t.same(texts(), ['one', 'two']);
    t.equal(count('join'), 2, 'one a connection');
    injector.destroy();
    clock.advance(100);
    t.equal(server.open().length, 0);
  },
);

/** What a bundler's plugin for Svelte does. */
const svelte: Plugin = {
  name: 'svelte',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.svelte$/ }, ({ path }) => {
      const { js, warnings } = compile(readFileSync(path, 'utf8'), { filename: path });
      return { contents: js.code, warnings: warnings.map(({ message: text }) => ({ text })) };
    }),
};

interface SvelteApp {
  readonly mount: (component: unknown, options: object) => object;
  readonly unmount: (component: object) => Promise<void>;
  readonly flushSync: () => void;
  readonly Room: unknown;
}

t.test(
  'when a Svelte component is used, then it sends and shows messages, and leaves the room at its end',
  async (t) => {
    const outfile = join(t.testdir({}), 'room.mjs');
    const { warnings } = await bundle({
      stdin: {
        contents: `export { flushSync, mount, unmount } from 'svelte';
        export { default as Room } from './Room.svelte';`,
        resolveDir: RECIPES,
      },
      outfile,
      ...{ bundle: true, format: 'esm', conditions: ['browser'], plugins: [svelte] },
      logLevel: 'silent',
    });
    t.same(warnings, []);
    const { mount, unmount, flushSync, Room } = (await import(
      pathToFileURL(outfile).href
    )) as SvelteApp;
    const { clock, server, chat, count } = stage(t);
    const main = page();
    const texts = (): readonly string[] =>
      [...main.querySelectorAll('li')].map(({ textContent }) => textContent);
    const turn = async (ms: number): Promise<void> => {
      for (let i = 0; i < 5; i++) {
        clock.advance(ms / 5);
        await Promise.resolve();
      }
      flushSync();
    };
    const mounted = mount(Room, { target: main, props: { room: chat.room('general') } });
    await turn(100);
    server.publish('general', 'one');
    await turn(50);
    const input = main.querySelector('input');
    if (input === null) throw new Error('no input');
    input.value = 'mine';
    input.dispatchEvent(new Event('input', { bubbles: true }));
    main.querySelector('form')?.dispatchEvent(new Event('submit', { cancelable: true }));
    server.cut();
    await turn(2_000);
    t.same(texts(), ['one', 'mine']);
    t.equal(input.value, '');
    t.match(main.querySelector('p')?.textContent, '1 here');
    server.cut();
    server.lose('general');
    await turn(2_000);
    t.same(texts().at(-1), 'Messages may be missing here.');
    t.equal(count('join'), 3, 'one a connection');
    await unmount(mounted);
    await turn(900);
    t.equal(count('leave'), 0);
    await turn(200);
    t.equal(count('leave'), 1);
  },
);
