/** Subscriptions on a Cluster: one connection for each master, and what is reported when one is lost. */
import type { Redis } from 'ioredis';
import t from 'tap';
import { shardedSubscriber } from '../../../lib/broker/redis/sharded-subscriber.js';
import { slotOf } from '../../../lib/broker/redis/slots.js';
import { PlayedNode } from '../../support/played-node.js';
import { virtualClock } from '../../support/virtual-clock.js';

const [A, B] = ['10.0.0.1:7000', '10.0.0.2:7000'] as const;
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const refusal = (message: string): Error =>
  Object.assign(new Error(message), { name: 'ReplyError' });

const world = () => {
  const clock = virtualClock();
  const nodes = new Map<string, PlayedNode>();
  const self = { owner: A as string | undefined, refreshes: 0, dropped: [] as string[] };
  const ended: PlayedNode[] = [];
  const subscriber = shardedSubscriber({
    clock,
    connect: (name) => {
      const node = new PlayedNode();
      nodes.set(name, node);
      return node as unknown as Redis;
    },
    drop: (connection) => ended.push(connection as unknown as PlayedNode),
    ownerOf: () => self.owner,
    refresh: () => {
      self.refreshes += 1;
    },
    dropped: (channels) => self.dropped.push(...channels),
    message: () => undefined,
  });
  const nodeAt = (name: string): PlayedNode => {
    const node = nodes.get(name);
    if (node === undefined) throw new Error(`expected a connection to ${name}`);
    return node;
  };
  /** Subscribes channels at a node that is ready. */
  const open = async (...channels: readonly string[]): Promise<PlayedNode> => {
    const done = subscriber.subscribe(channels);
    nodeAt(A).ready();
    await done;
    return nodeAt(A);
  };
  return Object.assign(self, { clock, nodes, ended, subscriber, nodeAt, open });
};

t.test('when channels have one slot, then one command subscribes them', async (t) => {
  const w = world();
  const node = await w.open('{a}1', '{a}2', '{b}1');
  t.same(node.commands.sort(), ['+{a}1,{a}2', '+{b}1'], 'Redis refuses one for two slots');
  t.equal(w.nodes.size, 1, 'one connection for a master');
  await w.subscriber.unsubscribe(['{a}1', '{b}1', '{b}1']);
  t.ok(node.commands.includes('-{a}1'));
});

t.test('when the owner of a slot is not known, then the subscription fails', async (t) => {
  const w = world();
  w.owner = undefined;
  await t.rejects(w.subscriber.subscribe(['c']), {
    message: /^the owner of slot \d+ is not known/,
  });
  t.equal(w.refreshes, 1);
});

t.test('when a slot has moved, then its new owner is asked', async (t) => {
  const w = world();
  const done = w.subscriber.subscribe(['c']);
  w.nodeAt(A).refuses = refusal(`MOVED ${slotOf('c')} ${B}`);
  w.nodeAt(A).ready();
  await settled();
  w.nodeAt(B).ready();
  await done;
  t.same(w.nodeAt(B).commands, ['+c']);
  t.equal(w.refreshes, 1);
});

t.test('when a node refuses a channel, then the other channels are subscribed', async (t) => {
  const w = world();
  const done = w.subscriber.subscribe(['{a}', '{b}']);
  w.nodeAt(A).refuses = refusal('NOPERM no permissions');
  w.nodeAt(A).ready();
  await t.rejects(done, { message: /^NOPERM/ });
  t.equal(w.nodeAt(A).commands.length, 2);
  w.nodeAt(A).emit('close');
  t.equal(w.dropped.length, 1);
});

t.test('when no address of a node connects, then the first refusal is the reason', async (t) => {
  const w = world();
  const done = w.subscriber.subscribe(['c']);
  const refused = new Error('connect ECONNREFUSED ::1:7000');
  w.nodeAt(A).emit('error', new AggregateError([refused], ''));
  w.nodeAt(A).emit('close');
  await t.rejects(done, { message: refused.message });
});

t.test('when a connection closes, then its channels are reported once', async (t) => {
  const w = world();
  const node = await w.open('c', 'd');
  node.emit('close');
  node.emit('close');
  t.same(w.dropped.sort(), ['c', 'd']);
  t.same([w.ended, w.refreshes], [[node], 1]);
});

t.test('when a node moves a slot away, then only channels of that slot are reported', async (t) => {
  const w = world();
  const node = await w.open('c', 'd');
  const kept = slotOf('d');
  node.slots = [[kept, kept, ['', 7_000]]];
  node.emit('moved');
  await settled();
  t.same([node.commands.at(-1), w.dropped], ['slots', ['c']]);
  t.same(w.ended, [], 'the connection stays');
});

t.test('when a node does not answer three pings, then it is given up', async (t) => {
  const w = world();
  const node = await w.open('c');
  node.isFrozen = true;
  w.clock.advance(1_500);
  t.same(w.dropped, []);
  w.clock.advance(500);
  t.same([w.dropped, w.ended], [['c'], [node]]);
});

t.test(
  'when the subscriber ends, then connections and ticks end and nothing is lost',
  async (t) => {
    const w = world();
    const node = await w.open('c');
    w.subscriber.end();
    node.emit('close');
    t.same([w.dropped, w.ended], [[], [node]]);
    t.equal(w.clock.pending(), 0);
  },
);
