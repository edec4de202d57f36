import t from 'tap';
import { isIncomplete } from '../../lib/connection/half-message.js';
import { type Played, played } from '../support/played-connection.js';
import { virtualClock } from '../support/virtual-clock.js';

const midMessage = (): Played => {
  const client = played(virtualClock());
  client.midMessage = true;
  return client;
};

/** When the check finds the message incomplete for too long, of one check a second; undefined: never. */
const foundAt = ({ connection }: Played, each: (ms: number) => void = () => undefined) => {
  for (let ms = 0; ms <= 120_000; ms += 1_000) {
    each(ms);
    if (isIncomplete(connection, ms)) return ms;
  }
  return undefined;
};

t.test('when one message stays incomplete, then it is found after 30 s', async (t) => {
  t.equal(foundAt(midMessage()), 31_000);
});

t.test('when the message ends in time, then the next one has its own 30 s', async (t) => {
  const client = midMessage();
  const ended = foundAt(client, (ms) => {
    if (ms === 20_000) client.messagesRead += 1;
  });
  t.equal(ended, 51_000);
});

t.test('when the socket is not read, then that time does not count', async (t) => {
  const client = midMessage();
  const resumed = foundAt(client, (ms) => {
    client.isPaused = ms >= 20_000 && ms < 60_000;
  });
  t.equal(resumed, 91_000);
});

t.test('when no message is incomplete, then nothing is found', async (t) => {
  t.equal(foundAt(played(virtualClock())), undefined);
});
