/** A pod with limits, and the check that it works as before. */
import { randomUUID } from 'node:crypto';
import { type Test } from 'tap';
import { type Client } from './client.js';
import { BASE, type Pod, startPod } from './pod.js';
import { handshakeOf, type RawClient } from './raw-client.js';
import { until } from './redis.js';

/** A pod with a healthy client in the room `general`. */
export const podWith = async (
  t: Test,
  overrides: Parameters<typeof startPod>[1] = {},
): Promise<{ readonly pod: Pod; readonly healthy: Client }> => {
  const pod = await startPod(t, overrides);
  return { pod, healthy: await pod.connect('/ws/general') };
};

/** Checks that the healthy client receives messages and is the only one left. */
export const isUnharmed = async (
  t: Test,
  pod: Pod,
  healthy: Client,
  what: string,
): Promise<void> => {
  const mark = randomUUID();
  await pod.app.publish({ room: 'general', data: mark });
  t.equal(
    (await healthy.received({ type: 'notification', data: mark })).data,
    mark,
    `${what}: others receive`,
  );
  await until(`${what}: nobody else is left`, () => pod.connections() === 1);
};

/** A raw socket after its handshake and its `joined` of the room. */
export const member = async (pod: Pod): Promise<RawClient> => {
  const client = await pod.raw();
  client.write(handshakeOf(`${BASE}/ws/general`));
  await until('joined', () => client.texts().some((text) => text.includes('"joined","room"')));
  return client;
};

export const chat = (data: unknown): string => JSON.stringify({ type: 'chat', data });
