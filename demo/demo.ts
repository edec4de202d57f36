/** The demo page: two panes, each with a client of its own. */
import { openPane, type Pane } from './pane.js';

const { base = '', auth } = document.documentElement.dataset;
const isTokenRequired = auth === 'required';
const template = document.querySelector<HTMLTemplateElement>('#pane');
const main = document.querySelector('main');

// below the page, whatever path a proxy puts before it
const http = new URL(`.${base}`, location.href).href;
const url = `${http.replace(/^http/, 'ws')}/ws`;
const asked = new URLSearchParams(location.search).get('room') ?? '';
const room = /^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}$/.test(asked) ? asked : 'general';

const show = (selector: string, isShown: boolean): void => {
  for (const found of document.querySelectorAll<HTMLElement>(selector)) found.hidden = !isShown;
};

const panes: Pane[] = [];
/** The numbers of the panes that were live. */
const live = new Set<number>();
/**
 * When both are live, the notice becomes small, to give the panes space. This happens once: a user can then open
 * its details again.
 */
const onLive = (number: number): void => {
  if (live.size === sections.length) return;
  live.add(number);
  if (live.size < sections.length) return;
  show('.access h2, .access .how', false);
  for (const details of document.querySelectorAll('details')) details.open = false;
};
const sections = ['alice', 'bob'].flatMap((name) => {
  const section = template?.content.firstElementChild?.cloneNode(true);
  return section instanceof HTMLElement ? [{ name, section }] : [];
});
main?.append(...sections.map(({ section }) => section));
show('.access, .pane .token', isTokenRequired);
show('.pane .name, .hint, .stats', !isTokenRequired);
for (const [index, { name, section }] of sections.entries())
  panes.push(
    openPane({
      section,
      number: index + 1,
      url,
      base: http,
      isTokenRequired,
      who: { name: isTokenRequired ? '' : name, token: '', room },
      onNamed: (connectionId, given) => {
        onLive(index + 1);
        for (const one of panes) one.named(connectionId, given);
      },
    }),
  );
