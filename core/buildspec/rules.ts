/** What the linter knows to look for, each with one sentence for the documentation. */
export const rules = {
  "yaml-syntax": "The file is no YAML, or no mapping.",
  tab: "YAML allows no tabs for indentation.",
  "duplicate-key": "A key is written twice in one mapping: one of the two is lost.",
  "several-documents": "Only the first YAML document of a file is read.",
  version: "`version` must be 0.1 or 0.2, written like that.",
  "unknown-phase": "The phases are install, pre_build, build and post_build.",
  "unknown-key": "A key that the reference does not have, so nothing reads it.",
  "wrong-type": "A list, a mapping or a text where another of them belongs.",
  "unknown-value": "A value that the reference does not list.",
  "command-not-string": "YAML made a mapping, a list, a number, a boolean or nothing of a command.",
  "command-tag": "A command starts with a word that YAML keeps for itself (`!`, `&`), so the shell never sees it.",
  "joined-lines": "A plain, quoted or folded text joins lines that the shell needs apart.",
  "shell-syntax": "No shell parses the command.",
  "open-heredoc": "A here-document has no closing line inside its own command.",
  "get-login": "`aws ecr get-login` is gone from AWS CLI 2.",
  "push-after-failure":
    "post_build pushes an image without asking whether the build succeeded, and a failed build may have left one.",
  "pipe-hides-failure": "An assignment takes the output of a pipe whose failure nobody sees.",
  bashism: "A construct of bash without `shell: bash`.",
} as const;

export type RuleName = keyof typeof rules;
