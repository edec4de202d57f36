/** A frame of a tab's client: what the leader answers itself, and what goes to the server. Pure. */
import { frame, GLOBAL, has } from '../frames.js';
import { feedOf, type LeaderState, upstreamOf, withFeed, withUpstream } from './leader-state.js';
import { isFull, queued } from './upstream.js';
import { deliver, endSockets } from './to-tabs.js';

interface ClientFrame {
  readonly type: string;
  readonly id?: string;
  readonly room?: string;
  readonly data?: { readonly last_id?: string; readonly status?: string };
}

export const fromClient = (state: LeaderState, socket: string, text: string): LeaderState => {
  const number = state.sockets.get(socket)?.upstream;
  const upstream = number === undefined ? undefined : upstreamOf(state, number);
  const read: unknown = JSON.parse(text);
  // the tab has the same library: so only the `type` of its frame is checked
  if (number === undefined || !upstream || !has<ClientFrame>(read, 'type')) return state;
  const { type, id, room: name = GLOBAL, data } = read;
  const feed = feedOf(state, number, name);
  switch (type) {
    case 'ping':
      return deliver(state, [socket], frame('pong', { id: '' }));
    case 'join': {
      const joiner = { socket, ref: id, lastId: data?.last_id };
      return withFeed(state, number, name, { joiners: [...feed.joiners, joiner] });
    }
    case 'leave': {
      const left = { event: 'left', room: name, reason: 'asked' };
      const isOther = (one: { readonly socket: string }): boolean => one.socket !== socket;
      const { asked } = feed;
      return withFeed(
        deliver(state, [socket], frame('system', { id: '', room: name, data: left })),
        number,
        name,
        {
          members: feed.members.filter((one) => one !== socket),
          joiners: feed.joiners.filter(isOther),
          asked: asked && { ...asked, joiners: asked.joiners.filter(isOther) },
          ahead: new Map([...feed.ahead].filter(([one]) => one !== socket)),
          statuses: new Map([...feed.statuses].filter(([one]) => one !== socket)),
        },
      );
    }
    case 'presence':
      return withFeed(state, number, name, {
        statuses: new Map(feed.statuses).set(socket, data?.status ?? ''),
      });
    default: {
      if (isFull(upstream)) return endSockets(state, [socket], 1013, 'too many frames wait');
      const refs = id === undefined ? upstream.refs : new Map(upstream.refs).set(id, socket);
      return queued(withUpstream(state, number, { refs }), number, text, id);
    }
  }
};
