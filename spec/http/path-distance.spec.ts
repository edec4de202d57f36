/** How far a path is from the path of an endpoint. */
import t from 'tap';
import { pathDistance } from '../../lib/http/path-distance.js';

const segments = (path: string): readonly string[] => path.split('/').filter((one) => one !== '');
const distance = (asked: string, own: string): number =>
  pathDistance(segments(asked), segments(own));

t.test('when two paths are the same, then the distance is 0, but for parameters', async (t) => {
  t.equal(distance('/rooms', '/rooms'), 0);
  t.equal(distance('', ''), 0);
  t.ok(distance('/rooms/a', '/rooms/{room}') < distance('/rooms/a', '/rooms'));
  t.ok(distance('/ws/stats', '/ws/stats') < distance('/ws/stats', '/ws/{room}'));
});

t.test('when letters differ, then the distance is their share of the segment', async (t) => {
  t.equal(distance('/mesages', '/messages'), 1 / 8, 'one less');
  t.equal(distance('/messsages', '/messages'), 1 / 9, 'one more');
  t.equal(distance('/massages', '/messages'), 1 / 8, 'another one');
  t.equal(distance('/wss', '/ws'), 1 / 3);
  t.ok(distance('/publish', '/messages') > 1, 'another word');
});

t.test(
  'when a segment is missing or one too many, then the distance is smaller than for another text',
  async (t) => {
    for (const asked of ['/v1/messages', '/messages/new'])
      t.ok(distance(asked, '/messages') < distance('/publish', '/messages'), asked);
    t.ok(distance('/rooms', '/rooms/{room}') < distance('/rooms', '/rooms/{room}/messages'));
  },
);

t.test('when a segment has 16,000 letters, then it is compared with none', async (t) => {
  t.ok(distance(`/${'m'.repeat(16_000)}`, '/messages') > 1);
});
