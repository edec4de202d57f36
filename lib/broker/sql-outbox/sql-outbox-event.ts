/** What the reader of the SQL outbox reports. */
export type SqlOutboxEvent =
  /** From now on this pod publishes the messages of `chat_publish`. */
  | { readonly _tag: 'SqlOutboxOwned' }
  /** The connection was lost or refused. This pod, or another one, goes on. */
  | { readonly _tag: 'SqlOutboxInterrupted'; readonly detail: string }
  /** `seconds`: from the call of the first of them to now. */
  | { readonly _tag: 'SqlPublished'; readonly messages: number; readonly seconds: number }
  /** A message waits, and those of its room after it: it was refused, and is tried again. */
  | { readonly _tag: 'SqlRefused'; readonly detail: string }
  /** A message can never be published. It was moved to the table `rejected`. */
  | { readonly _tag: 'SqlRejected'; readonly detail: string };
