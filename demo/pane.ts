/** One client of the page: a connection, a room, and the pane that shows them. */
import { type Chat, connect, type Room } from 'chat-api/client';
import { diagnosis } from './diagnosis.js';
import { line } from './line.js';
import { membersOf } from './members.js';
import * as pane from './pane-state.js';
import { type PaneElements, paneView, type Who } from './pane-view.js';
import * as publishing from './publishing.js';
import * as roomEvents from './room-events.js';

export interface PaneOptions extends PaneElements {
  /** `wss://host/api/chat-api/ws`. */
  readonly url: string;
  /** The address of the HTTP endpoints. */
  readonly base: string;
  /** This pane has a connection under this name. */
  readonly onNamed: (connectionId: string, name: string) => void;
}

export interface Pane {
  /** Another pane of the page has this name. */
  readonly named: (connectionId: string, name: string) => void;
}

const HISTORY = 30;
const TICK_MS = 250;
/** With Redis a count may be a second old. */
const COUNT_AFTER_MS = [100, 1_500];

/** What the page publishes. With tokens `from` is the name. */
interface Data {
  readonly name?: string;
  readonly content: string;
}

export const openPane = (options: PaneOptions): Pane => {
  const { url, base, isTokenRequired, onNamed } = options;
  const cable = line(
    (to, protocols) => new WebSocket(to, protocols),
    (work) => setTimeout(work),
    // the client tries at once, as when the network is back; a live client goes on
    () => navigator.onLine && window.dispatchEvent(new Event('online')),
  );
  let who = options.who;
  let state = pane.emptyPane(isTokenRequired);
  let chat: Chat | undefined;
  let room: Room<Data> | undefined;
  let leave = (): void => undefined;
  let isLoading = false;
  let isAway = false;
  let problem = '';
  let sent = 0;
  let counting: readonly ReturnType<typeof setTimeout>[] = [];

  const render = (): void => {
    view.show({ state, isBroken: cable.isBroken(), isLoading, room: who.room, problem });
    view.tick(Date.now());
  };
  const step = (change: pane.Step): void => {
    state = change(state);
    render();
  };

  const explain = async (): Promise<void> => {
    const { token } = who;
    const found = await diagnosis(fetch.bind(window), base, token);
    if (state.status._tag !== 'Waiting' || cable.isBroken() || token !== who.token) return;
    problem = found;
    render();
  };

  const open = (): Chat => {
    const { token } = who;
    const opened = connect({
      url,
      WebSocket: cable.WebSocket,
      ...(isTokenRequired ? { token: () => token } : {}),
    });
    opened.status$.subscribe((status) => {
      // the last status of a client that was replaced
      if (chat !== undefined && chat !== opened) return;
      if (status._tag === 'Live') onNamed(status.connectionId, status.userId ?? who.name);
      if (status._tag === 'Live' || cable.isBroken()) problem = '';
      step(pane.onStatus(status, Date.now()));
      if (status._tag === 'Waiting' && status.because !== 'hidden' && !cable.isBroken())
        void explain();
    });
    return opened;
  };

  const join = (client: Chat): void => {
    leave();
    const joined = client.room<Data>(who.room);
    const subscriptions = [
      joined.message$.subscribe((message) => step(roomEvents.onMessage(message))),
      joined.event$.subscribe((notice) => {
        step(roomEvents.onNotice(notice, Date.now()));
        if (notice._tag === 'Presence') count();
      }),
      joined.members$.subscribe((members) => step(roomEvents.onMembers(members))),
    ];
    room = joined;
    leave = () => subscriptions.forEach((subscription) => subscription.unsubscribe());
    if (isAway) joined.setPresence('away');
    isLoading = true;
    const loaded = (change: pane.Step): void => {
      if (room !== joined) return;
      isLoading = false;
      step(change);
    };
    joined.history({ limit: HISTORY }).then(
      ({ messages }) => loaded(roomEvents.onHistory(messages)),
      // the pane then begins with new messages. Where the room is forbidden, the join is refused too, with
      // the reason
      () => loaded((same) => same),
    );
  };

  const count = (): void => {
    for (const timer of counting) clearTimeout(timer);
    counting = COUNT_AFTER_MS.map((ms) =>
      setTimeout(() => {
        const asked = who;
        void membersOf(fetch.bind(window), { base, ...who }).then((members) => {
          if (members !== undefined && who === asked) step(roomEvents.onMembers(members));
        });
      }, ms),
    );
  };

  const enter = (next: Who): void => {
    const isOther = next.room !== who.room || next.token !== who.token;
    const isOtherToken = next.token !== who.token;
    who = next;
    problem = '';
    if (state.status._tag === 'Live')
      onNamed(state.status.connectionId, state.status.userId ?? who.name);
    const isClosed = state.status._tag === 'Closed';
    if (chat !== undefined && !isOther && !isClosed) return render();
    if (isOtherToken) step(pane.withAnotherToken);
    // a new client has no position to go on from: what it missed comes with the history
    else if (isOther || isClosed) step(pane.inAnotherRoom);
    if (isOtherToken || isClosed || chat === undefined) {
      leave();
      const old = chat;
      chat = undefined;
      old?.close();
      chat = open();
    }
    join(chat);
  };

  const view = paneView(options, {
    enter,
    send: (content) => {
      if (room === undefined) {
        problem = 'Paste a token and press Join.';
        return render();
      }
      const own = ++sent;
      step(publishing.onPublish(own, content, Date.now()));
      room.publish({ ...(isTokenRequired ? {} : { name: who.name }), content }).then(
        (ack) => step(publishing.onAck(own, ack, Date.now())),
        (error: unknown) =>
          step(publishing.onRefused(own, error instanceof Error ? error.message : String(error))),
      );
    },
    setBroken: (isBroken) => {
      if (isBroken) cable.break();
      else cable.mend();
      problem = '';
      render();
    },
    setAway: (next) => {
      isAway = next;
      room?.setPresence(next ? 'away' : 'online');
    },
  });
  setInterval(() => view.tick(Date.now()), TICK_MS);
  if (isTokenRequired) render();
  else enter(who);
  return { named: (connectionId, name) => step(roomEvents.named(connectionId, name)) };
};
