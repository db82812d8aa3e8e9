#!/bin/sh
# Installs Chromium for the tests of pages where it is missing and can be: on Debian and its kin, as root. Never fails;
# without Chromium those tests are skipped and say so.
if command -v chromedriver >/dev/null 2>&1; then
  exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "Chromium and chromedriver are missing: the tests of pages will be skipped." >&2
  exit 0
fi
{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium chromium-driver; } >/dev/null 2>&1 ||
  echo "Chromium could not be installed: the tests of pages will be skipped." >&2
exit 0
