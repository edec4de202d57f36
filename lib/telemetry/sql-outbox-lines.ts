/** The events of `chat_publish` as lines of the log. */
import type { SqlOutboxEvent } from '../broker/sql-outbox/sql-outbox-event.js';

export interface LineOptions {
  /** Distinguishes events of one kind. Beyond the bound the new reasons of a kind count as one. */
  readonly about?: string;
  readonly level?: 'warn' | 'error';
  readonly quietMs?: number;
}

type Line = readonly [kind: string, detail: { readonly detail: string }, options: LineOptions];
type Logged = Extract<SqlOutboxEvent, { readonly detail: string }>;

export const sqlOutboxLine = ({ _tag, detail }: Logged): Line => {
  switch (_tag) {
    case 'SqlOutboxInterrupted':
      return [
        'chat_publish: the connection to PostgreSQL was lost or refused; a pod that has one goes on',
        { detail },
        {},
      ];
    case 'SqlRefused':
      return ['chat_publish: a message waits, and is tried again', { detail }, { about: detail }];
    case 'SqlRejected':
      return [
        'chat_publish: a message cannot be published; it is in the table rejected',
        { detail },
        { about: detail, level: 'error' },
      ];
  }
};
