/**
 * Runs a tab: `tabStep` makes of each input the next state and effects. While the tab leads, it runs the
 * leader as well, and is a tab of this leader like any other.
 *
 *   client ───┐                      ┌─▶ client: frames, ends of its sockets
 *   channels ─┼─▶ tabStep ─▶ state ──┼─▶ channels: the leader, or the leader in this tab
 *   locks ────┤           (wakeAt)   └─▶ locks
 *   timer ────┘
 *
 * Source: it uses the channels and locks of the browser, and subscribes to the events of the page, from the
 * first socket of the client until the client is closed or the page is frozen.
 */
import { forward } from '../forward.js';
import { newRef } from '../ref.js';
import type { RunnerDeps } from '../runner.js';
import { LONGEST_MS } from '../state.js';
import type { OpenSocket } from '../web-socket-class.js';
import { type BroadcastChannelClass, type Channel, isChannel, type Locks } from './browser.js';
import { ClientSocket } from './client-socket.js';
import { tabLocks } from './leader-lock.js';
import { type LeaderRunner, leaderRunner } from './leader-runner.js';
import { type Announcement, type Dated, isAnnouncement, isDated, isToTab } from './messages.js';
import {
  announced,
  closeSocket,
  deposed,
  elected,
  entered,
  exited,
  fromLeader,
  left,
  openSocket,
  sendText,
  STALE_MS,
  tabStep,
} from './tab.js';
import { newTab, type TabChange, type TabEffect } from './tab-state.js';

export interface TabRunner {
  readonly open: OpenSocket;
  readonly leave: () => void;
}

export interface TabDeps extends RunnerDeps {
  /** Tabs with the same name share a socket. */
  readonly name: string;
  readonly locks: Locks;
  readonly BroadcastChannel: BroadcastChannelClass;
}

export const tabRunner = (deps: TabDeps): TabRunner => {
  const { name, BroadcastChannel, page$ } = deps;
  const { scheduler, wall, random } = deps.clock;
  const clientSockets = new Map<string, ClientSocket>();
  const inputs: TabChange[] = [];
  let state = newTab(newRef(random));
  const { tab } = state;
  let opened = 0;
  /**
   * The name of this stay of the tab, and of the tab's own lock. When a stay ends, the leader gets this lock
   * (`whenGone`). A frozen leader does not give it back, so the next stay has another name.
   */
  let stay = tab;
  let stays = 0;
  let isRunning = false;
  let timer = scheduler.schedule(() => undefined);
  /** The events of the page, while the tab is in. */
  let life = timer;
  /** The channel of all tabs; that to the leader which is followed; those to the tabs that are led. */
  let common: Channel | undefined;
  let followed: Channel | undefined;
  const led = new Map<string, Channel>();
  let leader: LeaderRunner | undefined;
  /** How many requests for a token had failed when this tab resigned. */
  let refusals = 0;

  const dispatch = (input: TabChange): void => {
    inputs.push(input);
    if (isRunning) return;
    isRunning = true;
    try {
      for (let next = inputs.shift(); next; next = inputs.shift()) {
        const { nowMs, setBack } = forward(state, wall());
        state = { ...tabStep(state, next, nowMs, random()), setBack };
        // the effects may cause inputs, which wait
        state.effects.forEach(perform);
      }
    } finally {
      // what the browser throws ends this run only
      isRunning = false;
    }
    timer.unsubscribe();
    if (state.wakeAt < Infinity)
      timer = scheduler.schedule(
        () => dispatch((at) => at),
        Math.min(Math.max(0, state.wakeAt - state.nowMs), LONGEST_MS),
      );
  };

  const locks = tabLocks({
    locks: deps.locks,
    scheduler,
    name,
    entered: () => dispatch(entered),
    elected: () => dispatch(elected),
    deposed: () => dispatch(deposed),
  });

  const channel = (of: string, received: (data: unknown) => void): Channel => {
    const made = new BroadcastChannel(of);
    if (!isChannel(made)) throw new TypeError('BroadcastChannel: pass the class of the platform');
    made.addEventListener('message', ({ data }) => received(data));
    return made;
  };
  const announce = (message: Announcement): void => common?.postMessage(message);

  const onAnnouncement = (data: unknown): void => {
    if (!isAnnouncement(data)) return;
    if (data._tag === 'Lead') dispatch(announced(data.leader, data.since));
    else welcome(data.tab);
  };

  /** A tab looks for the leader: if this tab leads, it answers. */
  const welcome = (other: string): void => {
    const { leader: id, since } = state;
    if (!leader || id === undefined) return;
    if (!led.has(other)) {
      led.set(
        other,
        channel(`${name} ${id} ${other}`, (data) => isDated(data) && onDated(other, data)),
      );
      locks.whenGone(other, () => {
        led.get(other)?.close();
        led.delete(other);
        leader?.gone(other);
      });
    }
    announce({ _tag: 'Lead', leader: id, since });
    led.get(other)?.postMessage({ _tag: 'Ready' });
  };

  const onDated = (other: string, { at, message }: Dated): void => {
    // this tab was frozen while it led. Another leader may have sent this message to the server long ago
    if (wall() - at > STALE_MS) dispatch(deposed);
    else leader?.fromTab(other, message);
  };

  const unlead = (): void => {
    leader?.stop();
    leader = undefined;
    for (const one of led.values()) one.close();
    led.clear();
  };
  const unfollow = (): void => {
    followed?.close();
    followed = undefined;
  };

  const perform = (effect: TabEffect): void => {
    switch (effect._tag) {
      case 'Enter':
        common = channel(name, onAnnouncement);
        life = page$.subscribe((event) => {
          if (event === 'freeze' || event === 'pagehide') dispatch(exited);
        });
        stay = `${tab} ${stays++}`;
        return locks.enter(stay);
      case 'Exit':
        life.unsubscribe();
        unlead();
        unfollow();
        common?.close();
        return locks.exit(effect.keepMs);
      case 'Who':
        return announce({ _tag: 'Who', tab: stay });
      case 'Follow': {
        unfollow();
        const of = effect.leader;
        followed = channel(`${name} ${of} ${stay}`, (data) => {
          if (isToTab(data)) dispatch(fromLeader(of, data));
        });
        return;
      }
      case 'Steal':
        return locks.steal();
      case 'Lead': {
        unlead();
        unfollow();
        leader = leaderRunner({
          ...deps,
          tab,
          toTab: (to, message) =>
            to === tab
              ? dispatch(fromLeader(effect.leader, message))
              : led.get(to)?.postMessage(message),
          refusals,
          resign: (failed) => {
            refusals = failed;
            dispatch(deposed);
          },
        });
        refusals = 0;
        return announce({ _tag: 'Lead', leader: effect.leader, since: effect.since });
      }
      case 'Resign':
        unlead();
        return locks.resign();
      case 'ToLeader':
        if (leader) leader.fromTab(tab, effect.message);
        else followed?.postMessage({ at: wall(), message: effect.message } satisfies Dated);
        return;
      case 'Text':
        return clientSockets.get(effect.socket)?.emit('message', { data: effect.text });
      case 'Ended': {
        const socket = clientSockets.get(effect.socket);
        clientSockets.delete(effect.socket);
        socket?.emit('close', effect);
      }
    }
  };

  return {
    open: (url) => {
      const id = `${tab} ${opened++}`;
      const socket = new ClientSocket(
        (text) => dispatch(sendText(id, text)),
        () => {
          clientSockets.delete(id);
          dispatch(closeSocket(id));
        },
      );
      clientSockets.set(id, socket);
      // a relative URL is no `URL`
      const query = new URLSearchParams(url.slice(url.indexOf('?') + 1));
      dispatch(openSocket(id, query.get('last_id') ?? undefined));
      return socket;
    },
    leave: () => dispatch(left),
  };
};
