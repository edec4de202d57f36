/** What the documents have on the pages and on themselves. */
import * as t from 'io-ts';
import type { Answer, Operation } from '../documents/operation.js';

const page = (description: string): Readonly<Record<number, Answer>> => ({
  200: { description, mediaType: 'text/html', codec: t.string },
});

export const FRONT_PAGE: Operation = {
  id: 'getFrontPage',
  tag: 'pages',
  summary: 'The page to try the service with.',
  answers: page('The page.'),
  examples: [{ name: 'open', summary: 'Open the page.', status: 200 }],
};

export const OPENAPI: Operation = {
  id: 'getOpenApi',
  tag: 'pages',
  summary: 'This document.',
  answers: { 200: { description: 'OpenAPI 3.1.', codec: t.UnknownRecord } },
  examples: [{ name: 'read', summary: 'Read the document.', status: 200 }],
};

export const ASYNCAPI: Operation = {
  id: 'getAsyncApi',
  tag: 'pages',
  summary: 'The messages on a WebSocket, the codes of errors and of closes.',
  answers: { 200: { description: 'AsyncAPI 3.', codec: t.UnknownRecord } },
  examples: [{ name: 'read', summary: 'Read the document.', status: 200 }],
};

export const DOCS: Operation = {
  id: 'getDocs',
  tag: 'pages',
  summary: 'Both documents as a page to read.',
  answers: page('The page.'),
  examples: [{ name: 'open', summary: 'Open the page.', status: 200 }],
};
