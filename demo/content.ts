/** What a message says, and who says it. The page sends `{ name, content }`; other programs send any JSON. */
import type { Message } from 'chat-api/client';

const MAX_NAME = 32;

const fieldOf = (data: unknown, key: string): unknown =>
  typeof data === 'object' && data !== null
    ? Object.entries(data).find(([k]) => k === key)?.[1]
    : undefined;

export const textField = (data: unknown, key: string): string | undefined => {
  const value = fieldOf(data, key);
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
};

export const contentOf = (data: unknown): string =>
  typeof data === 'string'
    ? data
    : (textField(data, 'content') ?? textField(data, 'text') ?? JSON.stringify(data));

/** The name that the sender wrote. Without tokens nothing proves it. */
export const writtenName = ({ data }: Message): string | undefined =>
  textField(data, 'name')?.trim().slice(0, MAX_NAME);

const CONNECTION_ID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

/** A name for a `from` that has none: a user id is a name, a connection id is not. */
export const nameOfId = (id: string): string =>
  CONNECTION_ID.test(id) ? `guest ${id.slice(0, 4)}` : id;
