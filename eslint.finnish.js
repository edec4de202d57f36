// `$` on what is a stream and on nothing else. The plugin's rule of this name wants it on functions that return one too,
// but here those are named after what they do: `accept`, `publish`, `channel`.

/** Whether a type is an Observable or made of them alone; `undefined` beside it does not count. */
export const isStream = (type, checker) => {
  if (type.isUnion()) {
    const parts = type.types
      .map((part) => checker.getNonNullableType(part))
      .filter((part) => !isNever(part));
    return parts.length > 0 && parts.every((part) => isStream(part, checker));
  }
  if (type.isIntersection()) return type.types.some((part) => isStream(part, checker));
  if (type.symbol?.name === 'Observable') return true;
  return type.isClassOrInterface() || type.target?.isClassOrInterface()
    ? (type.symbol?.declarations?.length ?? 0) > 0 &&
        checker.getBaseTypes(type.target ?? type).some((base) => isStream(base, checker))
    : false;
};

const NEVER = 131_072;
const isNever = (type) => (type.flags & NEVER) !== 0;
const ANY_OR_UNKNOWN = 3;

export const finnish = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      missing: '{{name}} is a stream: its name ends with $',
      wrong: '{{name}} is no stream: its name does not end with $',
    },
  },
  create: (context) => {
    const services = context.sourceCode.parserServices;
    const checker = services.program.getTypeChecker();
    const check = (node) => {
      if (node?.type !== 'Identifier') return;
      const type = services.getTypeAtLocation(node);
      if ((type.flags & ANY_OR_UNKNOWN) !== 0) return;
      const stream = isStream(checker.getNonNullableType(type), checker);
      if (stream === node.name.endsWith('$')) return;
      context.report({ node, messageId: stream ? 'missing' : 'wrong', data: { name: node.name } });
    };
    const pattern = (node) => {
      if (node.type === 'AssignmentPattern') pattern(node.left);
      else if (node.type === 'ObjectPattern') {
        for (const property of node.properties)
          if (property.type === 'Property') pattern(property.value);
      } else if (node.type === 'ArrayPattern') {
        for (const element of node.elements) if (element !== null) pattern(element);
      } else check(node);
    };
    const parameters = ({ params }) => params.forEach(pattern);
    return {
      VariableDeclarator: ({ id }) => pattern(id),
      ArrowFunctionExpression: parameters,
      FunctionExpression: parameters,
      FunctionDeclaration: parameters,
      TSPropertySignature: ({ key, computed }) => computed || check(key),
      PropertyDefinition: ({ key, computed }) => computed || check(key),
      'ObjectExpression > Property': ({ key, computed }) => computed || check(key),
    };
  },
};
