const js = require("@eslint/js");
const globals = require("globals");
const tseslint = require("typescript-eslint");

/** Imports point one way (DEVELOPING.md): what a folder must not import, by folder. */
const forbidden = {
  core: ["infrastructure", "config", "functions", "local", "bench", "cli", "main"],
  config: ["infrastructure", "functions", "local", "bench", "cli", "main"],
  infrastructure: ["functions", "local", "bench", "cli", "main"],
  functions: ["infrastructure", "config", "local", "bench", "cli", "main"],
  local: ["bench", "cli"],
  cli: ["local", "bench"],
  bench: ["cli"],
};

const barrel = {
  regex: "^@cdktf/provider-[a-z]+$",
  message: "Import the resource by path (@cdktf/provider-aws/lib/s3-bucket): the barrel costs 15 s of type-checking.",
};

module.exports = tseslint.config(
  { ignores: ["node_modules/", "**/cdktf.out/", "dist/", ".local/"] },
  js.configs.recommended,
  { files: ["**/*.js"], languageOptions: { globals: globals.node, sourceType: "commonjs" } },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: __dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "no-restricted-imports": ["error", { patterns: [barrel] }],
    },
  },
  ...Object.entries(forbidden).map(([folder, folders]) => ({
    files: [`${folder}/**/*.ts`],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            barrel,
            ...folders.map((name) => ({
              regex: `^(\\.\\./)+${name}(/|$)`,
              message: `${folder}/ must not import ${name}/.`,
            })),
          ],
        },
      ],
    },
  })),
  {
    // Publisher and proof must not share a misreading.
    files: ["local/proof/**/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            barrel,
            { regex: "^\\.\\./", message: "The proof of an image shares no code with anything else." },
          ],
        },
      ],
    },
  },
  {
    // Its own tsconfig.json finds the package where it is installed; here it is held to the sources, as by `npm run types`.
    files: ["examples/library/**/*.ts"],
    languageOptions: { parserOptions: { projectService: false, project: "tsconfig.json" } },
  },
  // A construct is made for its effect on the tree.
  { files: ["main.ts", "infrastructure/**/*.ts"], rules: { "no-new": "off" } },
  { files: ["__tests__/**/*.ts"], rules: { "@typescript-eslint/no-non-null-assertion": "off" } },
);
