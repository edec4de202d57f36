/** The elements of a pane: what the user does becomes calls, and a state becomes what is shown. */
import { cameBack, type Entry, type PaneState } from './pane-state.js';
import { outageText } from './room-events.js';
import { counted, duration, nextTry, statusText } from './texts.js';

/** What the user does. */
export interface PaneActions {
  readonly enter: (who: Who) => void;
  readonly send: (text: string) => void;
  readonly setBroken: (isBroken: boolean) => void;
  readonly setAway: (isAway: boolean) => void;
}

export interface Who {
  readonly name: string;
  readonly token: string;
  readonly room: string;
}

export interface Shown {
  readonly state: PaneState;
  readonly isBroken: boolean;
  readonly isLoading: boolean;
  readonly room: string;
  /** Why it does not connect, for the user; empty: it does, or the reason is not known or not needed. */
  readonly problem: string;
}

export interface PaneView {
  readonly show: (shown: Shown) => void;
  /** Shows how long until the next try. */
  readonly tick: (nowMs: number) => void;
}

const NEAR_END_PX = 40;

const find = (root: ParentNode, selector: string): HTMLElement => {
  const found = root.querySelector(selector);
  if (found instanceof HTMLElement) return found;
  throw new Error(`the page has no ${selector}`);
};

const input = (root: ParentNode, selector: string): HTMLInputElement => {
  const found = find(root, selector);
  if (found instanceof HTMLInputElement) return found;
  throw new Error(`the page has no input ${selector}`);
};

/** Changed texts only: a live region reads each change. */
const write = (element: HTMLElement, text: string): void => {
  if (element.textContent !== text) element.textContent = text;
};

const made = (tag: string, className: string, text = ''): HTMLElement =>
  Object.assign(document.createElement(tag), { className, textContent: text });

const press = (button: HTMLElement, isPressed: boolean): void =>
  button.setAttribute('aria-pressed', String(isPressed));

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

const entryElement = (entry: Entry): HTMLElement => {
  if (entry._tag !== 'Message') return made('li', entry._tag.toLowerCase(), entry.text);
  const item = made('li', 'message');
  const time = made('time', '', clock.format(new Date(entry.timestamp)));
  time.setAttribute('datetime', entry.timestamp);
  const about = made('p', 'about');
  about.append(made('b', '', entry.name), ' ', time);
  if (entry.outage !== undefined) about.append(' ', made('span', 'mark', 'came back'));
  about.append(' ', made('span', 'ack'));
  item.append(about, made('p', 'text', entry.text));
  return item;
};

export interface PaneElements {
  readonly section: HTMLElement;
  readonly number: number;
  readonly who: Who;
  /** Then the pane asks for a token in place of a name. */
  readonly isTokenRequired: boolean;
}

export const paneView = (
  { section, number, who, isTokenRequired }: PaneElements,
  actions: PaneActions,
): PaneView => {
  const title = find(section, 'h2');
  const dot = find(section, '.dot');
  const text = find(section, '[role=status] .text');
  const next = find(section, '.next');
  const members = find(section, '.members');
  const latency = find(section, '.latency');
  const pod = find(section, '.pod');
  const facts = find(section, '.facts');
  const problem = find(section, '.problem');
  const breaking = find(section, '.break');
  const back = find(section, '.back');
  const away = find(section, '.away');
  const scroll = find(section, '.scroll');
  const list = find(section, '.entries');
  const waiting = find(section, '.waiting');
  const name = input(section, '.name input');
  const token = input(section, '.token input');
  const room = input(section, '.room input');
  const compose = input(section, '.compose input');
  const items = new Map<string, HTMLElement>();
  let last: Shown | undefined;
  let onlyBack = false;

  title.id = `pane-${number}`;
  section.setAttribute('aria-labelledby', title.id);
  name.value = who.name;
  name.required = !isTokenRequired;
  token.required = isTokenRequired;
  room.value = who.room;

  const isPressed = (button: HTMLElement): boolean =>
    button.getAttribute('aria-pressed') === 'true';
  const onSubmit = (selector: string, work: () => void): void =>
    find(section, selector).addEventListener('submit', (event) => {
      event.preventDefault();
      work();
    });
  onSubmit('.who', () =>
    actions.enter({ name: name.value.trim(), token: token.value.trim(), room: room.value.trim() }),
  );
  onSubmit('.compose', () => {
    const written = compose.value.trim();
    if (written !== '') actions.send(written);
    compose.value = '';
  });
  breaking.addEventListener('click', () => actions.setBroken(!isPressed(breaking)));
  away.addEventListener('click', () => {
    press(away, !isPressed(away));
    actions.setAway(isPressed(away));
  });
  back.addEventListener('click', () => {
    onlyBack = !onlyBack;
    if (last) show(last);
  });

  const showEntries = (state: PaneState): void => {
    const kept = new Set(state.entries.map(({ key }) => key));
    for (const [key, item] of items)
      if (!kept.has(key)) {
        item.remove();
        items.delete(key);
      }
    const returned = new Set<string>(cameBack(state).map(({ key }) => key));
    let at = list.firstElementChild;
    for (const entry of state.entries) {
      const known = items.get(entry.key);
      const item = known ?? entryElement(entry);
      items.set(entry.key, item);
      if (item === at) at = item.nextElementSibling;
      else list.insertBefore(item, at);
      item.classList.toggle('own', entry._tag === 'Message' && entry.isOwn);
      item.hidden = onlyBack && !returned.has(entry.key);
      const ms = state.acks.get(entry.key);
      if (ms !== undefined) write(find(item, '.ack'), `ack ${duration(ms)}`);
    }
  };

  const show = (shown: Shown): void => {
    const { state, isBroken, isLoading } = shown;
    const isAtEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END_PX;
    last = shown;
    const { tone, text: now } = statusText(state.status, isBroken, state.isRefused);
    dot.className = `dot ${tone}`;
    write(text, now);
    const { members: count } = state;
    write(members, count === undefined ? '' : counted(count, 'member'));
    write(latency, state.latencyMs === undefined ? '' : `ack ${duration(state.latencyMs)}`);
    // without a connection nobody knows them
    facts.hidden = tone === 'bad';
    write(pod, state.status._tag === 'Live' ? `on ${state.status.serverId}` : '');
    write(problem, shown.problem);
    problem.hidden = shown.problem === '';
    write(breaking, isBroken ? 'Mend the line' : 'Break the line');
    press(breaking, isBroken);
    const { outage } = state;
    const returned = cameBack(state).length;
    if (returned === 0) onlyBack = false;
    back.toggleAttribute('disabled', returned === 0);
    back.title = outage === undefined ? 'Break the line first' : outageText(outage);
    press(back, onlyBack);
    write(back, returned === 0 ? 'What came back' : `What came back (${returned})`);
    scroll.setAttribute('aria-label', `Messages of the room ${shown.room}`);
    scroll.setAttribute('aria-busy', String(isLoading));
    showEntries(state);
    waiting.replaceChildren(
      ...state.waiting.map((one) => made('li', 'message own', `${one.text} — no ack yet`)),
    );
    waiting.hidden = onlyBack || state.waiting.length === 0;
    if (isAtEnd) scroll.scrollTop = scroll.scrollHeight;
    const { status } = state;
    const user = (status._tag === 'Live' && status.userId) || name.value;
    write(title, `Client ${number}: ${user} in ${shown.room}`);
  };

  return {
    show,
    tick: (nowMs) => write(next, last ? nextTry(last.state.status, nowMs) : ''),
  };
};
