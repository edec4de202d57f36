// Streams are composed; only a source may subscribe to one: a file whose header has a line `Source: …` that says
// what it makes a stream of, or what ends with it. `rx/` is made of operators, and `app.ts` is the program.

import { isStream } from './eslint.finnish.js';

export const sources = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      undeclared:
        'compose the stream, or declare the file a source: a line `Source: …` in its header',
      unused: 'this file subscribes to no stream: take the line `Source: …` out of its header',
    },
  },
  create: (context) => {
    const { sourceCode } = context;
    const services = sourceCode.parserServices;
    const checker = services.program.getTypeChecker();
    const [header] = sourceCode.getAllComments();
    const isSource =
      header?.type === 'Block' &&
      header.loc.start.line === 1 &&
      /^ \* Source: /m.test(header.value);
    let subscribes = false;
    return {
      'CallExpression > MemberExpression.callee[property.name="subscribe"]': (node) => {
        const type = services.getTypeAtLocation(node.object);
        if (!isStream(checker.getNonNullableType(type), checker)) return;
        subscribes = true;
        if (!isSource) context.report({ node: node.property, messageId: 'undeclared' });
      },
      'Program:exit': () => {
        if (isSource && !subscribes) context.report({ loc: header.loc, messageId: 'unused' });
      },
    };
  },
};
