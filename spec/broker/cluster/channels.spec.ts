/** The registry of open channels. */
import { Observable } from 'rxjs';
import t from 'tap';
import type { ChannelEvent } from '../../../lib/broker/index.js';
import type { RawEvent } from '../../../lib/broker/cluster/channel-events.js';
import {
  type Channels,
  type OpenChannel,
  openChannels,
} from '../../../lib/broker/cluster/channels.js';
import { Relay } from '../../../lib/rx/relay.js';
import type { LogPosition, Room } from '../../../lib/protocol/position.js';

const AT: LogPosition = { tag: 1, offset: 2, ms: 3, id: null };

/** A channel of a room, what it was sent, and what it emitted. */
const channelIn = (channels: Channels, room: Room) => {
  const raw$ = new Relay<RawEvent>();
  const sent: string[] = [];
  const emitted: ChannelEvent[] = [];
  raw$.subscribe(({ _tag }) => sent.push(_tag));
  const opened: OpenChannel[] = [];
  new Observable<ChannelEvent>((out) => {
    opened.push({ raw$, out });
  }).subscribe((event) => emitted.push(event));
  const [channel] = opened;
  if (channel === undefined) throw new Error('expected a channel, got none');
  channels.open(room, channel);
  return { channel, sent, emitted };
};

t.test(
  'when a room has a channel, then it gets what is sent to the room, and no other',
  async (t) => {
    const channels = openChannels();
    const r = channelIn(channels, 'r');
    const s = channelIn(channels, 's');
    channels.send('r', { _tag: 'Poll' });
    channels.sendToAll({ _tag: 'Degraded' });
    channels.send('none', { _tag: 'Poll' });
    t.same([r.sent, s.sent], [['Poll', 'Degraded'], ['Degraded']]);
    t.same(channels.rooms(), ['r', 's']);
  },
);

t.test('when a channel has no position yet, then it gets no count', async (t) => {
  const channels = openChannels();
  const { channel, emitted } = channelIn(channels, 'r');
  channels.count('r', 5);
  t.equal(channels.position('r'), undefined);
  channels.reached('r', channel, AT);
  channels.count('r', 6);
  t.same(emitted, [{ _tag: 'Counted', others: 6 }]);
  t.equal(channels.position('r'), AT);
});

t.test('when the last channel of a room ends, then the room is forgotten', async (t) => {
  const channels = openChannels();
  const first = channelIn(channels, 'r');
  const second = channelIn(channels, 'r');
  channels.reached('r', first.channel, AT);
  channels.close('r', first.channel);
  t.ok(channels.has('r'));
  t.equal(channels.position('r'), AT, 'the next channel of the room goes on from there');
  channels.close('r', second.channel);
  channels.close('r', second.channel);
  channels.reached('r', second.channel, AT);
  t.same([channels.has('r'), channels.size(), channels.position('r')], [false, 0, undefined]);
});

t.test(
  'when channels fall behind their logs, then only the first and the last change is reported',
  async (t) => {
    const channels = openChannels();
    const reports: boolean[] = [];
    channels.allSynced$.subscribe((all) => reports.push(all));
    const [r, s] = [channelIn(channels, 'r').channel, channelIn(channels, 's').channel];
    channels.synced(r, false);
    channels.synced(s, false);
    channels.synced(r, true);
    channels.synced(r, true);
    t.same(reports, [false]);
    channels.synced(s, true);
    t.same(reports, [false, true]);
  },
);
