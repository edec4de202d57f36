/** The examples of an operation as HTML: each request with its answer, as they go over the wire. */
import { needsCredentials } from './access.js';
import { type Html, html } from './html.js';
import type { Content, Examples, OperationObject } from './openapi-types.js';

/** A value on one line when it fits, else indented. */
export const jsonText = (value: unknown): string => {
  const line = JSON.stringify(value);
  return line.length <= LINE ? line : JSON.stringify(value, undefined, 2);
};
const LINE = 90;

/** A text in a box. A reader scrolls the box when the text is wide. `tabindex`: with the keyboard too. */
export const pre = (text: string): Html => html`<pre tabindex="0"><code>${text}</code></pre>\n`;

export const examplesOf = (path: string, method: string, operation: OperationObject): Html => {
  const { parameters = [], requestBody, responses } = operation;
  const bodies = examplesIn(requestBody?.content);
  const answers = Object.entries(responses).map(
    ([status, { content }]) => [status, examplesIn(content)] as const,
  );
  const all = together([
    ...parameters.map(({ examples }) => examples),
    bodies,
    ...answers.map(([, examples]) => examples),
  ]);
  return html`${Object.entries(all).map(([name, { summary }]) => {
    const value = (of: Examples | undefined): unknown => of?.[name]?.value;
    const inPath = parameters.reduce(
      (url, parameter) =>
        parameter.in === 'path'
          ? url.replace(`{${parameter.name}}`, String(value(parameter.examples)))
          : url,
      path,
    );
    const query = parameters
      .filter((parameter) => parameter.in === 'query' && value(parameter.examples) !== undefined)
      .map((parameter) => `${parameter.name}=${String(value(parameter.examples))}`)
      .join('&');
    const body = value(bodies);
    const request = `${method} ${inPath}${query === '' ? '' : `?${query}`}`;
    const [status, answer] = answers.find(([, examples]) => name in examples) ?? [];
    return html`<p>${summary}</p>\n${pre(
      [
        request,
        ...(needsCredentials(operation) ? ['X-API-Key: KEY'] : []),
        ...(body === undefined ? [] : ['Content-Type: application/json', '', jsonText(body)]),
        ...(status === undefined ? [] : ['', status, jsonText(value(answer))]),
      ].join('\n'),
    )}`;
  })}`;
};

const examplesIn = (content: Content | undefined): Examples =>
  together(Object.values(content ?? {}).map(({ examples }) => examples));

const together = (some: readonly (Examples | undefined)[]): Examples =>
  some.reduce<Examples>((all, examples) => ({ ...all, ...examples }), {});
