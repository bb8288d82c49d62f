const { availableParallelism } = require("node:os");

/** Unit tests need Node alone; end-to-end tests run real Terraform against local/ and take minutes. */
const toCommonJs = (syntax) => [
  "@swc/jest",
  { jsc: { target: "es2022", parser: { syntax } }, module: { type: "commonjs" } },
];

const common = {
  testEnvironment: "node",
  // unbash is published as ES modules only.
  transform: { "\\.ts$": toCommonJs("typescript"), "/node_modules/unbash/.+\\.js$": toCommonJs("ecmascript") },
  transformIgnorePatterns: ["/node_modules/(?!unbash/)"],
  setupFiles: ["<rootDir>/__tests__/support/setup.js"],
  modulePathIgnorePatterns: ["<rootDir>/cdktf.out", "<rootDir>/dist", "<rootDir>/.local"],
};

module.exports = {
  // More than there are cores: some tests wait for processes of their own. (Jest takes "150%" for 150.)
  maxWorkers: Math.ceil(1.5 * availableParallelism()),
  // Of what hangs; a machine that is busy with other things may be slow.
  testTimeout: 30_000,
  projects: [
    {
      ...common,
      displayName: "unit",
      testMatch: ["<rootDir>/__tests__/**/*.test.ts"],
      testPathIgnorePatterns: ["/node_modules/", "<rootDir>/__tests__/e2e/", "<rootDir>/__tests__/engines/"],
    },
    { ...common, displayName: "e2e", testMatch: ["<rootDir>/__tests__/e2e/**/*.test.ts"] },
    // On libraries and engines that are not installed with the project.
    { ...common, displayName: "engines", testMatch: ["<rootDir>/__tests__/engines/**/*.test.ts"] },
  ],
};
