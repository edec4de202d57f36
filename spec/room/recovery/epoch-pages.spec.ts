/** Pages of the archive that the joiners of a room share. */
import { firstValueFrom } from 'rxjs';
import t from 'tap';
import { epochPages } from '../../../lib/room/recovery/epoch-pages.js';
import { published } from '../../support/archive.js';
import { archiveTable, memoryArchive } from '../../support/memory-archive.js';
import { DOWN } from '../../support/played-archive.js';
import { virtualClock } from '../../support/virtual-clock.js';

const AT = 1_700_000_000_000;
const NOTHING = { ms: 0, tag: 1, offset: 0, global: false, outside: false, nonce: 0 };

const world = () => {
  const clock = virtualClock();
  const archive = memoryArchive(archiveTable());
  const messages = [1, 2, 3].map((offset) => published('r', { tag: 5, offset, ms: AT + offset }));
  archive.store('r', messages).subscribe();
  return { clock, archive, messages, pages: epochPages(archive, 'r', clock) };
};

t.test(
  'when joiners ask for one page within a second, then the archive is asked once',
  async (t) => {
    const { clock, archive, pages, messages } = world();
    const bounds = [
      { _tag: 'Time', ms: AT },
      { _tag: 'Position', tag: 5, offset: 1 },
      { _tag: 'Id', id: messages[0]?.id ?? NOTHING },
    ] as const;
    for (const bound of bounds)
      for (const _ of [1, 2]) {
        clock.advance(100);
        const page = await firstValueFrom(pages.after(bound, 2));
        t.match(page, { right: { entries: { length: 2 } } }, bound._tag);
      }
    t.equal(archive.pages.length, bounds.length);
    clock.advance(1_000);
    await firstValueFrom(pages.after(bounds[0], 2));
    t.equal(archive.pages.length, bounds.length + 1, 'later it is asked again');
    pages.clear();
    await firstValueFrom(pages.after(bounds[0], 2));
    t.equal(archive.pages.length, bounds.length + 2);
  },
);

t.test('when the archive has failed, then the next joiner asks it again', async (t) => {
  const { archive, pages } = world();
  archive.refused = DOWN;
  const page$ = pages.after({ _tag: 'Time', ms: AT }, 9);
  t.match(await firstValueFrom(page$), { left: DOWN });
  archive.refused = undefined;
  t.match(await firstValueFrom(page$), { right: { entries: { length: 3 } } });
});

t.test('when a time is asked for, then the last message before it is found', async (t) => {
  const { pages } = world();
  t.match(await firstValueFrom(pages.before(AT + 3)), {
    right: { entries: [{ id: { offset: 2 } }] },
  });
  t.match(await firstValueFrom(pages.before(AT + 1)), { right: { entries: [] } });
});
