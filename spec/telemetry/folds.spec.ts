/** A fold of the hub's events may fail: the other folds miss nothing, and the process goes on. */
import { pino } from 'pino';
import t from 'tap';
import type { HubEvent } from '../../lib/hub-event.js';
import { type Fold, type FoldName, guarded } from '../../lib/telemetry/folds.js';
import { eventLog } from '../../lib/telemetry/event-log.js';
import { startPod } from '../support/pod.js';
import { until } from '../support/redis.js';

const RECEIVED: HubEvent = { _tag: 'Received', messages: 1 };
const error = new Error('no');
const fail = (): never => {
  throw error;
};
const taking = (name: FoldName, taken: string[]): Fold => ({
  name,
  take: (event) =>
    taken.push(
      event._tag === 'FoldFailed' ? `${name} ${event.fold} failed` : `${name} ${event._tag}`,
    ),
});

t.test('when a fold throws, then the others get the event and `FoldFailed`', async (t) => {
  const taken: string[] = [];
  const folds = guarded([
    { name: 'metrics', take: fail },
    taking('stats', taken),
    taking('onEvent', taken),
  ]);
  for (const take of folds) take(RECEIVED);
  t.strictSame(taken, [
    'stats metrics failed',
    'onEvent metrics failed',
    'stats Received',
    'onEvent Received',
  ]);
});

t.test('when a fold is async and rejects, then it counts as one that throws', async (t) => {
  const taken: string[] = [];
  const folds = guarded([
    taking('metrics', taken),
    { name: 'onEvent', take: () => Promise.reject(error) },
  ]);
  for (const take of folds) take(RECEIVED);
  await until('it is told', () => taken.length === 2);
  t.strictSame(taken, ['metrics Received', 'metrics onEvent failed']);
});

t.test('when all folds throw, then no event is reported without end', async (t) => {
  const folds = guarded(
    (['metrics', 'stats', 'onEvent'] as const).map((name) => ({ name, take: fail })),
  );
  t.doesNotThrow(() => {
    for (const take of folds) take(RECEIVED);
  });
});

t.test('when a fold fails again and again, then the log has one line a minute', async (t) => {
  const lines: unknown[] = [];
  const logger = pino({}, { write: (text) => void lines.push(JSON.parse(text)) });
  const record = eventLog(logger, () => 0, true);
  for (const fold of ['metrics', 'metrics', 'stats'] as const)
    record({ _tag: 'FoldFailed', fold, error });
  t.match(lines, [
    { level: 40, fold: 'metrics', err: { message: 'no' }, msg: /^events: / },
    { level: 40, fold: 'stats' },
  ]);
  t.equal(lines.length, 2);
});

t.test(
  'when onEvent throws or rejects, then the pod goes on, and counts the failure',
  async (t) => {
    const ways: Readonly<Record<string, (event: HubEvent) => void>> = {
      throws: fail,
      // eslint-disable-next-line @typescript-eslint/no-misused-promises
      rejects: async () => Promise.reject(error),
    };
    for (const [name, onEvent] of Object.entries(ways)) {
      const pod = await startPod(t, { access: { authEnabled: false } }, { onEvent });
      const client = await pod.connect('/ws/general');
      client.send({ type: 'chat', id: 'a', data: name });
      await client.received({ data: name });
      t.equal(await pod.metric('realtime_messages_received'), 1, name);
      t.equal(pod.app.stats().messages_received, 1);
      t.ok((await pod.metric('realtime_event_failures{fold="onEvent"}')) > 2);
      await client.close();
    }
  },
);
