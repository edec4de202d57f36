/**
 * What the documents need of an endpoint beside its row in the table of routes. Statuses that follow from the
 * row (its token, its query, its body) are not repeated here.
 */
import type * as t from 'io-ts';

export interface Answer {
  readonly description: string;
  /** Absent: the answer has no body, or is a problem (from 400 on). */
  readonly codec?: t.Mixed;
  /** The media type alone, without `charset`. Absent: `application/json`. */
  readonly mediaType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that can be sent as it stands, and the answer to it. The answer may be a refusal. */
export interface OperationExample {
  readonly name: string;
  readonly summary: string;
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly body?: unknown;
  readonly status: number;
  readonly answer?: unknown;
}

export interface Operation {
  readonly id: string;
  readonly tag: 'messages' | 'rooms' | 'operators' | 'sockets' | 'pod' | 'pages';
  readonly summary: string;
  readonly description?: string;
  /** The codecs of the parameters of path and query, by name. */
  readonly parameters?: Readonly<Record<string, t.Mixed>>;
  readonly body?: t.Mixed;
  readonly answers: Readonly<Record<number, Answer>>;
  readonly examples: readonly OperationExample[];
}

/** A row of the table of routes. */
export interface DocumentedRoute {
  readonly method: string;
  readonly path: string;
  readonly parameters?: readonly string[];
  readonly refusedWhileDraining?: true;
  readonly auth: 'none' | 'token' | 'operator' | 'room';
  /** Undefined: a file of a page, which no document lists. */
  readonly operation: Operation | undefined;
}
