import { left, right as answer } from 'fp-ts/lib/Either.js';
import { firstValueFrom, of } from 'rxjs';
import t from 'tap';
import { sqlDraft } from '../lib/broker/sql-outbox/sql-draft.js';
import type { ModeratedResult } from '../lib/moderated-publish.js';
import { rowPublish } from '../lib/row-publish.js';
import { right } from './support/messages.js';
import { sqlRow } from './support/sql-outbox.js';

const CASES: readonly (readonly [when: string, ModeratedResult, outcome: object])[] = [
  ['is published', answer({ id: 'i', duplicate: false, scope: 'cluster' }), { _tag: 'Published' }],
  ['is dropped by a hook', answer(undefined), { _tag: 'Published' }],
  [
    'was published with what a hook made of it then',
    left({ _tag: 'KeyReused' }),
    { _tag: 'Published' },
  ],
  [
    'is rejected by a hook',
    left({ _tag: 'Rejected', text: 'rude' }),
    { _tag: 'Rejected', reason: 'rude' },
  ],
  [
    'is not taken by the broker',
    left({ _tag: 'Unavailable', detail: 'full' }),
    { _tag: 'Refused', detail: 'full' },
  ],
];

for (const [when, result, outcome] of CASES)
  t.test(`when a row ${when}, then it is ${String(Reflect.get(outcome, '_tag'))}`, async (t) => {
    const publish = rowPublish(() => of(result));
    t.same(await firstValueFrom(publish(right(sqlDraft(sqlRow(1))))), outcome);
  });
