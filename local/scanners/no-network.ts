/** A proxy that is not there: whatever a scanner still asks of somebody fails at once, and never leaves this machine. */
const NOBODY = "http://127.0.0.1:9";

export const NO_NETWORK = {
  HTTPS_PROXY: NOBODY,
  HTTP_PROXY: NOBODY,
  https_proxy: NOBODY,
  http_proxy: NOBODY,
  NO_PROXY: "",
  no_proxy: "",
};
