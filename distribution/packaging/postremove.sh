#!/bin/sh
# Copyright The Tapio Authors
# SPDX-License-Identifier: Apache-2.0

# After the files went. What was stored stays until the package is purged; rpm knows no purge and leaves it.
set -e

case "$1" in
purge) rm -rf /var/lib/tapio ;;
esac
[ ! -d /run/systemd/system ] || systemctl daemon-reload
