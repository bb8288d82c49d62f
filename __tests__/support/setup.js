/* global jest */

// On Node 20 the AWS SDK says in each test file that it will need Node 22.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

// Where each value was made, which cdktf's own error messages alone show: a third of a synth under jest.
jest.mock("cdktf/lib/tokens/private/stack-trace", () => ({ captureStackTrace: () => [] }));

// The same bundles, kept between test files.
jest.mock("../../infrastructure/bundle", () => require("./bundles"));
