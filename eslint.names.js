// Words that were names of many things here, and say nothing of any of them: each has field terms in its place
// (docs/architecture.md, glossary). A name is looked at word by word: `toldAt` is found, `foretell` is not.

const INSTEAD = new Map(
  Object.entries({
    tell: 'emit, send or report',
    say: 'send, publish or broadcast',
    hear: 'receive, or the name of the event',
    obey: 'dispatch, handle or apply',
    held: 'paused, pending, buffered or waiting',
    place: 'position, offset, index or slot',
    word: 'command, event or text',
    stranger: 'anonymous, foreign or a new membership',
    strange: 'foreign, unknown or invalid',
    seat: 'member or sink',
  }),
);

const FORMS = new Map(
  Object.entries({
    tells: 'tell',
    told: 'tell',
    telling: 'tell',
    says: 'say',
    said: 'say',
    saying: 'say',
    sayings: 'say',
    hears: 'hear',
    heard: 'hear',
    hearing: 'hear',
    obeys: 'obey',
    obeyed: 'obey',
    places: 'place',
    words: 'word',
    strangers: 'stranger',
    seats: 'seat',
    seated: 'seat',
  }),
);

/** The words of a name: of `toldAt$` they are `told` and `at`, of `MAX_SAID` they are `max` and `said`. */
const wordsOf = (name) =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[ _$]+/);

/** What to write in place of a name; undefined: the name is good. */
const insteadOf = (name) => {
  for (const word of wordsOf(name)) {
    const instead = INSTEAD.get(FORMS.get(word) ?? word);
    if (instead !== undefined) return { word, instead };
  }
  return undefined;
};

export const names = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { retired: '{{name}}: `{{word}}` is no name here; write {{instead}}' },
  },
  create: (context) => {
    const report = (node, name) => {
      const found = insteadOf(name);
      if (found !== undefined)
        context.report({ node, messageId: 'retired', data: { name, ...found } });
    };
    const check = (node) => {
      if (node?.type === 'Identifier') report(node, node.name);
    };
    const pattern = (node) => {
      if (node.type === 'AssignmentPattern') pattern(node.left);
      else if (node.type === 'RestElement') pattern(node.argument);
      else if (node.type === 'TSParameterProperty') pattern(node.parameter);
      else if (node.type === 'ArrayPattern') {
        for (const element of node.elements) if (element !== null) pattern(element);
      } else if (node.type === 'ObjectPattern') {
        for (const part of node.properties) pattern(part.type === 'Property' ? part.value : part);
      } else check(node);
    };
    const named = ({ id, params = [] }) => {
      check(id);
      params.forEach(pattern);
    };
    const keyed = ({ key, params = [], computed }) => {
      if (!computed) check(key);
      params.forEach(pattern);
    };
    return {
      VariableDeclarator: ({ id }) => pattern(id),
      FunctionDeclaration: named,
      FunctionExpression: named,
      ArrowFunctionExpression: named,
      TSFunctionType: named,
      TSDeclareFunction: named,
      ClassDeclaration: named,
      TSTypeAliasDeclaration: named,
      TSInterfaceDeclaration: named,
      TSPropertySignature: keyed,
      TSMethodSignature: keyed,
      PropertyDefinition: keyed,
      MethodDefinition: keyed,
      'ObjectExpression > Property': keyed,
      TSNamedTupleMember: ({ label }) => check(label),
      TSTypeParameter: ({ name }) => check(name),
      ImportSpecifier: ({ local }) => check(local),
      // what kind a value is, is a name as well
      '[key.name="_tag"] Literal': (node) => {
        if (typeof node.value === 'string') report(node, node.value);
      },
    };
  },
};
