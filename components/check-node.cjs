'use strict';

// Pulumi loads this before the program (Pulumi.yaml, `nodeargs`). It is plain old JavaScript, so that a Node that is too old to strip types can still say so.
var NEEDED = 24;

var major = Number(process.versions.node.split('.')[0]);
if (major < NEEDED) {
  console.error(
    'smart-transfer needs Node ' +
      NEEDED +
      ' to run its Pulumi program, and `node` is ' +
      process.versions.node +
      ' here. Type\n\n  npm ci && npx pulumi ' +
      'up --stack dev\n\nwhich brings its own Node; or install Node ' +
      NEEDED +
      ' (.node-version) and run pulumi again.',
  );
  process.exit(1);
}
