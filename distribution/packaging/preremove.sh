#!/bin/sh
# Copyright The Tapio Authors
# SPDX-License-Identifier: Apache-2.0

# Before the files go. Debian: remove or upgrade; rpm: 0 for a removal, 1 for an upgrade.
set -e

[ -d /run/systemd/system ] || exit 0
case "$1" in
remove | 0) systemctl disable --now tapio.service ;;
esac
